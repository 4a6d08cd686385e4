using System.Numerics.Tensors;
using OnnxAuditor.Numerics;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>WGT013.</summary>
static class CorrelationTraps
{
    const int Steps = 50;

    static readonly Threshold Ratio = new("WGT013.ratio", 4, "", "a largest eigenvalue of the shuffled matrix beyond this many times the Marchenko–Pastur edge is reported");
    static readonly Threshold MinSide = new("WGT013.side", 50, "", "matrices whose shorter side is smaller are left alone");

    public static readonly Rule Rule = new("WGT013", "CorrelationTraps", "Single elements stand out of a layer's random bulk", Severity.Info, RuleCost.Spectral, new RuleText(
        WhatItFinds: "Weight matrices that keep an outlying eigenvalue after their elements were put in a random order.",
        WhyItMatters: """
            Shuffling destroys all that was learned about directions and keeps the elements. What then stands out of the bulk that random matrices have is due to a few elements that are too large: WeightWatcher calls them
            correlation traps, and finds them in networks that were trained with too large a learning rate. Such elements catch the gradient, and are what quantising and half precision fail at.
            """,
        HowItIsComputed: """
            For each kernel (as in WGT007) with a shorter side n of at least 50 and a longer side m: its elements, less their mean, are shuffled by a seeded permutation; the largest eigenvalue of WWᵀ is bounded from below
            by 50 steps of power iteration, and divided by the edge s²(√n + √m)² of the Marchenko–Pastur law, s² the elements' variance. Where WGT010 names the outlying elements, this is left out.
            Suppressed where TRN026 finds the weights freshly drawn.
            """,
        Threshold: """
            4 times the edge, an element twice as large as the bulk's largest singular value. Random matrices reach 1.05 at these sizes; trained convolutions behind which a normalisation was folded, whose filters differ in
            size, reach up to 3.7 in the networks of docs/findings.md.
            """,
        Example: "`conv2d_403.w_0`: 7.0 times the edge, kurtosis 407.",
        Remedy: "When training on: a lower learning rate, gradient clipping, weight decay or stronger augmentation. When quantising: one scale a channel.",
        WhenToIgnore: "Where the model is neither trained on nor quantised.",
        References: "Martin, Peng and Mahoney 2021, arXiv 2002.06716 (WeightWatcher, correlation traps); Marchenko and Pastur 1967; Martin and Mahoney 2021, arXiv 1810.01075"),
        Find)
    { Thresholds = [Ratio, MinSide] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        foreach (var spectrum in context.Spectra.All.Where(s => s.Rows >= context.Limit(MinSide)))
        {
            var ratio = BeyondEdge(spectrum);
            if (ratio <= context.Limit(Ratio)) continue;
            yield return new Observation(
                spectrum.Weight.Name, $"With its elements shuffled, the largest eigenvalue still lies at {NumberFormat.Value(ratio)} times the edge of a random matrix: a few elements are too large.",
                $"{NumberFormat.Value(ratio)} times the edge", $"≤ {NumberFormat.Value(context.Limit(Ratio))}", ratio)
            {
                Confidence = Confidence.Hint,
                Value = spectrum.Weight.Value,
                Remedy = "Lower the learning rate, clip gradients or decay this layer's weights when training on; quantise it per channel.",
            };
        }
    }

    /// <summary>The largest eigenvalue of the shuffled matrix over the Marchenko–Pastur edge.</summary>
    internal static double BeyondEdge(WeightSpectrum spectrum)
    {
        var random = new SeededRandom(0, spectrum.Name);
        var shuffled = spectrum.Shuffled(random);
        var variance = TensorPrimitives.SumOfSquares<double>(shuffled) / shuffled.Length;
        var side = Math.Sqrt(spectrum.Rows) + Math.Sqrt(spectrum.Columns);
        return SingularValues.LargestSquare(shuffled, spectrum.Rows, spectrum.Columns, Steps, random) / (variance * side * side);
    }
}
