using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>GRD005.</summary>
static class NoisyGradient
{
    static readonly Threshold Ratio = new("GRD005.ratio", 0.1, "", "a squared mean gradient below this share of the batch's noise is reported");

    public static readonly Rule Rule = new("GRD005", "NoisyGradient", "The gradient of a batch is mostly noise", Severity.Info, RuleCost.Thorough, new RuleText(
        WhatItFinds: "Batches whose mean gradient is much smaller than what single samples scatter about it.",
        WhyItMatters: "A step then follows which samples happened to be drawn. Averaging over more samples, in the batch or by momentum, is what helps; up to the noise scale a larger batch saves steps in proportion.",
        HowItIsComputed: """
            With `--profile full`, `--data` and `--labels`, from the Gram matrix of the gradients of single samples (GRD004): the squared length |G|² of the mean gradient and the trace of the covariance tr Σ, both by their unbiased estimates.
            |G|² over tr Σ / n is the ratio of signal to noise of a batch of n; tr Σ / |G|² is the simple noise scale, the batch at which both are equal. Without labels of the user's nothing is said.
            """,
        Threshold: "A ratio below 0.1: a batch ten times as large would still be half noise.",
        Example: "Signal to noise 0.02 at a batch of 16: noise scale 800 samples.",
        Remedy: "Use batches of the order of the noise scale (gradient accumulation where memory ends), a lower learning rate or more momentum.",
        WhenToIgnore: "Near a minimum, where the mean gradient is zero, and where small batches are wanted.",
        References: "McCandlish et al. 2018, arXiv 1812.06162, appendix A.1; Liu et al. 2020 (GSNR), arXiv 2001.07384; Schneider, Dangel and Hennig 2021 (Cockpit), arXiv 2102.06604"),
        Find)
    { Thresholds = [Ratio] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (SampleGradients.Of(context) is not { Noise: > 0 } gradients) yield break;
        var ratio = gradients.Signal / (gradients.Noise / gradients.Samples);
        if (ratio >= context.Limit(Ratio)) yield break;
        var scale = gradients.Signal > 0 ? $"the noise scale is {NumberFormat.Value(gradients.Noise / gradients.Signal)} samples" : "noise hides the mean gradient altogether";
        yield return new Observation(
            context.LossPlace, $"The mean gradient of {NumberFormat.Count(gradients.Samples, "sample")} is mostly noise: {scale}.", $"signal to noise {NumberFormat.Value(Math.Max(0, ratio))}", $"≥ {NumberFormat.Value(context.Limit(Ratio))}", 1 / Math.Max(ratio, 1e-9))
        {
            Confidence = Confidence.Likely,
            Remedy = "Use batches of the order of the noise scale, a lower learning rate or more momentum.",
        };
    }
}
