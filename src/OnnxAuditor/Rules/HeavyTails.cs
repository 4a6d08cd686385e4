using OnnxAuditor.Numerics;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>WGT012.</summary>
static class HeavyTails
{
    /// <summary>Fewer eigenvalues are no tail: the fit's standard error is (α − 1)/√n.</summary>
    const int SmallestTail = 10;

    static readonly Threshold Low = new("WGT012.low", 2, "", "a median exponent below this is taken for over-trained");
    static readonly Threshold High = new("WGT012.high", 6, "", "a median exponent above this is taken for under-trained");
    static readonly Threshold MinEigenvalues = new("WGT012.eigenvalues", 50, "eigenvalues", "weights with fewer are left alone");
    static readonly Threshold MinWeights = new("WGT012.weights", 3, "weights", "models with fewer large enough weights are left alone");

    public static readonly Rule Rule = new("WGT012", "HeavyTails", "The weights' spectra fall off unlike those of well-trained networks", Severity.Info, RuleCost.Spectral, new RuleText(
        WhatItFinds: "Networks whose typical exponent α of the eigenvalues' power-law tail lies outside the band in which well-trained networks lie.",
        WhyItMatters: """
            The eigenvalues of WᵀW of large trained networks have tails like x^−α with α between 2 and 6, whatever the architecture; at the start of training there is no tail. A typical α above 6 is a sign of a network
            that learned little, one below 2 of single directions that grew too far. It is evidence beside others, measured on nothing but the weights, not a verdict.
            """,
        HowItIsComputed: """
            For each weight with at least 50 non-zero eigenvalues (squared singular values, see WGT007): maximum-likelihood α of a power law from x_min on, with the x_min whose fit has the smallest Kolmogorov–Smirnov
            distance, over tails of at least 10 eigenvalues. Reported is the median over the weights (at least 3), since single weights scatter. It does not differ from WeightWatcher's α but for its limits on
            x_min. Suppressed where TRN026 finds the weights freshly drawn.
            """,
        Threshold: "Median α below 2 or above 6, the band of the WeightWatcher papers.",
        Example: "Median α 1.8 over 4 weights, 1.6 to 2.7.",
        Remedy: "α above 6: train longer, with a larger learning rate or a smaller batch, or take a smaller network. α below 2: lower the learning rate, clip gradients, or decay the weights more; look at WGT010 for outliers first.",
        WhenToIgnore: "In small networks, and where the accuracy is known: it says more.",
        References: "Martin and Mahoney 2021, arXiv 1810.01075; Martin, Peng and Mahoney 2021, arXiv 2002.06716 (WeightWatcher); Clauset, Shalizi and Newman 2009, arXiv 0706.1062"),
        Find)
    { Thresholds = [Low, High, MinEigenvalues, MinWeights] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var fits = context.Spectra.All
            .Where(s => s.Rows >= context.Limit(MinEigenvalues))
            .Select(s => (Spectrum: s, Values: s.Squares.Where(v => v > SpectralCollapse.NumericalTolerance(s) * SpectralCollapse.NumericalTolerance(s) * s.Squares[0]).Reverse().ToList()))
            .Where(s => s.Values.Count >= context.Limit(MinEigenvalues))
            .Select(s => (s.Spectrum, Fit: PowerLaw.Fit(s.Values, SmallestTail)))
            .Where(s => s.Fit is not null)
            .OrderBy(s => s.Fit!.Alpha).ThenBy(s => s.Spectrum.Name, StringComparer.Ordinal)
            .ToList();
        if (fits.Count < context.Limit(MinWeights)) yield break;
        var median = fits.Count % 2 == 1 ? fits[fits.Count / 2].Fit!.Alpha : (fits[fits.Count / 2 - 1].Fit!.Alpha + fits[fits.Count / 2].Fit!.Alpha) / 2;
        var isLow = median < context.Limit(Low);
        if (!isLow && median <= context.Limit(High)) yield break;
        var worst = (isLow ? fits[0] : fits[^1]).Spectrum.Weight;
        yield return new Observation(
            worst.Name, $"The median exponent of the eigenvalues' tails is {NumberFormat.Value(median)} over {NumberFormat.Count(fits.Count, "weight")} ({NumberFormat.Value(fits[0].Fit!.Alpha)} to {NumberFormat.Value(fits[^1].Fit!.Alpha)}), as in {(isLow ? "over" : "under")}-trained networks.",
            $"median α {NumberFormat.Value(median)}", $"{NumberFormat.Value(context.Limit(Low))} to {NumberFormat.Value(context.Limit(High))}", Math.Abs(median - 4))
        {
            Confidence = Confidence.Hint,
            Value = worst.Value,
            Count = fits.Count,
            Remedy = isLow ? "Look for outliers first (WGT010); lower the learning rate or clip gradients when training on." : "Train longer or with a larger learning rate, and compare the accuracy with a smaller network's.",
        };
    }
}
