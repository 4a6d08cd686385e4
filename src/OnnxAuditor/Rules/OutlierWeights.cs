using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>WGT010.</summary>
static class OutlierWeights
{
    static readonly Threshold Kurtosis = new("WGT010.kurtosis", 1000, "", "a larger fourth standardised moment is reported");
    static readonly Threshold Ratio = new("WGT010.ratio", 100, "", "a larger ratio of the largest absolute element to the root mean square is reported");
    static readonly Threshold MinElements = new("WGT010.elements", 1024, "elements", "smaller tensors are left alone");

    public static readonly Rule Rule = new("WGT010", "OutlierWeights", "A few weights are far larger than the rest", Severity.Info, RuleCost.Scan, new RuleText(
        WhatItFinds: "Kernels in which single elements exceed the rest by a factor of hundreds.",
        WhyItMatters: """
            The largest element sets the step of a quantised tensor: the others then fall into a few levels. In half precision products with it overflow first. For training in float32 it is
            harmless, but a sign of steps that were too large, or of a normalisation that was folded in.
            """,
        HowItIsComputed: "Kurtosis (fourth standardised moment, 3 for a Gaussian) and max|w|/rms(w) over trainable kernels of at least 1024 elements.",
        Threshold: "Kurtosis above 1000 or ratio above 100. Trained networks usually lie at 3 to 50; two that quantise badly were measured at 5.9e3 and 1.7e4.",
        Example: "`lstm.weight_ih`: kurtosis 1.7e4, one element 210 times the root mean square.",
        Remedy: "Quantise per channel, or keep the layer in float32. When training on: clip gradients, and use weight decay for this layer.",
        WhenToIgnore: "Where the model is neither quantised nor run in half precision.",
        References: "Dettmers et al. 2022, arXiv 2208.07339; Bondarenko, Nagel and Blankevoort 2021, arXiv 2109.12948"),
        Find)
    { Thresholds = [Kurtosis, Ratio, MinElements] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        foreach (var weight in context.Weights.Where(w => w.IsKernel && w.Data.Count >= context.Limit(MinElements) && w.Statistics is { NonFinite: 0, Variance: > 0 }))
        {
            var s = weight.Statistics;
            var ratio = s.MaxAbs / s.Rms;
            if (s.Kurtosis <= context.Limit(Kurtosis) && ratio <= context.Limit(Ratio)) continue;
            yield return new Observation(
                weight.Name, $"The largest element is {NumberFormat.Value(ratio)} times the root mean square; kurtosis {NumberFormat.Value(s.Kurtosis)}.", $"kurtosis {NumberFormat.Value(s.Kurtosis)}, max/rms {NumberFormat.Value(ratio)}",
                $"≤ {NumberFormat.Value(context.Limit(Kurtosis))}, ≤ {NumberFormat.Value(context.Limit(Ratio))}", s.Kurtosis)
            {
                Value = weight.Value,
                Remedy = "Quantise this layer per channel or keep it in float32; clip gradients when training on.",
            };
        }
    }
}
