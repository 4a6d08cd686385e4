using OnnxAuditor.Measurement;
using OnnxAuditor.Measurement.Instruments;
using OnnxAuditor.Numerics;

namespace OnnxAuditor.Proxies;

/// <summary>Classical proxies of the gradients of single samples: ntk_condition and gradsign.</summary>
static class SampleGradientProxies
{
    /// <summary>ntk_condition.</summary>
    internal static readonly Proxy Ntk = new(
        "ntk_condition", "NTK condition number", HigherIsBetter: false, ProxyCost.PerSample,
        o => [ProxyRuns.Alone(o, SampleGrams.OfLogits)],
        x => ConditionNumber(x.Runs[0]),
        new ProxyText(
            Summary: "The condition number of the neural tangent kernel: how unevenly gradient descent would fit the samples of a batch.",
            Definition: """
                gᵢ is the gradient of the sum of sample i's logits by all convolution and linear weights and norm scales; Θ_ij = ⟨gᵢ, gⱼ⟩. The score is λ_max / λ_min of Θ. A smallest eigenvalue at or below 1e-7 of
                the largest is rounding, and the score then is 1e5 as in the source for a kernel it cannot invert. Each sample is normalised by its own statistics. Re-initialised weights.
                Components: `maxEigenvalue`, `minEigenvalue`, `samples`.
                """,
            ForTrainedModels: "Of a trained network it describes further training with small steps, not how the weights came about.",
            WhenNotToUse: "It grows with the number of samples; compare at one batch. Deep networks with batch statistics have wide variation over seeds: use --seeds.",
            Source: "Chen, Gong and Wang, TE-NAS, ICLR 2021, arXiv 2102.11535; Jacot et al. 2018 for the kernel. There samples share the statistics of the batch, weights are He fan-out normal, and the network is cut to three channels and one cell; here each sample is normalised by itself, so that its gradient is its own."));

    /// <summary>gradsign.</summary>
    internal static readonly Proxy GradSign = new(
        "gradsign", "GradSign", HigherIsBetter: true, ProxyCost.PerSample,
        o => [ProxyRuns.Alone(o, SignConsensus.Instrument)],
        x =>
        {
            var (signs, failure) = x.Runs[0].Read(SignConsensus.Instrument);
            return signs is null ? Proxies.Score.NotAvailable(failure!)
                : Proxies.Score.Of(signs.Sum, ("mean", signs.Sum / signs.Entries), ("consensus", signs.Sum / signs.Entries / signs.Samples), ("entries", signs.Entries), ("samples", signs.Samples));
        },
        new ProxyText(
            Summary: "In how many weights the gradients of single samples point the same way.",
            Definition: """
                gᵢ is the gradient of sample i's loss by all convolution and linear weights, each sample normalised by its own statistics. The score is Σ_k |Σ_i sign g_ik|, over all entries k. Components:
                `mean` (the score over the number of entries: the released code has both forms), `consensus` (`mean` over the number n of samples, 0 to 1), `entries`, `samples`.
                """,
            ForTrainedModels: "Where the samples are fitted, the signs are mostly noise.",
            WhenNotToUse: "The sum grows with the number of weights; `consensus` does not, and ranks less well. Compare at one batch.",
            Source: "Zhang and Jia, GradSign, ICLR 2022, arXiv 2110.08616, and its released code. Spearman 0.83 on NAS-Bench-201 with CIFAR-10 accuracy by our calibration (24 images), published 0.77 to 0.79."));

    static Score ConditionNumber(ModelMeasurement run)
    {
        var (gram, failure) = run.Read(SampleGrams.OfLogits);
        if (gram is null || gram.Uncounted is not null) return Proxies.Score.NotAvailable(failure ?? gram!.Uncounted!);
        if (gram.Samples < 2) return Proxies.Score.NotAvailable("the kernel of a single sample has no condition");
        if (Array.Exists(gram.Matrix, v => !double.IsFinite(v))) return Proxies.Score.NotAvailable("the gradients of single samples are not finite");
        var eigenvalues = SymmetricEigenvalues.Of([.. gram.Matrix], gram.Samples);
        if (eigenvalues[^1] <= 0) return Proxies.Score.NotAvailable("the gradient of every sample is zero");
        var condition = eigenvalues[0] <= 1e-7 * eigenvalues[^1] ? 1e5 : eigenvalues[^1] / eigenvalues[0];
        return Proxies.Score.Of(condition, ("maxEigenvalue", eigenvalues[^1]), ("minEigenvalue", eigenvalues[0]), ("samples", gram.Samples));
    }
}
