using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN007.</summary>
static class FoldedAlgebra
{
    static readonly Threshold RankShare = new("TRN007.rank", 0.5, "", "a rank below this part of the shorter side, with a gap behind it, is that of a product");
    static readonly Threshold Gap = new("TRN007.gap", 100, "", "the ratio of the last singular value of the product to the first of the rounding behind it");
    static readonly Threshold MinSide = new("TRN007.side", 16, "", "matrices whose shorter side is smaller are left alone");
    static readonly Threshold Norm = new("TRN007.norm", 0.01, "", "a largest singular value this near to 1 is that of a spectrally normalised weight");
    static readonly Threshold NormShare = new("TRN007.norm-share", 0.8, "", "the share of weights that must be normalised so");
    static readonly Threshold UnitNorm = new("TRN007.unit-norm", 1e-4, "", "unit norms whose relative scatter is smaller were normalised one by one");

    public static readonly Rule Rule = new("TRN007", "FoldedAlgebra", "Weights were computed from other parameters before the export", Severity.Info, RuleCost.Spectral, new RuleText(
        WhatItFinds: """
            Weights that bear the mark of a computation whose result the exporter stored in the place of its factors: products of two smaller matrices, spectrally normalised weights, and units of exactly one norm.
            """,
        WhyItMatters: """
            The file trains what was computed, not what computed it. A product W = A·B grows to full rank with the first step, with more parameters than the two factors had; a normalised weight loses its
            normalisation; an adapter that was merged can no longer be taken out. Training on continues another model than the one that was trained.
            """,
        HowItIsComputed: """
            From singular values (see WGT007), zero rows and columns left out.
            1. Product: the numerical rank r (singular values above max(rows, columns)·2⁻²³ of the largest) is below half of the shorter side, and σ_r is at least 100 times σ_(r+1): a trained matrix falls off smoothly, a rounded product
               ends at once. So does an embedding table that was multiplied by a projection.
            2. Spectral normalisation: 80 % of the weights, at least three, have a largest singular value of 1 ± 0.01.
            3. Weight normalisation with one gain, or a normalised head: all units of a layer of at least 16 have the same norm to 1e-4, and the matrix is not orthogonal (an initialisation that does so too).

            A low-rank change that was added to a full matrix (a merged LoRA adapter) leaves no mark in the sum, nor does weight normalisation with a gain a unit.
            """,
        Threshold: "Rank below 50 % with a gap of 100; norm 1 ± 0.01; scatter 1e-4. Trained matrices of the networks of docs/findings.md have ranks from 96 % on, and none of them meets any of the three.",
        Example: "`lm.embed`: rank 128 of 768, the next singular value is 2e5 times smaller: a table of 128 columns times a projection.",
        Remedy: """
            Train on from the source checkpoint. PyTorch: export before `remove_weight_norm`, `remove_parametrizations` or `merge_and_unload()`, with `torch.onnx.export(..., do_constant_folding=False)`, so that factors stay parameters. tf2onnx: no `tf_optimize`.
            A product can be taken apart again: two layers of the singular value decomposition, U√Σ and √ΣVᵀ.
            """,
        WhenToIgnore: "Where the model is meant for inference, or is to be trained as a plain one from here on.",
        References: "Hu et al. 2022, arXiv 2106.09685 (LoRA); Lan et al. 2020, arXiv 1909.11942 (factorised embedding); Miyato et al. 2018, arXiv 1802.05957; Salimans and Kingma 2016, arXiv 1602.07868"),
        Find)
    { Thresholds = [RankShare, Gap, MinSide, Norm, NormShare, UnitNorm] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var spectra = context.Spectra.All.Where(s => s.Rows >= context.Limit(MinSide)).ToList();
        foreach (var spectrum in spectra)
        {
            if (Product(context, spectrum) is { } product) yield return product;
            else if (EqualUnits(context, spectrum) is { } equal) yield return equal;
        }
        var normalised = spectra.Where(s => Math.Abs(s.SpectralNorm - 1) <= context.Limit(Norm) && !IsOrthogonal(s)).ToList();
        if (normalised.Count < 3 || normalised.Count < context.Limit(NormShare) * spectra.Count) yield break;
        yield return Describe(
            normalised[0], $"{normalised.Count} of {NumberFormat.Count(spectra.Count, "weight")} have a largest singular value of 1: spectral normalisation was computed into them.",
            $"σ₁ = {NumberFormat.Value(normalised[0].SpectralNorm)}", $"not 1 ± {NumberFormat.Value(context.Limit(Norm))}", "Train on from the source checkpoint, exported with its parametrisation, or normalise again (torch.nn.utils.parametrizations.spectral_norm).") with
        {
            Count = normalised.Count,
        };
    }

    static Observation? Product(RuleContext context, WeightSpectrum spectrum)
    {
        var rank = spectrum.Rank(SpectralCollapse.NumericalTolerance(spectrum));
        if (rank >= context.Limit(RankShare) * spectrum.Rows) return null;
        var gap = Math.Sqrt(spectrum.Squares[rank - 1] / Math.Max(spectrum.Squares[rank], double.Epsilon));
        if (gap < context.Limit(Gap)) return null;
        return Describe(
            spectrum, $"The weight has rank {rank} of {spectrum.Rows} and nothing but rounding beyond: it is the product of two smaller matrices.",
            $"rank {rank} of {spectrum.Rows}", $"≥ {NumberFormat.Percent(context.Limit(RankShare))}, or no gap", "Train on from the source checkpoint, exported with both factors, or take the weight apart into two layers of that rank.");
    }

    static Observation? EqualUnits(RuleContext context, WeightSpectrum spectrum)
    {
        if (spectrum.Units is not { } units || units < context.Limit(MinSide) || spectrum.Weight.UnitNorms() is not { } norms || IsOrthogonal(spectrum)) return null;
        var (mean, largest, smallest) = (norms.Average(), norms.Max(), norms.Min());
        if (!(largest - smallest <= context.Limit(UnitNorm) * mean)) return null;
        return Describe(
            spectrum, $"All {units} units have the same norm, {NumberFormat.Value(mean)}: they were normalised one by one before the export.",
            $"unit norms within {NumberFormat.Value((largest - smallest) / mean)} of each other", $"> {NumberFormat.Value(context.Limit(UnitNorm))}", "Train on from the source checkpoint, exported with its normalisation in the graph.");
    }

    static bool IsOrthogonal(WeightSpectrum spectrum) => spectrum.Squares[^1] > 0.98 * spectrum.Squares[0];

    static Observation Describe(WeightSpectrum spectrum, string message, string measured, string threshold, string remedy) => new(spectrum.Weight.Name, message, measured, threshold, spectrum.Matrix.Length)
    {
        Confidence = Confidence.Likely,
        Value = spectrum.Weight.Value,
        Remedy = remedy,
    };
}
