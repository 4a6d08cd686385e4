using GraphRewriter.Emission;
using GraphRewriter.Ir;
using OnnxAuditor.Numerics;

namespace OnnxAuditor.Measurement.Instruments;

/// <summary>The effective rank of one layer's output.</summary>
/// <param name="Layer">The layer.</param>
/// <param name="EffectiveRank">exp of the entropy of the normalised singular values; 0 where the output is zero, null where it is not finite.</param>
/// <param name="Channels">The layer's channels.</param>
/// <param name="Rows">The rows that were there; fewer than channels bound the rank.</param>
sealed record RowSpectrum(Layer Layer, double? EffectiveRank, long Channels, long Rows);

/// <summary>The effective ranks of all layers, pre- and post-activation.</summary>
/// <param name="Layers">In graph order.</param>
sealed record RowSpectraSet(IReadOnlyList<RowSpectrum> Layers);

/// <summary>
/// Square blocks of the layers' outputs as matrices of rows (samples and positions) by channels: as many consecutive rows as there are channels, from the middle of the batch. The Gram
/// matrix of a block is made in float64 inside the graph.
/// </summary>
static class RowSpectra
{
    /// <summary>Channels of a wider layer that count; its effective rank is scaled up by the share.</summary>
    const long Widest = 512;

    /// <summary>The instrument.</summary>
    internal static readonly Instrument<RowSpectraSet> Instrument = new("row-spectra", InstrumentNeeds.None, Emit, Read);

    static void Emit(InstrumentSite site)
    {
        var t = site.Tape;
        var sites = new List<(Layer, long)>();
        foreach (var layer in site.Layers.Where(l => l.Kind is LayerKind.Convolution or LayerKind.Linear or LayerKind.Norm or LayerKind.Activation))
        {
            var x = site.Image(layer.Output);
            if (x.Type != ElementType.Float32 || x.Shape is not { IsStatic: true, Rank: > 1 } shape || shape.ElementCount == 0 || layer.ChannelAxis == 0) continue;
            t.Origin = layer.Name;
            site.Show($"gram/{sites.Count}", Block(t, x, shape, layer.ChannelAxis, out var rows));
            sites.Add((layer, rows));
        }
        if (sites.Count == 0) throw new ModelException(ModelProblem.Unsupported, "no convolution, linear, norm or activation layer has an output of known shape");
        site.Kept = sites;
    }

    static Value Block(Tape t, Value x, Shape shape, int axis, out long rows)
    {
        var channels = shape[axis].Size;
        if (channels > Widest) x = t.Slice(x, axis, 0, channels = Widest);
        var perSample = shape.ElementCount / shape[axis].Size / shape[0].Size;
        var samples = shape[0].Size;
        rows = Math.Min(channels, samples * perSample);
        // Samples that the block lies in, cut out before anything is transposed.
        var needed = Math.Min(samples, (rows + perSample - 1) / perSample);
        var from = (samples - needed) / 2;
        if (needed < samples) x = t.Slice(x, 0, from, from + needed);
        if (axis != x.Rank - 1) x = t.Transpose(x, [.. Enumerable.Range(0, x.Rank).Where(i => i != axis).Append(axis).Select(i => (long)i)]);
        var matrix = t.Reshape(x, needed * perSample, channels);
        var start = (needed * perSample - rows) / 2;
        if (rows < needed * perSample) matrix = t.Slice(matrix, 0, start, start + rows);
        matrix = t.Cast(matrix, ElementType.Float64);
        return rows < channels ? t.MatMul(matrix, t.TransposeLast(matrix)) : t.MatMul(t.TransposeLast(matrix), matrix);
    }

    static RowSpectraSet Read(InstrumentOutputs outputs)
    {
        var sites = outputs.Kept<List<(Layer Layer, long Rows)>>();
        var result = new List<RowSpectrum>();
        foreach (var (index, key) in outputs.Numbered("gram"))
        {
            var (layer, rows) = sites[index];
            // A batch in parts shows a block of each; one is enough, and where samples go one by one a linear layer has one row.
            var gram = outputs.Each(key)[0].ToDoubles();
            var n = (int)Math.Sqrt(gram.Length);
            var channels = layer.Output.Shape![layer.ChannelAxis].Size;
            double? rank = Array.Exists(gram, v => !double.IsFinite(v)) ? null : EffectiveRank(SymmetricEigenvalues.Of(gram, n)) * Math.Max(1, channels / (double)Widest);
            result.Add(new RowSpectrum(layer, rank, channels, rows));
        }
        return new RowSpectraSet(result);
    }

    /// <summary>exp(−Σ p ln p) of singular values σ = √λ normalised to p = σ / Σσ (Roy and Vetterli 2007).</summary>
    internal static double EffectiveRank(double[] eigenvalues)
    {
        // Below 1e-15 of the largest, a squared singular value is rounding of the Gram matrix.
        var floor = eigenvalues[^1] * 1e-15;
        var total = eigenvalues.Sum(e => e > floor ? Math.Sqrt(e) : 0);
        if (!(total > 0)) return 0;
        return Math.Exp(-eigenvalues.Where(e => e > floor).Sum(e => Math.Sqrt(e) / total * Math.Log(Math.Sqrt(e) / total)));
    }
}
