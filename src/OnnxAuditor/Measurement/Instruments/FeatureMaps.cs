using GraphRewriter.Emission;
using GraphRewriter.Ir;
using OnnxAuditor.Numerics;

namespace OnnxAuditor.Measurement.Instruments;

/// <summary>The spectra of one layer's output for the first sample, as a matrix F of channels by positions.</summary>
/// <param name="Layer">The layer, pool or sum.</param>
/// <param name="InverseCondition">σ_min / σ_max of F, 0 where F is zero; null where it was not computed.</param>
/// <param name="SmallestCorrelation">The smallest eigenvalue of the channels' Pearson correlation matrix; null where it was not computed.</param>
sealed record MapSpectrum(Layer Layer, double? InverseCondition, double? SmallestCorrelation);

/// <summary>The spectra of all layers.</summary>
/// <param name="Maps">By layer, in graph order, each distinct tensor once.</param>
/// <param name="TooLarge">The layers left out because both sides of their matrix are longer than <see cref="FeatureMaps.Longest"/>.</param>
sealed record MapSpectraSet(IReadOnlyList<MapSpectrum> Maps, int TooLarge);

/// <summary>
/// Gram matrices of the first sample's feature maps, made in float64 inside the graph from the smaller side of each map: the singular values that follow from them are right down to 1e-8
/// of the largest, where those of a float32 Gram matrix would end at 3e-4.
/// </summary>
static class FeatureMaps
{
    /// <summary>The longest smaller side of a map whose spectrum is computed.</summary>
    internal const long Longest = 1024;

    /// <summary>The instrument.</summary>
    internal static readonly Instrument<MapSpectraSet> Instrument = new("feature-maps", InstrumentNeeds.None, Emit, Read);

    sealed record Site(Layer Layer, long Channels, long Positions);

    static void Emit(InstrumentSite site)
    {
        var t = site.Tape;
        var sites = new List<Site>();
        var tooLarge = 0;
        foreach (var layer in FindLayers.WithMerges(site.Source))
        {
            var x = site.Image(layer.Output);
            if (x.Type != ElementType.Float32 || x.Shape is not { IsStatic: true, Rank: > 1 } shape || shape.ElementCount == 0 || layer.ChannelAxis == 0) continue;
            t.Origin = layer.Name;
            var first = site.Source.Batch.Axes.Count > 0 && shape[0].Size == site.Batch && site.Batch > 1 ? t.Slice(x, 0, 0, 1) : x;
            var channels = shape[layer.ChannelAxis].Size;
            var positions = first.Shape!.ElementCount / channels;
            if (Math.Min(channels, positions) > Longest)
            {
                tooLarge++;
                continue;
            }
            var index = sites.Count;
            sites.Add(new Site(layer, channels, positions));
            // A map of one row or column has one singular value; channels that are constant or one position have no correlation.
            if (Math.Min(channels, positions) == 1 && positions == 1)
            {
                site.Show($"gram/{index}", t.Reshape(t.ReduceAll("ReduceSumSquare", t.Cast(first, ElementType.Float64)), 1, 1));
                continue;
            }
            var map = t.Cast(ChannelsFirst(t, first, layer.ChannelAxis, channels, positions), ElementType.Float64);
            site.Show($"gram/{index}", channels <= positions ? t.MatMul(map, t.TransposeLast(map)) : t.MatMul(t.TransposeLast(map), map));
            if (channels < positions) site.Show($"sum/{index}", t.ReduceSum(map, [1], keepDims: false));
        }
        if (sites.Count == 0) throw new ModelException(ModelProblem.Unsupported, "no layer has an output of known shape with channels and positions");
        site.Kept = (sites, tooLarge);
    }

    /// <summary>A tensor as channels by all else.</summary>
    internal static Value ChannelsFirst(Tape t, Value x, int axis, long channels, long positions)
    {
        if (x.Shape![0].Size == 1 && axis == 1) return t.Reshape(x, channels, positions);
        var order = Enumerable.Range(0, x.Rank).Where(i => i != axis).Prepend(axis).Select(i => (long)i).ToArray();
        return t.Reshape(t.Transpose(x, order), channels, positions);
    }

    static MapSpectraSet Read(InstrumentOutputs outputs)
    {
        var (sites, tooLarge) = outputs.Kept<(List<Site>, int)>();
        var maps = new MapSpectrum[sites.Count];
        foreach (var (index, key) in outputs.Numbered("gram"))
        {
            var site = sites[index];
            // The first sample is in the first part.
            var gram = outputs.Each(key)[0].ToDoubles();
            var n = (int)Math.Sqrt(gram.Length);
            double? correlation = 0;
            if (outputs.Keys.Contains($"sum/{index}", StringComparer.Ordinal)) correlation = SmallestCorrelation(gram, outputs.Each($"sum/{index}")[0].ToDoubles(), site.Positions);
            if (Array.Exists(gram, v => !double.IsFinite(v)))
            {
                maps[index] = new MapSpectrum(site.Layer, null, null);
                continue;
            }
            var eigenvalues = SymmetricEigenvalues.Of(gram, n);
            maps[index] = new MapSpectrum(site.Layer, eigenvalues[^1] <= 0 ? 0 : Math.Sqrt(Math.Max(0, eigenvalues[0]) / eigenvalues[^1]), correlation);
        }
        return new MapSpectraSet(maps, tooLarge);
    }

    /// <summary>The smallest eigenvalue of the correlation matrix; a channel without variance has correlation 0 with all, itself included, which makes it 0.</summary>
    static double? SmallestCorrelation(double[] gram, double[] sums, double positions)
    {
        var n = sums.Length;
        var deviation = new double[n];
        for (var i = 0; i < n; i++)
        {
            var variance = gram[i * n + i] - sums[i] * sums[i] / positions;
            deviation[i] = variance > 1e-12 * Math.Max(gram[i * n + i], double.Epsilon) ? Math.Sqrt(variance) : 0;
        }
        var correlation = new double[n * n];
        for (var i = 0; i < n; i++)
            for (var j = 0; j < n; j++)
                correlation[i * n + j] = deviation[i] > 0 && deviation[j] > 0 ? (gram[i * n + j] - sums[i] * sums[j] / positions) / deviation[i] / deviation[j] : 0;
        return Array.Exists(correlation, v => !double.IsFinite(v)) ? null : SymmetricEigenvalues.Of(correlation, n)[0];
    }
}
