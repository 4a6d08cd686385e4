using OnnxAuditor.Measurement;
using OnnxAuditor.Measurement.Instruments;

namespace OnnxAuditor.Proxies;

/// <summary>near: the effective ranks of the layers' outputs before and after their activations.</summary>
static class Near
{
    /// <summary>The proxy.</summary>
    internal static readonly Proxy Proxy = new(
        "near", "NEAR", HigherIsBetter: true, ProxyCost.Forward,
        o => [ProxyRuns.Training(o, RowSpectra.Instrument)],
        x => Score(x.Runs[0]),
        new ProxyText(
            Summary: "How many directions the outputs of the layers use, before and after their activations: the sum of their effective ranks.",
            Definition: """
                For each convolution, linear, norm and activation layer, M is its output as rows (samples and positions) by channels, cut to a square block of as many consecutive rows as there are
                channels. Its effective rank is exp(−Σ p ln p) with p = σ / Σσ over the singular values, not squared and not centred. The score is the sum over layers. The block is taken from the middle of the
                batch. A layer with more than 512 channels counts by its first 512, scaled up by the share; one with fewer rows than channels by the rows there are, which bound its rank
                (component `shortOfRows` counts them). Singular values below 3e-8 of the largest are zero. Re-initialised weights, batch statistics; labels play no part.
                Components: `layers`, `shortOfRows`, `meanShare` (the mean of effective rank over channels).
                """,
            ForTrainedModels: "A trained network concentrates its outputs in fewer directions than a new one; a layer far below its neighbours is where information is lost.",
            WhenNotToUse: "It grows with depth and width; compare it with the parameter count. With few samples the linear layers of a network cannot reach their rank: raise --batch.",
            Source: "Husistein, Reiher and Eckhoff, NEAR, ICLR 2025, arXiv 2408.08776, and its released code, which starts the block at a random row and averages over re-initialisations (here --seeds). Spearman 0.84 on NAS-Bench-201 with CIFAR-10 accuracy by our calibration."))
    { InStandardProfile = true };

    static Score Score(ModelMeasurement run)
    {
        var (spectra, failure) = run.Read(RowSpectra.Instrument);
        if (spectra is null) return Proxies.Score.NotAvailable(failure!);
        if (spectra.Layers.FirstOrDefault(l => l.EffectiveRank is null) is { } bad) return Proxies.Score.NotAvailable($"the output of '{bad.Layer.Name}' is not finite");
        return Proxies.Score.Of(
            spectra.Layers.Sum(l => l.EffectiveRank!.Value), ("layers", spectra.Layers.Count), ("shortOfRows", spectra.Layers.Count(l => l.Rows < Math.Min(l.Channels, 512))),
            ("meanShare", spectra.Layers.Average(l => l.EffectiveRank!.Value / l.Channels)));
    }
}
