using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>NUM001.</summary>
static class Nondeterminism
{
    static readonly Threshold Tolerance = new("NUM001.tolerance", 1e-5, "", "a relative difference above this is a warning, a smaller one an info");

    static readonly string[] Random = ["RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"];

    public static readonly Rule Rule = new("NUM001", "Nondeterminism", "The same run twice gives different numbers", Severity.Warning, RuleCost.Thorough, new RuleText(
        WhatItFinds: "Outputs, or norms of gradients, that differ between two runs of the same model on the same inputs in the same session.",
        WhyItMatters: "An experiment that cannot be repeated cannot be debugged, and no number of this report can be compared with another one's. Operators that draw at random without a seed are the common reason; sums whose order depends on threads the other one.",
        HowItIsComputed: """
            With `--profile full`: the run on the shipped weights is made a second time in its session. Outputs are compared bit by bit, and of what differs the largest difference relative to the output's largest entry is
            said; norms of gradients are compared in the same way. Dropout is taken out of all runs.
            """,
        Threshold: "A difference above 1e-5, a hundred times the rounding of float32: warning. Any smaller difference: info.",
        Example: "`scores`: differs by 0.13 of its largest entry; the graph holds RandomNormalLike.",
        Remedy: "Give random operators a `seed`, or take the noise as an input; run with `--threads 1` to see whether the order of sums is the reason.",
        WhenToIgnore: "Where the model is meant to draw (a sampler, a variational encoder).",
        References: "PyTorch, Reproducibility; ONNX operator schemas, RandomNormal"),
        Find)
    { Thresholds = [Tolerance] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context.Thorough?.Repeated is not { } repeated || (repeated.Output is null && repeated.Parameter is null)) yield break;
        var difference = Math.Max(repeated.OutputDifference, repeated.GradientDifference);
        var random = context.CanonicalView?.Nodes.FirstOrDefault(n => n.Domain.Length == 0 && Random.Contains(n.OpType, StringComparer.Ordinal));
        var what = repeated.Output is not null ? $"differs by {NumberFormat.Value(repeated.OutputDifference)} of its largest entry" : $"has a gradient whose norm differs by {NumberFormat.Value(repeated.GradientDifference)} of it";
        yield return new Observation(
            repeated.Output ?? repeated.Parameter!, $"Of two equal runs this {what}{(random is null ? "" : $"; the graph draws at random in '{random.LogicalName}' ({random.OpType})")}.",
            $"difference {NumberFormat.Value(difference)}", $"≤ {NumberFormat.Value(context.Limit(Tolerance))}", difference)
        {
            Severity = difference > context.Limit(Tolerance) ? Severity.Warning : Severity.Info,
            Remedy = random is null ? "Run with --threads 1 to see whether the order of sums is the reason." : "Give the random operator a seed, or take the noise as an input of the model.",
        };
    }
}
