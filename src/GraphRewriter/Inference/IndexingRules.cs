using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>Gathering, scattering and searching.</summary>
static class IndexingRules
{
    internal static readonly ShapeRule[] All =
    [
        new("Gather", Gather),
        new("GatherElements", GatherElements),
        new("GatherND", GatherNd),
        .. ShapeRule.Each(ElementwiseRules.LikeFirst, "Scatter", "ScatterElements", "ScatterND"),
        new("OneHot", OneHot),
        new("TopK", TopK),
        // For a scalar the specification and the runtimes disagree (0 rows or 1).
        new("NonZero", (in x) => x.Out(0, ElementType.Int64, new Shape(x.ShapeOf(0) is { Rank: > 0 } shape ? shape.Rank : Dim.Unknown, Dim.Unknown))),
        new("Compress", Compress),
        new("Unique", Unique),
        new("NonMaxSuppression", (in x) => x.Out(0, ElementType.Int64, new Shape(Dim.Unknown, 3))),
    ];

    static void Gather(in InferenceContext x)
    {
        if (x.ShapeOf(0) is not { } data || x.ShapeOf(1) is not { } indices)
        {
            x.Out(0, x.TypeOf(0), null);
            return;
        }
        var axis = x.Axis(x.Node.Int("axis"), data.Rank);
        var dims = new Dim[data.Rank - 1 + indices.Rank];
        for (var i = 0; i < axis; i++) dims[i] = data[i];
        for (var i = 0; i < indices.Rank; i++) dims[axis + i] = indices[i];
        for (var i = axis + 1; i < data.Rank; i++) dims[i - 1 + indices.Rank] = data[i];
        x.Out(0, x.TypeOf(0), new Shape(dims));
    }

    static void GatherElements(in InferenceContext x)
    {
        var indices = x.ShapeOf(1);
        if (x.ShapeOf(0) is { } data)
        {
            if (indices is not null && indices.Rank != data.Rank) throw x.Conflict("the ranks of data and indices differ");
            var axis = x.Axis(x.Node.Int("axis"), data.Rank);
            for (var i = 0; i < indices?.Rank; i++)
                if (i != axis && data[i].IsKnown && indices[i].Size > data[i].Size) throw x.Conflict($"dimension {i} of the indices is beyond the data's");
        }
        x.Out(0, x.TypeOf(0), indices);
    }

    static void GatherNd(in InferenceContext x)
    {
        var batch = (int)x.Node.Int("batch_dims");
        if (x.ShapeOf(0) is not { } data || x.ShapeOf(1) is not { Rank: > 0 } indices || !indices[-1].IsKnown)
        {
            x.Out(0, x.TypeOf(0), null);
            return;
        }
        var depth = indices[-1].Size;
        if (batch < 0 || batch >= Math.Min(data.Rank, indices.Rank) || depth < 1 || depth > data.Rank - batch)
            throw x.Conflict($"indices of {depth} coordinates after {batch} batch axes do not fit");
        var rest = batch + (int)depth;
        var dims = new Dim[indices.Rank - 1 + data.Rank - rest];
        for (var i = 0; i < indices.Rank - 1; i++)
        {
            dims[i] = indices[i];
            if (i < batch && !DimArithmetic.TryUnify(indices[i], data[i], out dims[i])) throw x.Conflict($"batch axis {i} differs");
        }
        for (var i = rest; i < data.Rank; i++) dims[indices.Rank - 1 + i - rest] = data[i];
        x.Out(0, x.TypeOf(0), new Shape(dims));
    }

    static void OneHot(in InferenceContext x)
    {
        if (x.ShapeOf(0) is not { } indices)
        {
            x.Out(0, x.TypeOf(2), null);
            return;
        }
        var axis = x.Axis(x.Node.Int("axis", -1), indices.Rank + 1);
        var dims = new Dim[indices.Rank + 1];
        for (var i = 0; i < dims.Length; i++) dims[i] = i == axis ? OneHotDepth(x) : indices[i < axis ? i : i - 1];
        x.Out(0, x.TypeOf(2), new Shape(dims));
    }

    // The depth may be of any numeric type, floats included.
    static Dim OneHotDepth(in InferenceContext x) =>
        x.Constant(1) is { Count: 1 } depth && depth.Type != ElementType.Int64 ? (Dim)(long)depth.ToDoubles()[0] : DimArithmetic.AsSize(x.Single(1));

    static void TopK(in InferenceContext x)
    {
        var k = DimArithmetic.AsSize(x.HasInput(1) ? x.Single(1) : x.Node.Int("k", -1));
        var shape = x.ShapeOf(0) is { } data ? data.With(x.Axis(x.Node.Int("axis", -1), data.Rank), k) : null;
        x.Out(0, x.TypeOf(0), shape);
        x.Out(1, ElementType.Int64, shape);
    }

    static void Compress(in InferenceContext x)
    {
        var shape = !x.Node.Has("axis") ? new Shape(Dim.Unknown)
            : x.ShapeOf(0) is { } data ? data.With(x.Axis(x.Node.Int("axis"), data.Rank), Dim.Unknown) : null;
        x.Out(0, x.TypeOf(0), shape);
    }

    static void Unique(in InferenceContext x)
    {
        var data = x.ShapeOf(0);
        var whole = !x.Node.Has("axis");
        var axis = whole || data is null ? 0 : x.Axis(x.Node.Int("axis"), data.Rank);
        x.Out(0, x.TypeOf(0), whole ? new Shape(Dim.Unknown) : data?.With(axis, Dim.Unknown));
        x.Out(1, ElementType.Int64, new Shape(Dim.Unknown));
        // Where each element went: as many as were looked at.
        var looked = data is null ? Dim.Unknown : whole ? DimArithmetic.Product(data, 0, data.Rank) : data[axis];
        x.Out(2, ElementType.Int64, new Shape(looked));
        x.Out(3, ElementType.Int64, new Shape(Dim.Unknown));
    }
}
