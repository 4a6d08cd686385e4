using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>WGT004.</summary>
static class ConstantWeights
{
    static readonly Threshold MinElements = new("WGT004.elements", 16, "elements", "smaller tensors are left alone");

    public static readonly Rule Rule = new("WGT004", "ConstantWeights", "All elements of a weight are equal", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: "Kernels, matrices and tables all of whose elements are the same number.",
        WhyItMatters: """
            All units of such a layer compute the same and get the same gradient: they stay equal for ever, and the layer has the capacity of a single unit. Usually an initialisation was forgotten,
            or the layer is a fixed average written as a convolution.
            """,
        HowItIsComputed: "Smallest element = largest element, over trainable kernels of at least 16 elements. Zero tensors are WGT003's; scales of ones and biases of zeros are as they should be.",
        Threshold: "Exact equality.",
        Example: "`pool.weight` of a depthwise convolution: every element 0.1111.",
        Remedy: "Initialise the layer by He's or Glorot's law before training. A fixed average: write AveragePool, or exclude the tensor from training.",
        WhenToIgnore: "Where the layer is a fixed filter by design.",
        References: "Goodfellow, Bengio and Courville 2016, Deep Learning, section 8.4 (breaking symmetry)"),
        Find)
    { Thresholds = [MinElements] };

    static IEnumerable<Observation> Find(RuleContext context) => context.Weights
        .Where(w => w.IsKernel && w.Data.Count >= context.Limit(MinElements) && w.Statistics is { Variance: 0, NonFinite: 0, Mean: not 0 })
        .Select(w => new Observation(w.Name, $"All {NumberFormat.Count(w.Data.Count, "element")} are {NumberFormat.Value(w.Statistics.Mean)}: the units of this layer cannot become different.", "standard deviation 0", "> 0", w.Data.Count)
        {
            Confidence = Confidence.Likely,
            Value = w.Value,
            Remedy = "Initialise the layer by He's or Glorot's law before training; exclude it from training where it is a fixed filter.",
        });
}
