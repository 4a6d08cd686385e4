using GraphRewriter.Canonicalization;

namespace OnnxAuditor.Measurement.Instruments;

/// <summary>The gradients of the loss by the weights of convolution, linear and recurrent layers, entry by entry.</summary>
/// <param name="Of">Each weight that a gradient reaches, with its gradient in the weight's own layout.</param>
sealed record WeightGradientSet(IReadOnlyList<(Parameter Parameter, float[] Gradient)> Of);

/// <summary>Takes the gradients by weights out of the run as they are, for proxies that compare them between batches or with the weights.</summary>
static class WeightGradients
{
    /// <summary>The instrument.</summary>
    internal static readonly Instrument<WeightGradientSet> Instrument = new("weight-gradients", InstrumentNeeds.Loss, Emit, Read) { GradientsBy = s => s.Weights().Select(w => w.Parameter.Value) };

    static void Emit(InstrumentSite site)
    {
        foreach (var (index, parameter) in site.Weights())
            if (site.Differentiation!.Gradients.TryGetValue(site.Image(parameter.Value), out var gradient)) site.Show($"gradient/{index}", gradient);
        if (site.Shown.Count == 0) throw new GraphRewriter.Ir.ModelException(GraphRewriter.Ir.ModelProblem.Unsupported, "no gradient reaches the weight of a convolution, linear or recurrent layer");
    }

    static WeightGradientSet Read(InstrumentOutputs outputs) => new([.. outputs.Numbered("gradient").Select(g =>
        (outputs.Parameters[g.Index], outputs.Parts == 1 ? outputs.Each(g.Key)[0].ToFloats() : Array.ConvertAll(outputs.Sum(g.Key), v => (float)(v / outputs.LossShare))))]);
}
