using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>What a rule needs.</summary>
enum RuleCost
{
    /// <summary>One pass over graph and weights; what <c>check</c> runs.</summary>
    Scan,
    /// <summary>A singular value decomposition of weights.</summary>
    Spectral,
    /// <summary>A forward pass on the shipped weights.</summary>
    Forward,
    /// <summary>A forward and backward pass on the shipped weights.</summary>
    Backward,
    /// <summary>Further passes on the shipped weights; the profile "full" has them.</summary>
    Thorough,
    /// <summary>Both passes on both engines, on request.</summary>
    CrossCheck,
    /// <summary>Second derivatives of the loss and gradients by the input, on Torch; the profile "full" has them.</summary>
    Curvature,
    /// <summary>A short training on one batch, on request; the profile "full" has it.</summary>
    Trial,
}

/// <summary>
/// A diagnostic rule. Everything a reader is told of it (report, <c>explain</c>, docs page) comes from here.
/// </summary>
/// <param name="Id">The id; it never changes meaning.</param>
/// <param name="Name">The condition found, in CamelCase ("DeadUnits").</param>
/// <param name="Title">The condition in plain words, one line.</param>
/// <param name="Severity">The default severity; a finding may be of another one where the page says so.</param>
/// <param name="Cost">What it needs.</param>
/// <param name="Text">What the docs page says.</param>
/// <param name="Find">Looks for the condition; says nothing where it could not be measured.</param>
sealed record Rule(string Id, string Name, string Title, Severity Severity, RuleCost Cost, RuleText Text, Func<RuleContext, IEnumerable<Observation>> Find)
{
    /// <summary>The family: the letters of the id.</summary>
    public string Family => Id[..3];

    /// <summary>The numbers a configuration may change.</summary>
    public IReadOnlyList<Threshold> Thresholds { get; init; } = [];
}

/// <summary>A number that a rule holds its measurements against, and that a configuration may change.</summary>
/// <param name="Key">The rule's id and a name, joined by a dot ("ACT001.error").</param>
/// <param name="Default">The value where the configuration says nothing.</param>
/// <param name="Unit">The unit; empty for a dimensionless number.</param>
/// <param name="Meaning">What lies on which side of it.</param>
sealed record Threshold(string Key, double Default, string Unit, string Meaning);

/// <summary>The text of a rule's page, under the fixed headings.</summary>
/// <param name="WhatItFinds">What it finds.</param>
/// <param name="WhyItMatters">Why it matters.</param>
/// <param name="HowItIsComputed">How it is computed.</param>
/// <param name="Threshold">The threshold and its source.</param>
/// <param name="Example">An example.</param>
/// <param name="Remedy">The concrete step, with exporter arguments where there are any.</param>
/// <param name="WhenToIgnore">When to ignore it.</param>
/// <param name="References">Sources.</param>
sealed record RuleText(string WhatItFinds, string WhyItMatters, string HowItIsComputed, string Threshold, string Example, string Remedy, string WhenToIgnore, string References);

/// <summary>One place where a rule fires; observations of one rule and severity are grouped into one finding.</summary>
/// <param name="Where">The node, tensor or input, by its name in the model as given.</param>
/// <param name="Message">What was found, one sentence.</param>
/// <param name="Measured">The measured value with its unit.</param>
/// <param name="Threshold">The threshold it is held against.</param>
/// <param name="Badness">Orders the places of one finding, worst highest.</param>
sealed record Observation(string Where, string Message, string Measured, string Threshold, double Badness = 0)
{
    /// <summary>The severity; null for the rule's default.</summary>
    public Severity? Severity { get; init; }

    /// <summary>How sure.</summary>
    public Confidence Confidence { get; init; } = Confidence.Certain;

    /// <summary>A remedy of its own, in one or two sentences.</summary>
    public required string Remedy { get; init; }

    /// <summary>The node that the place is, of the model as read or of the canonical one; null where it is no node.</summary>
    public Node? Node { get; init; }

    /// <summary>The tensor that the place is, of the model as read or of the canonical one; null where it is none.</summary>
    public Value? Value { get; init; }

    /// <summary>How many places this observation stands for, where a rule counts instead of naming each.</summary>
    public int Count { get; init; } = 1;

    /// <summary>Further places, where a rule names them itself.</summary>
    public IReadOnlyList<string> OtherPlaces { get; init; } = [];
}
