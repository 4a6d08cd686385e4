using System.Globalization;
using GraphRewriter.Emission;
using GraphRewriter.Ir;
using OnnxAuditor.Numerics;
using Attribute = GraphRewriter.Ir.Attribute;

namespace OnnxAuditor.Measurement.Instruments;

/// <summary>How a block passes a random cotangent back.</summary>
/// <param name="Block">The border behind the block.</param>
/// <param name="LargestSingularValue">The largest singular value of A = G_inᵀ G_out / rows; null where it is not finite or the two could not be laid side by side.</param>
sealed record BlockGain(Layer Block, double? LargestSingularValue);

/// <summary>The gains of all blocks, in graph order.</summary>
/// <param name="Blocks">The blocks.</param>
/// <param name="Skipped">Blocks between which positions do not correspond, or that no gradient passes.</param>
sealed record BlockGainSet(IReadOnlyList<BlockGain> Blocks, int Skipped);

/// <summary>
/// Vector–Jacobian products of single blocks: a Rademacher cotangent G_out at the end of each block, taken back to its beginning (Lee and Ham, AZ-NAS, CVPR 2024). Where the block makes the
/// image smaller by whole steps, positions of G_in are gathered into channels.
/// </summary>
static class BlockJacobians
{
    /// <summary>The instrument.</summary>
    internal static readonly Instrument<BlockGainSet> Instrument = new("block-jacobians", InstrumentNeeds.None, Emit, Read);

    static void Emit(InstrumentSite site)
    {
        var borders = BlockStatistics.Borders(site);
        var kept = new List<Layer>();
        var skipped = 0;
        for (var i = 1; i < borders.Count; i++)
        {
            var (from, to) = (site.Image(borders[i - 1].Output), site.Image(borders[i].Output));
            if (Steps(from, borders[i - 1].ChannelAxis, to, borders[i].ChannelAxis) is not { } steps)
            {
                skipped++;
                continue;
            }
            var shape = to.Shape!;
            var name = $"cotangent/{borders[i].Name}";
            var cotangent = site.Input(name, shape, (p, part) => Rademacher(shape, p.Seed, name, (int)site.Batch, part));
            if (!site.VectorJacobian([(to, cotangent)], [from]).Gradients.TryGetValue(from, out var back))
            {
                skipped++;
                continue;
            }
            site.Tape.Origin = borders[i].Name;
            site.Show($"product/{kept.Count}", Product(site.Tape, back, borders[i - 1].ChannelAxis, cotangent, borders[i].ChannelAxis, steps));
            kept.Add(borders[i]);
        }
        if (kept.Count == 0) throw new ModelException(ModelProblem.Unsupported, "the graph has no block that a cotangent can be taken through");
        site.Kept = (kept, skipped);
    }

    /// <summary>By how many steps a block makes each axis of positions smaller; null where positions do not correspond.</summary>
    static long? Steps(Value from, int fromAxis, Value to, int toAxis)
    {
        if (from.Rank != to.Rank || fromAxis != toAxis || from.Shape![0].Size != to.Shape![0].Size) return null;
        long? steps = null;
        for (var a = 1; a < from.Rank; a++)
        {
            if (a == fromAxis) continue;
            var (large, small) = (from.Shape[a].Size, to.Shape[a].Size);
            if (large % small != 0 || steps is { } known && known != large / small) return null;
            steps = large / small;
        }
        return steps is null or 1 ? 1 : from.Rank == 4 && fromAxis == 1 ? steps : null;
    }

    static Value Product(Tape t, Value back, int backAxis, Value cotangent, int axis, long steps)
    {
        if (steps > 1) back = t.Op("SpaceToDepth", [Attribute.Of("blocksize", steps)], back);
        Value Rows(Value x, int channelAxis)
        {
            var channels = x.Shape![channelAxis].Size;
            return FeatureMaps.ChannelsFirst(t, x, channelAxis, channels, x.Shape.ElementCount / channels);
        }
        var (g, r) = (Rows(back, backAxis), Rows(cotangent, axis));
        return t.Div(t.MatMul(g, t.TransposeLast(r)), r.Shape![1].Size);
    }

    /// <summary>Random signs. Each sample's are drawn by its place in the whole batch, so that a batch in parts has those of one that is not.</summary>
    static TensorData Rademacher(Shape shape, long seed, string name, int batch, int part)
    {
        var values = new float[shape.ElementCount];
        var samples = values.Length % batch == 0 ? batch : 1;
        for (var s = 0; s < samples; s++)
        {
            var random = new SeededRandom(seed, string.Create(CultureInfo.InvariantCulture, $"{name}/{part * samples + s}"));
            foreach (ref var sign in values.AsSpan(values.Length / samples * s, values.Length / samples)) sign = random.Integer(2) == 0 ? -1 : 1;
        }
        return TensorData.FromFloats(shape.ToArray(), values);
    }

    // A is linear in the rows: that of a batch is the mean of its parts'.
    static BlockGainSet Read(InstrumentOutputs outputs)
    {
        var (kept, skipped) = outputs.Kept<(List<Layer>, int)>();
        return new BlockGainSet([.. outputs.Numbered("product").Select(p => new BlockGain(kept[p.Index], Largest(outputs.Mean(p.Key), outputs.Each(p.Key)[0].Dims)))], skipped);
    }

    static double? Largest(double[] a, IReadOnlyList<long> dims)
    {
        if (Array.Exists(a, v => !double.IsFinite(v))) return null;
        var (rows, columns) = ((int)dims[0], (int)dims[1]);
        var matrix = MathNet.Numerics.LinearAlgebra.Matrix<double>.Build.DenseOfRowMajor(rows, columns, a);
        var gram = rows <= columns ? matrix.TransposeAndMultiply(matrix) : matrix.TransposeThisAndMultiply(matrix);
        return Math.Sqrt(Math.Max(0, SymmetricEigenvalues.Of(gram.ToRowMajorArray(), gram.RowCount)[^1]));
    }
}
