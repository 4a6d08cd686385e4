using System.Numerics.Tensors;
using OnnxAuditor.Measurement;
using OnnxAuditor.Measurement.Instruments;

namespace OnnxAuditor.Proxies;

/// <summary>Pruning criteria summed over a network (Abdelfattah et al. 2021): grad_norm, snip, plain, l2_norm, grasp, fisher and synflow.</summary>
static class Saliency
{
    const string Common = "Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021, arXiv 2101.08134";
    const string Inputs = "Sums go over the weights of convolution, linear and recurrent layers; biases and norms are not counted. One batch, batch statistics, re-initialised weights, the user's data and labels, else N(0, 1) and random labels.";

    /// <summary>grad_norm.</summary>
    internal static readonly Proxy GradNorm = Of(
        "grad_norm", "Gradient norm", w => w.Sum(x => (double)TensorPrimitives.Norm<float>(x.Gradient)),
        new ProxyText(
            Summary: "The sum over convolution and linear weights of the L2 norm of the loss gradient.",
            Definition: $"Σ_l ‖dL/dW_l‖₂: the sum of norms, not the norm of all. {Inputs}",
            ForTrainedModels: "Near a minimum the norm is small whatever the architecture; there it tells how far the batch is from being fitted.",
            WhenNotToUse: "It depends on the scale of the initialisation and of the loss; compare models only under one protocol. On NAS-Bench-201 it ranks worse than the parameter count.",
            Source: $"{Common}. Spearman 0.65 on NAS-Bench-201 with CIFAR-10 accuracy by our calibration, published 0.59.")) with
    { InStandardProfile = true };

    /// <summary>snip.</summary>
    internal static readonly Proxy Snip = Of(
        "snip", "SNIP", w => w.Sum(x => Products(x).Sum(Math.Abs)),
        new ProxyText(
            Summary: "How much the loss would change if single weights were taken away: the sum of |weight · gradient|.",
            Definition: $"Σ |w · dL/dw|. {Inputs}",
            ForTrainedModels: "Single entries are the source's pruning scores; the sum tells how far the batch is from being fitted.",
            WhenNotToUse: "It depends on the scale of the loss; on NAS-Bench-201 it ranks worse than the parameter count.",
            Source: $"Lee, Ajanthan and Torr, SNIP, ICLR 2019, as summed by {Common}. Spearman 0.65 on NAS-Bench-201 with CIFAR-10 accuracy by our calibration, published 0.60.")) with
    { InStandardProfile = true };

    /// <summary>plain.</summary>
    internal static readonly Proxy Plain = Of(
        "plain", "Plain", w => w.Sum(x => Products(x).Sum()),
        new ProxyText(
            Summary: "The sum of weight · gradient, with its sign: how the loss changes when all weights grow alike.",
            Definition: $"Σ w · dL/dw. {Inputs}",
            ForTrainedModels: "Behind a norm the loss does not depend on a weight's scale, and those weights add zero.",
            WhenNotToUse: "As a ranking: on NAS-Bench-201 it is hardly related to accuracy (Spearman -0.12). It is here because published tables list it.",
            Source: Common));

    /// <summary>l2_norm.</summary>
    internal static readonly Proxy L2Norm = new(
        "l2_norm", "L2 norm of weights", HigherIsBetter: true, ProxyCost.None,
        _ => [],
        x => NormOf(x),
        new ProxyText(
            Summary: "The sum over weight tensors of their L2 norm: at initialisation a measure of size.",
            Definition: "Σ_l ‖W_l‖₂ over the weights of convolution, linear and recurrent layers, as re-initialised by --init (as shipped with --weights shipped).",
            ForTrainedModels: "With shipped weights it tells how far weights have grown; weight decay keeps it low.",
            WhenNotToUse: "At initialisation it is a function of the architecture's shapes alone.",
            Source: $"{Common}. Spearman 0.70 on NAS-Bench-201 with CIFAR-10 accuracy by our calibration."))
    { DrawsWeights = true };

    /// <summary>grasp.</summary>
    internal static readonly Proxy Grasp = new(
        "grasp", "GraSP", HigherIsBetter: true, ProxyCost.SecondOrder,
        o => [ProxyRuns.Training(o, GradientFlow.Instrument)],
        x =>
        {
            var (flows, failure) = x.Runs[0].Read(GradientFlow.Instrument);
            return flows is null ? Score.NotAvailable(failure!) : Score.Of(-flows.Sum(), ("tensors", flows.Length));
        },
        new ProxyText(
            Summary: "How much gradient flow the weights keep up: the product of weights, Hessian and gradient.",
            Definition: $"−Σ w · (H g), g = dL/dw and H the Hessian, both by the weights that count. H g comes from a second reverse sweep that starts from the gradients with themselves as cotangents. {Inputs}",
            ForTrainedModels: "Near a minimum g vanishes, and the score with it.",
            WhenNotToUse: "It needs second derivatives, some 5 times a backward pass in time and memory. Behind norms much of it cancels.",
            Source: $"Wang, Zhang and Grosse, GraSP, ICLR 2020, as summed and with the sign of {Common} (there the temperature is 1). Published Spearman 0.51 on NAS-Bench-201 with CIFAR-10 accuracy."));

