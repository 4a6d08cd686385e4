using OnnxAuditor.Measurement;
using OnnxAuditor.Measurement.Instruments;
using OnnxAuditor.Numerics;

namespace OnnxAuditor.Proxies;

/// <summary>Proxies of the on-off patterns of gated activations: naswot and linear_regions.</summary>
static class ActivationPatterns
{
    const string Gates = "Gated activations are ReLU and its kin, GELU, SiLU, HardSwish and Mish, each on where its input is positive; sigmoid and tanh by themselves have no gate.";

    /// <summary>naswot.</summary>
    internal static readonly Proxy Naswot = new(
        "naswot", "NASWOT", HigherIsBetter: true, ProxyCost.Forward,
        o => [ProxyRuns.Training(o, ActivationSigns.Instrument)],
        x => KernelScore(x.Runs[0]),
        new ProxyText(
            Summary: "How differently the samples of a batch switch the network's activations on and off: the log-determinant of their agreement.",
            Definition: $"""
                {Gates} K_ij is the number of units, over all such layers, that are both on or both off for samples i and j. The score is ln |det K| over the batch; two samples with the same pattern make K
                singular, and then there is no score. Counts are not divided by the number of units. Re-initialised weights, batch statistics; labels play no part. Components: `units`, `samples`,
                `meanAgreement` (the mean over pairs of K_ij / units).
                """,
            ForTrainedModels: "It says how well the trained network still tells the samples apart; classes that it has learned to merge lower it.",
            WhenNotToUse: "Networks without gated activations have no value. The score grows with the number of units and of samples: compare at one batch.",
            Source: "Mellor et al., Neural Architecture Search without Training, ICML 2021 (the kernel of its second version), and its released code, which counts only the ReLUs that a backward pass visits. Spearman 0.77 on NAS-Bench-201 with CIFAR-10 accuracy by our calibration, published 0.78 to 0.80."))
    { InStandardProfile = true };

    /// <summary>linear_regions.</summary>
    internal static readonly Proxy Regions = new(
        "linear_regions", "Linear regions", HigherIsBetter: true, ProxyCost.Forward,
        o => [ProxyRuns.Training(o, ActivationSigns.Instrument)],
        x => RegionScore(x.Runs[0]),
        new ProxyText(
            Summary: "In how many different linear regions of the network the samples of a batch lie.",
            Definition: $"{Gates} Two samples lie in one region where every unit agrees. The score is the number of different patterns among the samples of the batch. Components: `samples`, `nearest` (the smallest share of units in which two samples differ).",
            ForTrainedModels: "As for a new network; nearly always every sample has a region of its own.",
            WhenNotToUse: "It can be no larger than the batch, and on networks of ordinary width it is the batch: the component `nearest` then says more. The source counts 3 × 3 crops on a network cut to one channel and one cell, which cannot be made of a given file.",
            Source: "Chen, Gong and Wang, TE-NAS, ICLR 2021, arXiv 2102.11535; Xiong et al. 2020 for the count itself. Measured here on the network as it is, as the re-run by AZ-NAS does, where it saturates as said."));

    static Score KernelScore(ModelMeasurement run)
    {
        var (signs, failure) = run.Read(ActivationSigns.Instrument);
        if (signs is null) return Proxies.Score.NotAvailable(failure!);
        var n = signs.Samples;
        var units = (double)signs.UnitCount;
        var kernel = new double[n * n];
        double pairs = 0, agreement = 0;
        for (var i = 0; i < n; i++)
        {
            kernel[i * n + i] = units;
            for (var j = 0; j < i; j++)
            {
                var distance = signs.Distance(i, j);
                if (distance == 0) return Proxies.Score.NotAvailable("two samples switch every activation alike, which makes the kernel singular");
                kernel[i * n + j] = kernel[j * n + i] = units - distance;
                agreement += 1 - distance / units;
                pairs++;
            }
        }
        var eigenvalues = SymmetricEigenvalues.Of(kernel, n);
        // A kernel of counts that is singular without equal samples shows as an eigenvalue at the rounding of the largest.
        if (eigenvalues[0] < 1e-12 * eigenvalues[^1]) return Proxies.Score.NotAvailable("the patterns of the samples are linearly dependent, which makes the kernel singular");
        return Proxies.Score.Of(eigenvalues.Sum(Math.Log), ("units", units), ("samples", n), ("meanAgreement", agreement / pairs));
    }

    static Score RegionScore(ModelMeasurement run)
    {
        var (signs, failure) = run.Read(ActivationSigns.Instrument);
        if (signs is null) return Proxies.Score.NotAvailable(failure!);
        var first = new List<int>();
        var nearest = long.MaxValue;
        for (var i = 0; i < signs.Samples; i++)
        {
            var isNew = true;
            for (var j = 0; j < i; j++)
            {
                var distance = signs.Distance(i, j);
                nearest = Math.Min(nearest, distance);
                if (distance == 0) isNew = false;
            }
            if (isNew) first.Add(i);
        }
        return Proxies.Score.Of(first.Count, ("samples", signs.Samples), ("nearest", signs.Samples > 1 ? nearest / (double)signs.UnitCount : double.NaN));
    }
}
