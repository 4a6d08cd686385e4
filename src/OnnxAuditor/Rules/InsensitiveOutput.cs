using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>ACT014.</summary>
static class InsensitiveOutput
{
    static readonly Threshold Change = new("ACT014.change", 1e-4, "", "an output that changes less from sample to sample, relative to its size, is reported");

    public static readonly Rule Rule = new("ACT014", "InsensitiveOutput", "The output hardly depends on the input", Severity.Warning, RuleCost.Forward, new RuleText(
        WhatItFinds: "Float outputs that are nearly the same for all probe samples.",
        WhyItMatters: """
            Somewhere the information about the input is lost: a dead trunk, a saturated gate, an input scaled so small that biases decide alone. Such a network answers with the class prior, and
            gradients to the trunk vanish with the same factor.
            """,
        HowItIsComputed: """
            In the run on the shipped weights, for each float output whose first dimension counts samples: the root mean square over its elements of the standard deviation from sample to sample,
            divided by the root mean square of the output itself.
            """,
        Threshold: """
            1e-4. With random inputs the finding has confidence hint: a classifier may be equally sure of one class for all noise, and Softmax then hides what little changes.
            """,
        Example: "`scores`: 0.0000031 of its size changes from sample to sample.",
        Remedy: "Check the expected input scale and preprocessing with `--data`; look for the first layer whose effective rank is 1 or whose units are dead (layer table).",
        WhenToIgnore: "Where the output is a table that is meant to be constant (prior boxes), or the inputs are noise and real data gives varied outputs.",
        References: "Schoenholz et al. 2017, arXiv 1611.01232 (ordered phase)"),
        Find)
    { Thresholds = [Change] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        foreach (var output in context.Run?.Outputs ?? [])
        {
            if (output.Data is not { Unavailable: null, Type: ElementType.Float32, Dims: [>= 2, ..] } data || Relative(data) is not { } change || change >= context.Limit(Change)) continue;
            yield return new Observation(output.Name, "The output is nearly the same for all probe samples.", $"relative change {NumberFormat.Value(change)}", $"≥ {NumberFormat.Value(context.Limit(Change))}", -change)
            {
                Confidence = context.SyntheticInputs ? Confidence.Hint : Confidence.Likely,
                Value = context.Model.Graph.Outputs.Find(o => string.Equals(o.Name, output.Name, StringComparison.Ordinal)),
                Remedy = "Check input scale and preprocessing with --data, then look for dead or saturated layers (layer table).",
            };
        }
    }

    /// <summary>The change from sample to sample relative to the size; null where the output is zero or not finite.</summary>
    internal static double? Relative(TensorData data)
    {
        var values = data.Float32Span;
        var samples = (int)data.Dims[0];
        var width = values.Length / samples;
        var (variance, square) = (0.0, 0.0);
        for (var i = 0; i < width; i++)
        {
            var (sum, squares) = (0.0, 0.0);
            for (var s = 0; s < samples; s++) sum += values[s * width + i];
            var mean = sum / samples;
            for (var s = 0; s < samples; s++) squares += (values[s * width + i] - mean) * (values[s * width + i] - mean);
            variance += squares / samples;
            square += squares / samples + mean * mean;
        }
        return square > 0 && double.IsFinite(square) ? Math.Sqrt(variance / square) : null;
    }
}
