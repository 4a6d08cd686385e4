using GraphRewriter.Canonicalization;
using OnnxAuditor.Measurement;

namespace OnnxAuditor.Proxies;

/// <summary>grad_norm: the sum of the gradient norms of the weights.</summary>
static class GradNorm
{
    /// <summary>The proxy.</summary>
    internal static readonly Proxy Proxy = new(
        "grad_norm", "Gradient norm", HigherIsBetter: true, ProxyCost.Backward,
        o => [new Protocol(WeightSource.Reinitialized, NormStatistics.Batch, InputLaw.Normal, o.Batch, o.Seed, Probes.ParameterGradients) { Init = o.Init, Loss = o.Loss }],
        x => Score(x.Runs[0]),
        new ProxyText(
            Summary: "The sum over convolution and linear weights of the L2 norm of the loss gradient.",
            Definition: "Σ_l ‖dL/dW_l‖₂ over the weights of convolution, linear and recurrent layers, biases and normalisation parameters not counted: the sum of norms, not the norm of all. One batch, batch statistics, re-initialised weights, random labels.",
            ForTrainedModels: "Near a minimum the norm is small whatever the architecture; there it tells how far the batch is from being fitted.",
            WhenNotToUse: "It depends on the scale of the initialisation and of the loss; compare models only under one protocol. On NAS-Bench-201 it ranks worse than the parameter count.",
            Source: "Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021, arXiv 2101.08134. That code uses real images with their labels; here the inputs are N(0, 1) with random labels unless data are given."));

    static Score Score(ModelMeasurement run)
    {
        var weights = run.Parameters.Where(p => p.Parameter.Trainable && IsWeight(p.Parameter.Role) && p.Gradient is not null).ToList();
        return weights.Count == 0
            ? Proxies.Score.NotAvailable("no gradient reaches the weight of a convolution, linear or recurrent layer")
            : Proxies.Score.Of(weights.Sum(p => p.Gradient!.Norm), ("tensors", weights.Count));
    }

    /// <summary>Whether a role is that of a layer's weight.</summary>
    internal static bool IsWeight(ParameterRole role) => role is ParameterRole.ConvolutionWeight or ParameterRole.LinearWeight or ParameterRole.RecurrentInputWeight or ParameterRole.RecurrentHiddenWeight;
}
