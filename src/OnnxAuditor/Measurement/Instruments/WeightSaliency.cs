using GraphRewriter.Canonicalization;
using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace OnnxAuditor.Measurement.Instruments;

/// <summary>Saliencies of weight tensors.</summary>
/// <param name="Of">Each weight that a gradient reaches, with Σ |w · g| over its entries.</param>
sealed record WeightSaliencySet(IReadOnlyList<(Parameter Parameter, double Saliency)> Of);

/// <summary>Σ |w · ∂L/∂w| of each weight of convolution, linear and recurrent layers, summed in the graph (Lee, Ajanthan and Torr, SNIP, ICLR 2019, without its normaliser).</summary>
static class WeightSaliency
{
    /// <summary>The instrument.</summary>
    internal static readonly Instrument<WeightSaliencySet> Instrument = new("weight-saliency", InstrumentNeeds.Loss, Emit, Read) { GradientsBy = s => s.Weights().Select(w => w.Parameter.Value) };

    static void Emit(InstrumentSite site)
    {
        foreach (var (index, parameter) in site.Weights())
        {
            var image = site.Image(parameter.Value);
            if (!site.Differentiation!.Gradients.TryGetValue(image, out var gradient)) continue;
            site.Tape.Origin = parameter.Name;
            site.Show($"saliency/{index}", site.Tape.Reshape(site.Tape.ReduceAll("ReduceL1", site.Tape.Mul(image, gradient)), 1));
        }
        if (site.Shown.Count == 0) throw new ModelException(ModelProblem.Unsupported, "no gradient reaches the weight of a convolution, linear or recurrent layer");
    }

    // Of a batch in parts this is the mean of the parts' saliencies, an upper bound of the whole batch's.
    static WeightSaliencySet Read(InstrumentOutputs outputs) => new([.. outputs.Numbered("saliency").Select(s => (outputs.Parameters[s.Index], outputs.Sum(s.Key)[0] / outputs.LossShare))]);
}
