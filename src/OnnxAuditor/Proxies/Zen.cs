using GraphRewriter.Ir;
using OnnxAuditor.Measurement;
using OnnxAuditor.Measurement.Instruments;

namespace OnnxAuditor.Proxies;

/// <summary>zen: how far the features move with the input.</summary>
static class Zen
{
    /// <summary>The proxy.</summary>
    internal static readonly Proxy Proxy = new(
        "zen", "Zen-score", HigherIsBetter: true, ProxyCost.Forward,
        o => [ProxyRuns.Gaussian(o, PooledFeatures.Instrument) with { Input = InputLaw.Normal }, ProxyRuns.Gaussian(o, PooledFeatures.Instrument) with { Input = InputLaw.Perturbed }],
        x => Score(x.Model.Model.Graph, x.Runs[0], x.Runs[1]),
        new ProxyText(
            Summary: "How strongly the features in front of the head react to a small change of the input, with what norms divide by put back.",
            Definition: """
                Weights of N(0, 1), biases 0, norms 1 and 0, batch statistics. x and x₂ are batches of N(0, 1); f is what the last convolution or linear layer takes, followed back through pooling and flattening. The
                score is ln(mean over samples of Σ |f(x) − f(x + 0.01 x₂)|) + Σ over BatchNormalizations of ln √(mean over channels of the variance of its input). Components: `difference` (the
                first logarithm), `scale` (the sum), `norms`.
                """,
            ForTrainedModels: "With shipped weights it is the sensitivity of the trained features to noise of 1 %.",
            WhenNotToUse: "The source takes residual connections out and defines it for plain chains of convolutions; on other graphs it is dominated by depth. Other norms than BatchNormalization are not put back.",
            Source: "Lin et al., Zen-NAS, ICCV 2021, arXiv 2102.01063, and its released code. There the variances are running ones after two passes at momentum 0.1, here those of the first batch, and residual connections stay."));

    static Score Score(Graph graph, ModelMeasurement plain, ModelMeasurement moved)
    {
        var consumers = graph.Consumers();
        // Where tokens go in, both runs are the same but for rounding.
        if (!graph.Inputs.Exists(i => i.IsFloat && i.Data is null && !MakeInputs.IsSetting(i, consumers))) return Proxies.Score.NotAvailable("the model has no float input that could be moved");
        var (a, failure) = plain.Read(PooledFeatures.Instrument);
        if (a is null) return Proxies.Score.NotAvailable(failure!);
        var (b, second) = moved.Read(PooledFeatures.Instrument);
        if (b is null) return Proxies.Score.NotAvailable(second!);
        var difference = 0.0;
        for (var n = 0; n < a.Values.Length; n++)
            for (var i = 0; i < a.Values[n].Length; i++) difference += Math.Abs((double)a.Values[n][i] - b.Values[n][i]);
        difference /= a.Values.Length;
        if (!(difference > 0)) return Proxies.Score.NotAvailable("the features do not move with the input");
        if (a.NormVariances.Any(v => v <= 0)) return Proxies.Score.NotAvailable("the input of a BatchNormalization has no variance");
        var scale = a.NormVariances.Sum(v => Math.Log(v) / 2);
        return Proxies.Score.Of(Math.Log(difference) + scale, ("difference", Math.Log(difference)), ("scale", scale), ("norms", a.NormVariances.Length));
    }
}
