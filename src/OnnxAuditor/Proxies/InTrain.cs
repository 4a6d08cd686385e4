using OnnxAuditor.Measurement;
using OnnxAuditor.Measurement.Instruments;

namespace OnnxAuditor.Proxies;

/// <summary>InTrain: geometric capacity of the layers' activations times optimisation resilience of the parameters' gradients.</summary>
static class InTrain
{
    const double Epsilon = 1e-10;

    /// <summary>The proxy.</summary>
    internal static readonly Proxy Proxy = new(
        "intrain", "InTrain", HigherIsBetter: true, ProxyCost.Backward,
        o => [new Protocol(WeightSource.Reinitialized, NormStatistics.Batch, InputLaw.Normal, o.Batch, o.Seed, Probes.ChannelCovariance | Probes.ParameterGradients) { Init = o.Init, Loss = o.Loss, Instruments = [BlockStatistics.Instrument] }],
        x => Score(x.Runs[0]),
        new ProxyText(
            Summary: "How many directions the layers' activations use, times how evenly the gradient is spread over each parameter tensor.",
            Definition: """
                For each convolution and linear layer l, A_l is its output as a matrix of rows (samples and positions) by channels, C_l its centred covariance and
                PR_l = (tr C_l)² / tr(C_l²) the participation ratio, 1 to min(channels, rows − 1). gamma = Σ_l ln PR_l. For each parameter tensor i of at least two
                elements, h_i = min(1, std(g_i) / (max|g_i| + 1e-10)) with the population standard deviation over its gradient's entries, 0 where max|g_i| ≤ 1e-10; o = Σ_i h_i.
                The score is gamma · (1 + o) / ln(L + 1), natural logarithms, L the number of layers counted. Layers with tr C ≤ 1e-12 are left out of gamma and L: with the
                source's added 1e-10 · I a dead layer would get the largest value there is. tr C and ‖C‖² are computed inside the graph, from the smaller Gram matrix; no eigenvalues are needed.
                The component `intrain_blocks` is the same with the ends of blocks (sums or concatenations that every path passes) in the place of layers.
                Inputs are N(0, 1), labels random, the loss is the cross-entropy of a classifier (mean squared error for spatial outputs), weights are re-initialised, normalisation uses batch statistics.
                """,
            ForTrainedModels: "On shipped weights the score describes the trained state and is not comparable with values on re-initialised weights; the report says which was used.",
            WhenNotToUse: "The score grows with depth, width and the number of parameter tensors; compare it with the parameter count beside it. Neither factor adds much to the other: on NAS-Bench-201 the sum of gamma and o ranks as well as their product, contrary to the paper (Kendall 0.67 each), and `intrain_blocks` ranks better than the score (0.70). Tensors whose gradient is zero but for rounding (key biases of attention, biases before batch statistics) count in o like others. It does not see the scale of weights. Models without convolution or linear layers have no value.",
            Source: "InTrain, CVPR 2026, arXiv 2606.18676. Which tensors count as layers, centring, the treatment of dead layers and one-element tensors are not specified there; the choices here reproduce its NAS-Bench-201 figures (Kendall 0.67, Spearman 0.84 to 0.86)."))
    { InStandardProfile = true };

    static Score Score(ModelMeasurement run)
    {
        var layers = run.Layers.Where(l => l.Covariance?.ParticipationRatio is not null).ToList();
        if (layers.Count == 0) return Proxies.Score.NotAvailable("no convolution or linear layer has an activation with variance");
        var gradients = run.Parameters.Where(p => p.Parameter.Trainable && p.Parameter.Count >= 2 && p.Gradient is not null).ToList();
        if (gradients.Count == 0) return Proxies.Score.NotAvailable("no gradient reaches a parameter tensor of two or more elements");
        var gamma = layers.Sum(l => Math.Log(l.Covariance!.ParticipationRatio!.Value));
        var resilience = gradients.Sum(p => Resilience(p.Gradient!));
        return Proxies.Score.Of(
            gamma * (1 + resilience) / Math.Log(layers.Count + 1), ("gamma", gamma), ("o", resilience), ("layers", layers.Count), ("tensors", gradients.Count),
            ("intrain_blocks", OfBlocks(run, resilience)));
    }

    /// <summary>The score with the ends of blocks as layers; NaN where the graph has none.</summary>
    static double OfBlocks(ModelMeasurement run, double resilience)
    {
        var ratios = run.Read(BlockStatistics.Instrument).Value?.Borders.Skip(1).Select(b => b.Covariance.ParticipationRatio).OfType<double>().ToList();
        return ratios is { Count: > 0 } ? ratios.Sum(Math.Log) * (1 + resilience) / Math.Log(ratios.Count + 1) : double.NaN;
    }

    static double Resilience(GradientMoments gradient) => gradient.MaxAbs <= Epsilon ? 0 : Math.Min(1, gradient.Std / (gradient.MaxAbs + Epsilon));
}
