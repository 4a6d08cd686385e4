using GraphRewriter.Canonicalization;
using OnnxAuditor.Measurement;

namespace OnnxAuditor.Proxies;

/// <summary>How much a proxy costs.</summary>
enum ProxyCost
{
    /// <summary>No pass.</summary>
    None,
    /// <summary>Forward passes only.</summary>
    Forward,
    /// <summary>Forward and backward passes.</summary>
    Backward,
    /// <summary>Gradients of single samples.</summary>
    PerSample,
    /// <summary>Second derivatives.</summary>
    SecondOrder,
}

/// <summary>A training-free trainability proxy. Everything a reader is told of it comes from here.</summary>
/// <param name="Id">The id ("grad_norm").</param>
/// <param name="Title">The name as published.</param>
/// <param name="HigherIsBetter">The direction.</param>
/// <param name="Cost">The cost class.</param>
/// <param name="Runs">The instrumented runs it needs, given the user's options; proxies with equal protocols share one run.</param>
/// <param name="Score">Computes the value from the model and the measurements of those runs.</param>
/// <param name="Text">What the docs page says.</param>
sealed record Proxy(
    string Id, string Title, bool HigherIsBetter, ProxyCost Cost,
    Func<ProtocolOptions, IReadOnlyList<Protocol>> Runs,
    Func<ProxyInputs, Score> Score,
    ProxyText Text)
{
    /// <summary>Whether the standard profile computes it.</summary>
    public bool InStandardProfile { get; init; }

    /// <summary>Whether it draws weights without a run.</summary>
    public bool DrawsWeights { get; init; }

    /// <summary>Whether it looks for values that are not finite itself, as one of its runs may have them and the others a score.</summary>
    public bool TakesNonFinite { get; init; }
}

/// <summary>What a proxy computes its score from.</summary>
/// <param name="Model">The canonical model.</param>
/// <param name="Runs">The measurements of the runs it asked for, in their order; none of them failed.</param>
/// <param name="Options">What the user's options say.</param>
sealed record ProxyInputs(CanonicalModel Model, IReadOnlyList<ModelMeasurement> Runs, ProtocolOptions Options);

/// <summary>A score or the reason why there is none.</summary>
/// <param name="Value">The score; null where not available.</param>
/// <param name="Reason">Why there is no value.</param>
/// <param name="Components">Named parts.</param>
sealed record Score(double? Value, string? Reason, IReadOnlyDictionary<string, double> Components)
{
    /// <summary>No value, with the reason.</summary>
    public static Score NotAvailable(string reason) => new(null, reason, new Dictionary<string, double>(StringComparer.Ordinal));

    /// <summary>No value, with the reason and the parts that there are.</summary>
    public static Score NotAvailable(string reason, params (string Name, double Value)[] components) => new(null, reason, Of(0, components).Components);

    /// <summary>A value; one that is not finite becomes a reason.</summary>
    public static Score Of(double value, params (string Name, double Value)[] components)
    {
        if (!double.IsFinite(value)) return NotAvailable("the formula gave a value that is not finite");
        var parts = new SortedDictionary<string, double>(StringComparer.Ordinal);
        foreach (var (name, part) in components) if (double.IsFinite(part)) parts[name] = part;
        return new Score(value, null, parts);
    }
}

/// <summary>The text of a proxy's page.</summary>
/// <param name="Summary">What it measures, one or two sentences; the report's "meaning" column.</param>
/// <param name="Definition">The definition with every choice that changes the number.</param>
/// <param name="ForTrainedModels">What it means for a model with trained weights.</param>
/// <param name="WhenNotToUse">When not to use it.</param>
/// <param name="Source">The paper, and where we differ from it.</param>
sealed record ProxyText(string Summary, string Definition, string ForTrainedModels, string WhenNotToUse, string Source);
