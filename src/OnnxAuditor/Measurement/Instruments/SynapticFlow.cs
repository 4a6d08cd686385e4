using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace OnnxAuditor.Measurement.Instruments;

/// <summary>Σ |w · ∂R/∂w| of each weight tensor, R the sum of the logits, by the weights of convolution, linear and recurrent layers (Tanaka et al. 2020).</summary>
static class SynapticFlow
{
    /// <summary>The instrument: one number a tensor, the mean over samples where the graph takes no fewer than several.</summary>
    internal static readonly Instrument<double[]> Instrument = new("synaptic-flow", InstrumentNeeds.None, Emit, o => [.. o.Keys.Select(k => o.Mean(k)[0] / o.Batch)]);

    static void Emit(InstrumentSite site)
    {
        var weights = site.Weights().ToList();
        var gradients = site.LogitGradients([.. weights.Select(w => site.Image(w.Parameter.Value))]).Gradients;
        foreach (var (index, parameter) in weights)
        {
            var image = site.Image(parameter.Value);
            if (!gradients.TryGetValue(image, out var gradient)) continue;
            site.Tape.Origin = parameter.Name;
            site.Show($"flow/{index}", site.Tape.Reshape(site.Tape.ReduceAll("ReduceSum", site.Tape.Abs(site.Tape.Mul(image, gradient))), 1));
        }
        if (site.Shown.Count == 0) throw new ModelException(ModelProblem.Unsupported, "no gradient of the outputs reaches the weight of a convolution, linear or recurrent layer");
    }
}
