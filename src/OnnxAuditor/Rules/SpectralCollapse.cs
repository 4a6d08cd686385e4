using OnnxAuditor.Numerics;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>WGT007.</summary>
static class SpectralCollapse
{
    /// <summary>The relative rounding of float32.</summary>
    const double Epsilon = 1.1920929e-7;

    static readonly Threshold StableRank = new("WGT007.stable-rank", 1.1, "", "a smaller ‖W‖²_F/‖W‖²₂ is reported: 91 % of the squared weights lie in one direction");
    static readonly Threshold UnitRank = new("WGT007.unit-rank", 1.5, "", "the stable rank of the units scaled to norm 1 must be below this too: else a few large units hide the others");
    static readonly Threshold RankShare = new("WGT007.rank", 0.5, "", "a numerical rank below this part of the shorter side is reported");
    static readonly Threshold MinSide = new("WGT007.side", 16, "", "matrices whose shorter side is smaller are left alone");

    public static readonly Rule Rule = new("WGT007", "SpectralCollapse", "A layer passes on a few directions alone", Severity.Warning, RuleCost.Spectral, new RuleText(
        WhatItFinds: "Weight matrices whose singular values are concentrated on one direction, or most of whose singular values are zero.",
        WhyItMatters: """
            What such a layer hands on is a line, or a space far smaller than its width; what was in the other directions of its input is lost to everything behind it, and gradients towards the input
            come back through the same few directions. The cause is training with too much weight decay or a diverged step, or a factorisation that was multiplied out.
            """,
        HowItIsComputed: """
            Each trainable kernel or matrix as the map from inputs to outputs (a convolution as filters × inputs·window; recurrent layers a direction each; no grouped convolutions). Rows and columns that are zero
            are left out (WGT003). Squared singular values are the eigenvalues of the Gram matrix of the shorter side, in float64.
            1. Stable rank ‖W‖²_F/‖W‖²₂ below 1.1. A few units of large norm make it small as well, without any collapse of the others (as after folding normalisation); so the stable rank of the
               units scaled to norm 1 must be below 1.5 too.
            2. Numerical rank, the number of singular values above max(rows, columns)·2⁻²³ of the largest, below half of the shorter side.

            All spectral rules share one decomposition a weight. For large models only the cheapest are made (3·10⁹ multiplications for one weight, a matrix of 1170 × 1170, and 2·10¹⁰ for all; a note names what is left out).
            """,
        Threshold: """
            Stable rank 1.1, rank 50 %, shorter side at least 16. Trained layers of the networks of docs/findings.md have stable ranks from 2.5 on, but for three with outliers at 1.06 to 1.42, and numerical ranks from 96 % on.
            The tolerance of the rank is NumPy's and MATLAB's.
            """,
        Example: "`encoder.fc.weight`: stable rank 1.03, 97 % of the squared weights lie in one direction.",
        Remedy: """
            Re-initialise the layer (orthogonal: `torch.nn.init.orthogonal_`) and train it again with less weight decay, a lower learning rate or warm-up; spectral normalisation
            (`torch.nn.utils.parametrizations.spectral_norm`) keeps one direction from outgrowing the rest. A matrix that is meant to have low rank: keep its two factors.
            """,
        WhenToIgnore: "Where the matrix is a product of smaller ones on purpose (TRN007 says so where the zeros are exact).",
        References: "Rudelson and Vershynin 2007, arXiv math/0503442 (stable rank); Sanyal, Torr and Dokania 2020, arXiv 1906.04659; Miyato et al. 2018, arXiv 1802.05957"),
        Find)
    { Thresholds = [StableRank, UnitRank, RankShare, MinSide] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        foreach (var spectrum in context.Spectra.All.Where(s => s.Rows >= context.Limit(MinSide)))
        {
            var tolerance = NumericalTolerance(spectrum);
            var rank = spectrum.Rank(tolerance);
            if (spectrum.StableRank < context.Limit(StableRank) && UnitStableRank(spectrum) < context.Limit(UnitRank))
                yield return Describe(spectrum, $"{NumberFormat.Percent(1 / spectrum.StableRank)} of the squared weights lie in one direction of {spectrum.Rows}.", $"stable rank {NumberFormat.Value(spectrum.StableRank)}", $"≥ {NumberFormat.Value(context.Limit(StableRank))}", 1 / spectrum.StableRank);
            else if (rank < context.Limit(RankShare) * spectrum.Rows)
                yield return Describe(spectrum, $"Only {rank} of {spectrum.Rows} singular values differ from zero.", $"rank {rank} of {spectrum.Rows}", $"≥ {NumberFormat.Percent(context.Limit(RankShare))} of the shorter side", 1 - (double)rank / spectrum.Rows);
        }
    }

    /// <summary>The part of the largest singular value below which one of a float32 matrix is rounding.</summary>
    public static double NumericalTolerance(WeightSpectrum spectrum) => Math.Max(spectrum.Rows, spectrum.Columns) * Epsilon;

    /// <summary>The stable rank with all units of norm 1; that of the matrix as it is where the layout does not show the units.</summary>
    static double UnitStableRank(WeightSpectrum spectrum)
    {
        if (spectrum.UnitVectors() is not { } vectors) return spectrum.StableRank;
        var units = spectrum.Units!.Value;
        var largest = SingularValues.LargestSquare(vectors, units, vectors.Length / units, 100, new SeededRandom(0, spectrum.Name));
        return units / largest;
    }

    static Observation Describe(WeightSpectrum spectrum, string message, string measured, string threshold, double badness) =>
        new(spectrum.Weight.Name, message, measured, threshold, badness)
        {
            Confidence = Confidence.Likely,
            Value = spectrum.Weight.Value,
            Remedy = "Re-initialise the layer (orthogonal) and train it again with less weight decay or a lower learning rate; keep the factors of a matrix that is meant to have low rank.",
        };
}
