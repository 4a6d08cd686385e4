using OnnxAuditor.Measurement;
using OnnxAuditor.Measurement.Instruments;

namespace OnnxAuditor.Proxies;

/// <summary>az_nas: expressivity, progressivity, trainability and complexity.</summary>
static class AzNas
{
    /// <summary>The proxy.</summary>
    internal static readonly Proxy Proxy = new(
        "az_nas", "AZ-NAS", HigherIsBetter: true, ProxyCost.Backward,
        o => [ProxyRuns.Training(o, BlockStatistics.Instrument, BlockJacobians.Instrument) with { Init = Initialization.Kaiming }],
        x => Score(x),
        new ProxyText(
            Summary: "Four parts that are to be ranked together over several models: how rich the blocks' outputs are, how they grow richer, how evenly blocks pass gradients, and the cost.",
            Definition: """
                F₀ … F_L are the borders of the network's blocks: the value that the first block starts from and the sums or concatenations that every path passes (in a chain without such, the activations). e_i is the
                entropy −Σ p ln(p + 1e-8) of the eigenvalues of the centred channel covariance of F_i, normalised to p. `expressivity` = Σ e_i, `progressivity` = min (e_i − e_{i−1}). For each block a Rademacher
                cotangent at its end is taken back to its beginning (where the image gets smaller, positions are gathered into channels); with σ the largest singular value of
                A = G_inᵀ G_out / rows, `trainability` is the mean of 2 − σ − 1 / (σ + 1e-6), 0 for σ = 1. `complexity` = multiply-accumulates of a sample. He normal weights, batch statistics. The published score is the sum
                over parts of ln(rank / models), for which several models are needed. The value shown for a single model is the expressivity, the part that ranks best alone; a part that a model does not have is left out.
                """,
            ForTrainedModels: "With shipped weights the parts describe the trained blocks; σ far from 1 shows where gradients grow or fade.",
            WhenNotToUse: "As a single number. A model without blocks (one layer) has no parts.",
            Source: "Lee and Ham, AZ-NAS, CVPR 2024, arXiv 2403.19232, and its released code (inputs of N(0, 1), batch 64). Published for NAS-Bench-201 with CIFAR-10: Kendall 0.741, Spearman 0.913 for the rank aggregate; expressivity alone 0.79 by our calibration."));

    static Score Score(ProxyInputs x)
    {
        var (spectra, failure) = x.Runs[0].Read(BlockStatistics.Instrument);
        if (spectra is null) return Proxies.Score.NotAvailable(failure!);
        if (spectra.Borders.FirstOrDefault(b => !b.IsFinite) is { } bad) return Proxies.Score.NotAvailable($"the output of '{bad.Block.Name}' is not finite");
        var entropies = spectra.Borders.Select(b => Entropy(b.Eigenvalues())).ToList();
        var (gains, _) = x.Runs[0].Read(BlockJacobians.Instrument);
        var measured = gains?.Blocks.Where(b => b.LargestSingularValue is not null).Select(b => b.LargestSingularValue!.Value).ToList() ?? [];
        var trainability = measured.Count > 0 ? measured.Average(s => 2 - s - 1 / (s + 1e-6)) : double.NaN;
        var macs = CountMacs.PerSample(x.Model.Model.Graph, x.Model.Batch.Size);
        return Proxies.Score.Of(
            entropies.Sum(), ("expressivity", entropies.Sum()), ("progressivity", entropies.Count > 1 ? entropies.Zip(entropies.Skip(1), (a, b) => b - a).Min() : double.NaN),
            ("trainability", trainability), ("complexity", macs ?? double.NaN), ("borders", entropies.Count));
    }

    /// <summary>−Σ p ln(p + 1e-8) of eigenvalues normalised to p; 0 where all are zero.</summary>
    static double Entropy(double[] eigenvalues)
    {
        var total = eigenvalues.Sum(e => Math.Max(e, 0));
        return total > 0 ? -eigenvalues.Sum(e => Math.Max(e, 0) / total * Math.Log(Math.Max(e, 0) / total + 1e-8)) : 0;
    }
}
