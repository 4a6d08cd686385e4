using OnnxAuditor.Measurement;
using OnnxAuditor.Measurement.Instruments;

namespace OnnxAuditor.Proxies;

/// <summary>meco: how independent the channels of the feature maps are.</summary>
static class MeCo
{
    /// <summary>The proxy.</summary>
    internal static readonly Proxy Proxy = new(
        "meco", "MeCo", HigherIsBetter: true, ProxyCost.Forward,
        o => [ProxyRuns.OneSample(o, FeatureMaps.Instrument)],
        x => Score(x.Runs[0]),
        new ProxyText(
            Summary: "How independent the channels of one sample's feature maps are: the smallest eigenvalues of their correlations.",
            Definition: "Σ over each distinct output of a convolution, linear layer, norm, activation, pool or sum of two tensors of the smallest eigenvalue of the Pearson correlation matrix of its channels over positions, for the first sample; a channel without variance has correlation 0 with all, itself included. Where a map has no more positions than channels the eigenvalue is 0. One sample, re-initialised weights, the sample's own statistics as the batch's. Components: `maps`, `tooLarge`.",
            ForTrainedModels: "Trained networks have redundant channels; a map with a smallest eigenvalue near 0 could be made narrower.",
            WhenNotToUse: "One sample decides: use --seeds. Small images leave few positions, and deep layers then add nothing. Layers without positions (linear ones on vectors) add nothing.",
            Source: "Jiang et al., MeCo, NeurIPS 2023, and its released code, where every module of a PyTorch network counts, wrappers again and again. Spearman 0.91 on NAS-Bench-201 with CIFAR-10 accuracy by our calibration, published 0.89."));

    static Score Score(ModelMeasurement run)
    {
        var (maps, failure) = run.Read(FeatureMaps.Instrument);
        if (maps is null) return Proxies.Score.NotAvailable(failure!);
        if (maps.Maps.FirstOrDefault(m => m.SmallestCorrelation is null) is { } bad) return Proxies.Score.NotAvailable($"the output of '{bad.Layer.Name}' is not finite");
        return Proxies.Score.Of(maps.Maps.Sum(m => m.SmallestCorrelation!.Value), ("maps", maps.Maps.Count), ("tooLarge", maps.TooLarge));
    }
}
