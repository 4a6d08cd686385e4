using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>Reductions along axes.</summary>
static class ReductionRules
{
    internal static readonly ShapeRule[] All =
    [
        .. ShapeRule.Each(Reduce,
            "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"),
        .. ShapeRule.Each(ArgReduce, "ArgMax", "ArgMin"),
    ];

    /// <summary>The axes a node reduces, in its input or, as before opset 18, in its attribute; null where they are not known.</summary>
    public static long[]? Axes(in InferenceContext x) => x.HasInput(1) ? x.Integers(1) : x.Node.Ints("axes") ?? [];

    static void Reduce(in InferenceContext x)
    {
        var keep = x.Node.Int("keepdims", 1) != 0;
        var shape = x.ShapeOf(0);
        if (Axes(x) is not { } axes) shape = UnknownAxes(x, shape, keep);
        else if (axes.Length > 0) shape = shape is null ? null : Reduced(x, shape, axes, keep);
        else if (x.Node.Int("noop_with_empty_axes") == 0) shape = shape is null ? keep ? null : Shape.Scalar : AllReduced(shape, keep);
        x.Out(0, x.TypeOf(0), shape);
    }

    static void ArgReduce(in InferenceContext x)
    {
        var shape = x.ShapeOf(0);
        var reduced = shape is null ? null : Reduced(x, shape, [x.Node.Int("axis")], x.Node.Int("keepdims", 1) != 0);
        x.Out(0, ElementType.Int64, reduced);
    }

    static Shape AllReduced(Shape shape, bool keep)
    {
        if (!keep) return Shape.Scalar;
        var dims = new Dim[shape.Rank];
        Array.Fill(dims, 1);
        return new Shape(dims);
    }

    static Shape Reduced(in InferenceContext x, Shape shape, ReadOnlySpan<long> axes, bool keep)
    {
        Span<bool> gone = shape.Rank <= 32 ? stackalloc bool[32] : new bool[shape.Rank];
        gone.Clear();
        var left = shape.Rank;
        foreach (var axis in axes)
        {
            ref var flag = ref gone[x.Axis(axis, shape.Rank)];
            if (!flag) left--;
            flag = true;
        }
        var dims = new Dim[keep ? shape.Rank : left];
        for (int i = 0, o = 0; i < shape.Rank; i++)
        {
            if (!gone[i]) dims[o++] = shape[i];
            else if (keep) dims[o++] = 1;
        }
        return new Shape(dims);
    }

    static Shape? UnknownAxes(in InferenceContext x, Shape? shape, bool keep)
    {
        if (shape is null) return null;
        if (keep) return Shape.OfRank(shape.Rank);
        var count = x.ShapeOf(1) is { Rank: 1 } axes ? axes[0] : Dim.Unknown;
        return count is { IsKnown: true, Size: > 0 } && count.Size <= shape.Rank ? Shape.OfRank(shape.Rank - (int)count.Size) : null;
    }
}
