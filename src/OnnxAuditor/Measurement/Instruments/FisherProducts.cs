using GraphRewriter.Canonicalization;
using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace OnnxAuditor.Measurement.Instruments;

/// <summary>The Fisher information of one layer's channels.</summary>
/// <param name="Layer">The convolution or linear layer.</param>
/// <param name="Channels">By channel c: Δ_c = ½ · mean over samples of (Σ over positions of activation · gradient)².</param>
sealed record ChannelFisher(Layer Layer, double[] Channels);

/// <summary>The Fisher information of all layers.</summary>
/// <param name="Layers">In graph order.</param>
sealed record ChannelFisherSet(IReadOnlyList<ChannelFisher> Layers);

/// <summary>Products of each convolution's and linear layer's output with its gradient, summed over positions in the graph (Turner et al., BlockSwap, ICLR 2020; Theis et al. 2018).</summary>
static class FisherProducts
{
    /// <summary>The instrument.</summary>
    internal static readonly Instrument<ChannelFisherSet> Instrument = new("fisher", InstrumentNeeds.Loss, Emit, Read) { GradientsBy = s => Counted(s).Select(l => l.Item.Output) };

    static IEnumerable<(int Index, Layer Item)> Counted(InstrumentSite site) =>
        site.Layers.Index().Where(l => l.Item.Kind is LayerKind.Convolution or LayerKind.Linear && l.Item.ChannelAxis > 0 && l.Item.Output is { Type: ElementType.Float32, Shape: { IsStatic: true } s } && s.ElementCount > 0
            && (site.Source.Batch.Kind == BatchKind.None || s[0].Size == site.Batch));

    static void Emit(InstrumentSite site)
    {
        var t = site.Tape;
        foreach (var (index, layer) in Counted(site))
        {
            var x = site.Image(layer.Output);
            if (!site.Differentiation!.Gradients.TryGetValue(x, out var gradient)) continue;
            t.Origin = layer.Name;
            var product = t.Mul(x, gradient);
            long[] positions = [.. Enumerable.Range(1, x.Rank - 1).Where(a => a != layer.ChannelAxis).Select(a => (long)a)];
            site.Show($"product/{index}", positions.Length == 0 ? product : t.ReduceSum(product, positions, keepDims: false));
        }
        if (site.Shown.Count == 0) throw new ModelException(ModelProblem.Unsupported, "no gradient reaches the output of a convolution or linear layer whose first axis counts the samples");
    }

    static ChannelFisherSet Read(InstrumentOutputs outputs)
    {
        var layers = new List<ChannelFisher>();
        foreach (var (index, key) in outputs.Numbered("product"))
        {
            var (values, rows, columns) = outputs.Rows(key);
            var channels = new double[columns];
            for (var i = 0; i < values.Length; i++)
            {
                var s = (double)values[i] / outputs.LossShare;
                channels[i % columns] += s * s / (2.0 * rows);
            }
            layers.Add(new ChannelFisher(outputs.Layers[index], channels));
        }
        return new ChannelFisherSet(layers);
    }
}
