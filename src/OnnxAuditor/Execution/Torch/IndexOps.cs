using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Operators that pick or place elements by index. Negative indices count from the end of the axis.</summary>
static class IndexOps
{
    /// <summary>The operators.</summary>
    internal static readonly TorchOp[] All =
    [
        TorchOp.Of("Gather", Gather),
        TorchOp.Of("GatherElements", GatherElements),
        TorchOp.Of("GatherND", GatherND),
        TorchOp.Of("ScatterElements", ScatterElements),
        TorchOp.Of("ScatterND", ScatterND),
        TorchOp.Of("OneHot", OneHot),
    ];

    static Tensor Gather(TorchCall c)
    {
        var (x, axis) = (c[0], c.Axis("axis", 0, c[0].dim()));
        return x.index_select(axis, c[1].Indices(x.Length(axis)).Flat()).reshape(x.ShapeWith(axis, c[1].shape));
    }

    static Tensor GatherElements(TorchCall c)
    {
        var (x, axis) = (c[0], c.Axis("axis", 0, c[0].dim()));
        return x.gather(axis, c[1].Indices(x.Length(axis)));
    }

    static Tensor GatherND(TorchCall c)
    {
        var (x, indices, batch) = (c[0], c[1], (int)c.Node.Int("batch_dims"));
        var indexed = batch + (int)indices.shape[^1];
        var places = Places(x, indices, batch);
        return x.reshape(Count(x.shape[..indexed]), Count(x.shape[indexed..])).index_select(0, places.Flat()).reshape([.. indices.shape[..^1], .. x.shape[indexed..]]);
    }

    static Tensor ScatterElements(TorchCall c)
    {
        var (x, indices, updates) = (c[0], c[1], c[2]);
        var axis = c.Axis("axis", 0, x.dim());
        // The places of the first slice along the axis, and from there on as far as each index says.
        var places = x.Counting(x.numel()).reshape(x.shape).narrow(axis, 0, Math.Min(1, x.Length(axis)));
        for (var i = 0; i < x.dim(); i++) if (i != axis) places = places.narrow(i, 0, indices.shape[i]);
        places = places + indices.Indices(x.Length(axis)) * Count(x.shape[(axis + 1)..]);
        return Scatter.Run(c, x.Flat(), places.Flat(), updates.Flat()).reshape(x.shape);
    }

    static Tensor ScatterND(TorchCall c)
    {
        var (x, indices, updates) = (c[0], c[1], c[2]);
        var length = Count(x.shape[(int)indices.shape[^1]..]);
        var places = Places(x, indices, 0).unsqueeze(-1) * length + x.Counting(length);
        return Scatter.Run(c, x.Flat(), places.Flat(), updates.Flat()).reshape(x.shape);
    }

    /// <summary>Index tuples as single indices into the batch and indexed axes of X seen as one axis.</summary>
    static Tensor Places(Tensor x, Tensor indices, int batch)
    {
        var (tuple, sizes) = ((int)indices.shape[^1], x.shape);
        var places = indices.to(ScalarType.Int64).new_zeros(indices.shape[..^1], ScalarType.Int64);
        for (var i = 0; i < batch; i++) places = places * sizes[i] + x.Counting(sizes[i]).Along(i, places.dim());
        for (var i = 0; i < tuple; i++) places = places * sizes[batch + i] + indices.select(-1, i).Indices(sizes[batch + i]);
        return places;
    }

    /// <summary>An index beyond the depth has no element that is on. The values for on and off carry no gradient.</summary>
    static Tensor OneHot(TorchCall c)
    {
        var (depth, values) = (c.Ints(1)![0], c[2].detach());
        var axis = c.Axis("axis", -1, c[0].dim() + 1);
        var indices = c[0].Indices(depth).unsqueeze(axis);
        return where(c[0].Counting(depth).Along(axis, indices.dim()) == indices, values.select(0, 1), values.select(0, 0));
    }

    static long Count(long[] dims) => dims.Aggregate(1L, (a, b) => a * b);
}
