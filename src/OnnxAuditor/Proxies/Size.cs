using OnnxAuditor.Measurement;

namespace OnnxAuditor.Proxies;

/// <summary>The baselines that stand beside every score: parameters and multiply-accumulate operations.</summary>
static class Size
{
    /// <summary>The number of trainable parameters.</summary>
    internal static readonly Proxy Parameters = new(
        "parameters", "Parameters", HigherIsBetter: true, ProxyCost.None, _ => [], x => Score.Of(x.Model.Parameters.Where(p => p.Trainable).Sum(p => p.Count)),
        new ProxyText(
            Summary: "The number of trainable parameter elements, tied ones counted once: the baseline for every other score.",
            Definition: "Elements of all trainable parameters of the canonical model; running statistics and front-end tables are not counted.",
            ForTrainedModels: "The same as for a new model.",
            WhenNotToUse: "It says nothing of how the parameters are used. Many published proxies rank no better than it.",
            Source: "Baseline of Abdelfattah et al. 2021 and of every later comparison; Spearman 0.75 on NAS-Bench-201 with CIFAR-10 accuracy."))
    { InStandardProfile = true };

    /// <summary>The number of multiply-accumulate operations of one sample.</summary>
    internal static readonly Proxy Macs = new(
        "macs", "Multiply-accumulates", HigherIsBetter: true, ProxyCost.None, _ => [], x => CountMacs.PerSample(x.Model.Model.Graph, x.Model.Batch.Size) is { } macs ? Score.Of(macs) : Score.NotAvailable("the shapes of a layer are not known"),
        new ProxyText(
            Summary: "Multiply-accumulate operations of one sample's forward pass: the second baseline.",
            Definition: "Summed over convolutions, matrix products, recurrent layers and Einsum from the bound shapes, divided by the batch; elementwise operators are not counted.",
            ForTrainedModels: "The same as for a new model.",
            WhenNotToUse: "It depends on the bound input size; compare at one size.",
            Source: "Baseline of every published comparison (half of what is often called FLOPs)."))
    { InStandardProfile = true };
}