    /// <summary>fisher.</summary>
    internal static readonly Proxy Fisher = new(
        "fisher", "Fisher", HigherIsBetter: true, ProxyCost.Backward,
        o => [ProxyRuns.Training(o, FisherProducts.Instrument)],
        x =>
        {
            var (fisher, failure) = x.Runs[0].Read(FisherProducts.Instrument);
            if (fisher is null) return Score.NotAvailable(failure!);
            var weighted = 0.0;
            foreach (var layer in fisher.Layers)
            {
                if (WeightsPerChannel(layer.Layer) is not { } weights) return Score.NotAvailable($"the weight of '{layer.Layer.Name}' has no known shape");
                weighted += layer.Channels.Sum() * weights;
            }
            return Score.Of(weighted, ("layers", fisher.Layers.Count), ("unweighted", fisher.Layers.Sum(l => l.Channels.Sum())));
        },
        new ProxyText(
            Summary: "How much the loss would change if single channels were taken away, counted by the weights of each channel.",
            Definition: $"Of each convolution's and linear layer's output, s = Σ over positions of activation · gradient, by sample and channel; Δ_c = ½ · mean over samples of s². The score is Σ over layers and channels of Δ_c times the weights of the channel, as the released code spreads Δ over the channel's weights. Component `unweighted`: Σ Δ_c. {Inputs}",
            ForTrainedModels: "Channels with small Δ are those that pruning would take first.",
            WhenNotToUse: "It goes with the square of the gradient's scale; on NAS-Bench-201 it ranks worse than the parameter count.",
            Source: $"Turner et al., BlockSwap, ICLR 2020, as summed by {Common}. Spearman 0.54 on NAS-Bench-201 with CIFAR-10 accuracy by our calibration, published 0.39."));

    /// <summary>synflow.</summary>
    internal static readonly Proxy SynFlow = new(
        "synflow", "SynFlow", HigherIsBetter: true, ProxyCost.Backward,
        o => [new Protocol(WeightSource.Absolute, NormStatistics.Skipped, InputLaw.Ones, 1, o.Seed, Probes.Outputs) { Init = o.Init, Wide = true, Instruments = [SynapticFlow.Instrument] }],
        x =>
        {
            var (flows, failure) = x.Runs[0].Read(SynapticFlow.Instrument);
            return flows is null ? Score.NotAvailable(failure!) : flows.Sum() == 0 ? Score.NotAvailable("no signal flows through the weights") : Score.Of(Math.Log(flows.Sum()), ("tensors", flows.Length));
        },
        new ProxyText(
            Summary: "How much signal flows through all weights together, without any data.",
            Definition: """
                ln Σ |w · ∂R/∂w| over the weights of convolution, linear and recurrent layers, R the sum of the logits for one input of ones, with every parameter replaced by its absolute value and every
                norm by the identity. The raw sum leaves the range of float32 on deep networks; such a run is made again in float64 on Torch. The logarithm does not change a ranking. Tokens are drawn as always.
                """,
            ForTrainedModels: "With shipped weights the absolute values of these count; compare it with re-initialised ones.",
            WhenNotToUse: "Without norms, the sum grows with depth and width by powers; it does not see what norms do for the trained network. Attention without its norms saturates.",
            Source: $"Tanaka et al., SynFlow, NeurIPS 2020, as summed by {Common}, which gives the raw sum. Spearman 0.81 on NAS-Bench-201 with CIFAR-10 accuracy by our calibration (affine norms), published 0.74."))
    { InStandardProfile = true };

    static Proxy Of(string id, string title, Func<IReadOnlyList<(float[] Weight, float[] Gradient)>, double> sum, ProxyText text) => new(
        id, title, HigherIsBetter: true, ProxyCost.Backward, o => [ProxyRuns.Training(o, WeightGradients.Instrument)],
        x =>
        {
            var (gradients, failure) = x.Runs[0].Read(WeightGradients.Instrument);
            if (gradients is null) return Score.NotAvailable(failure!);
            var pairs = gradients.Of.Select(g => (x.Runs[0].Contents(g.Parameter).ToFloats(), g.Gradient)).ToList();
            return Score.Of(sum(pairs), ("tensors", pairs.Count));
        }, text);

    static IEnumerable<double> Products((float[] Weight, float[] Gradient) x)
    {
        for (var i = 0; i < x.Weight.Length; i++) yield return (double)x.Weight[i] * x.Gradient[i];
    }

    static Score NormOf(ProxyInputs x)
    {
        var protocol = new Protocol(x.Options.Shipped ? WeightSource.Shipped : WeightSource.Reinitialized, NormStatistics.Frozen, InputLaw.Auto, 1, x.Options.Seed, Probes.None) { Init = x.Options.Init };
        var weights = x.Model.Parameters.Where(p => p.Trainable && p.Role.IsLayerWeight()).ToList();
        if (weights.Count == 0) return Score.NotAvailable("the model has no weight of a convolution, linear or recurrent layer");
        var drawn = DrawWeights.Under(protocol, weights);
        return Score.Of(weights.Sum(p => (double)TensorPrimitives.Norm<float>((drawn.TryGetValue(p, out var d) ? d : p.Value.Data!).ToFloats())), ("tensors", weights.Count));
    }

    /// <summary>Weights that make one output channel; null where the weight's shape is not known.</summary>
    static double? WeightsPerChannel(Layer layer)
    {
        var channels = layer.Output.Shape![layer.ChannelAxis].Size;
        var weight = layer.Node.OpType is "Conv" or "ConvTranspose" or "DeformConv" or "Gemm" ? layer.Node.Input(1) : layer.Node.Inputs.FirstOrDefault(i => i?.Data is not null) ?? layer.Node.Input(1);
        return weight?.Shape is { IsStatic: true } shape ? shape.ElementCount / (double)channels : null;
    }
}
