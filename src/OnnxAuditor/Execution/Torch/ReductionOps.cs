using GraphRewriter.Ir;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>
/// Reductions, and what runs along an axis. Where no axis is reduced the function is still applied to each element, as ONNX Runtime does.
/// A reduction over nothing gives the function's neutral element.
/// </summary>
static class ReductionOps
{
    /// <summary>The operators.</summary>
    internal static readonly TorchOp[] All =
    [
        Reduction("ReduceSum", r => r.Sum(r.X)),
        Reduction("ReduceMean", Mean),
        // Ties share the gradient equally.
        Reduction("ReduceMax", r => Extremum(r, greatest: true)),
        Reduction("ReduceMin", r => Extremum(r, greatest: false)),
        Reduction("ReduceProd", r => r.Axes.Aggregate(r.X, (y, axis) => y.prod(axis, keepdim: true, y.dtype))),
        Reduction("ReduceL1", r => r.Sum(r.X.abs())),
        Reduction("ReduceL2", EuclideanNorm),
        Reduction("ReduceSumSquare", r => r.Sum(r.X * r.X)),
        Reduction("ReduceLogSum", r => r.Sum(r.Real).log()),
        Reduction("ReduceLogSumExp", LogSumExp),
        TorchOp.Of("CumSum", CumSum),
        TorchOp.Of("ArgMax", c => ArgExtremum(c, (x, axis) => x.argmax(axis, keepdim: true))),
        TorchOp.Of("ArgMin", c => ArgExtremum(c, (x, axis) => x.argmin(axis, keepdim: true))),
    ];

    static TorchOp Reduction(string opType, Func<Reduced, Tensor> run) => TorchOp.Of(opType, c =>
    {
        var reduced = new Reduced(c);
        var y = TypeOps.FromReal(run(reduced), c.TypeOf(0));
        return c.Node.Int("keepdims", 1) == 1 ? y : y.reshape([.. y.shape.Where((_, i) => !reduced.Axes.Contains(i))]);
    });

    static Tensor Mean(Reduced r) => r.Axes.Length == 0 ? r.X
        : r.X.is_floating_point() ? r.X.mean(r.Axes, keepdim: true)
        : r.Sum(r.X).div(r.Count, RoundingMode.trunc);

    static Tensor Extremum(Reduced r, bool greatest)
    {
        if (r.Axes.Length == 0) return r.X;
        var x = UInt64Bits.Ordered(r.X, r.Type);
        if (r.Count == 0) return full(r.KeptShape, Bound(r.Type, !greatest), r.X.dtype, r.X.device);
        return UInt64Bits.Ordered(greatest ? x.amax(r.Axes, keepdim: true) : x.amin(r.Axes, keepdim: true), r.Type);
    }

    /// <summary>The greatest or least number of a type, as it is held.</summary>
    internal static TorchSharp.Scalar Bound(ElementType type, bool greatest) => type switch
    {
        ElementType.Bool => greatest,
        ElementType.UInt8 => greatest ? byte.MaxValue : byte.MinValue,
        ElementType.Int8 => greatest ? sbyte.MaxValue : sbyte.MinValue,
        ElementType.UInt16 => greatest ? ushort.MaxValue : ushort.MinValue,
        ElementType.Int16 => greatest ? short.MaxValue : short.MinValue,
        ElementType.UInt32 => greatest ? uint.MaxValue : uint.MinValue,
        ElementType.Int32 => greatest ? int.MaxValue : int.MinValue,
        ElementType.UInt64 => greatest ? -1L : 0L,
        ElementType.Int64 => greatest ? long.MaxValue : long.MinValue,
        _ => greatest ? double.PositiveInfinity : double.NegativeInfinity,
    };

    /// <summary>The gradient is 0 where the norm is.</summary>
    static Tensor EuclideanNorm(Reduced r)
    {
        var square = r.Sum(r.Real.square());
        return square.masked_fill(square == 0, 1).sqrt().Where(square != 0, 0);
    }

    /// <summary>A row of -infinity gives -infinity, and has the gradient 0.</summary>
    static Tensor LogSumExp(Reduced r)
    {
        var x = r.Real;
        if (r.Count == 0) return r.Sum(x).log();
        var greatest = r.Axes.Length == 0 ? x.detach() : x.detach().amax(r.Axes, keepdim: true);
        var shift = greatest.masked_fill(greatest.isinf(), 0);
        var sum = r.Sum((x - shift).exp());
        var isEmpty = greatest.isneginf();
        return (sum.masked_fill(isEmpty, 1).log() + shift).masked_fill(isEmpty, double.NegativeInfinity);
    }

    static Tensor CumSum(TorchCall c)
    {
        var x = c[0];
        var axis = x.AxisOf(c.Ints(1)![0]);
        var reverse = c.Node.Int("reverse") == 1;
        if (reverse) x = x.flip(axis);
        var y = x.cumsum(axis, x.dtype).Wrapped(c.TypeOf(0));
        if (c.Node.Int("exclusive") == 1 && y.Length(axis) > 0) y = cat([zeros_like(y.narrow(axis, 0, 1)), y.narrow(axis, 0, y.Length(axis) - 1)], axis);
        return reverse ? y.flip(axis) : y;
    }

    /// <summary>The first of equal elements, or the last.</summary>
    static Tensor ArgExtremum(TorchCall c, Func<Tensor, int, Tensor> first)
    {
        var x = UInt64Bits.Ordered(c[0].detach(), c.TypeOf(0));
        var axis = c.Axis("axis", 0, x.dim());
        var index = c.Node.Int("select_last_index") == 1 ? x.Length(axis) - 1 - first(x.flip(axis), axis) : first(x, axis);
        return c.Node.Int("keepdims", 1) == 1 ? index : index.squeeze(axis);
    }

    /// <summary>What a reduction works on.</summary>
    sealed class Reduced(TorchCall c)
    {
        public Tensor X { get; } = c[0];

        public ElementType Type { get; } = c.TypeOf(0);

        /// <summary>X as floats.</summary>
        public Tensor Real => TypeOps.Real(X, Type);

        /// <summary>The axes, counted from the front.</summary>
        public long[] Axes { get; } = c.Ints(1) is { Length: > 0 } given ? [.. given.Select(a => (long)c[0].AxisOf(a))]
            : c.Node.Int("noop_with_empty_axes") == 1 ? [] : [.. Enumerable.Range(0, (int)c[0].dim()).Select(a => (long)a)];

        /// <summary>The number of elements that one result is made of.</summary>
        public long Count => Axes.Aggregate(1L, (n, axis) => n * X.shape[axis]);

        /// <summary>The shape of the result, reduced axes kept at length one.</summary>
        public long[] KeptShape => [.. X.shape.Select((d, i) => Axes.Contains(i) ? 1 : d)];

        /// <summary>The sum over the axes, which are kept.</summary>
        public Tensor Sum(Tensor x) => Axes.Length == 0 ? x : x.sum(Axes, keepdim: true, x.dtype);
    }
}
