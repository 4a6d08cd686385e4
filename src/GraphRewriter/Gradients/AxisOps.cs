using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Gradients;

/// <summary>Movements of data along single axes, built of standard operators, that several rule families need.</summary>
static class AxisOps
{
    extension(Tape t)
    {
        /// <summary>Turns x round along axes.</summary>
        public Value Reverse(Value x, params long[] axes) =>
            axes.Length == 0 ? x : t.Slice(x, axes, [.. axes.Select(_ => -1L)], [.. axes.Select(_ => long.MinValue + 1)], [.. axes.Select(_ => -1L)]);

        /// <summary>Puts step - 1 zeros behind each element along an axis, the last one too.</summary>
        public Value Spread(Value x, int axis, long step)
        {
            if (step == 1) return x;
            var apart = t.PadAxis(t.Unsqueeze(x, axis + 1), axis + 1, t.Ints(0), t.Ints(step - 1));
            var sizes = Enumerable.Range(0, x.Rank).Select(i => i == axis ? t.Mul(t.DimOf(x, i), t.Ints(step)) : t.DimOf(x, i));
            return t.Reshape(apart, t.Concat(0, [.. sizes]));
        }

        /// <summary>Pads one axis with zeros, or cuts it where an amount is negative; the amounts are int64 vectors of one element.</summary>
        public Value PadAxis(Value x, int axis, Value before, Value after) => t.PadAxes(x, [axis], [before], [after]);

        /// <summary>
        /// Pads axes with zeros, or cuts them where an amount is negative. The amounts are stated for all axes: ONNX Runtime moves transpositions through
        /// a Pad as if it had no input of axes.
        /// </summary>
        public Value PadAxes(Value x, IReadOnlyList<int> axes, IReadOnlyList<Value> before, IReadOnlyList<Value> after) =>
            before.All(Window.IsZero) && after.All(Window.IsZero) ? x : t.Op("Pad", x, t.Concat(0, t.ForAllAxes(x, axes, before), t.ForAllAxes(x, axes, after)));

        /// <summary>One int64 per axis of x, zero for those not named.</summary>
        public Value ForAllAxes(Value x, IReadOnlyList<int> axes, IReadOnlyList<Value> amounts)
        {
            var all = Enumerable.Repeat(t.Ints(0), x.Rank).ToArray();
            for (var i = 0; i < axes.Count; i++) all[axes[i]] = amounts[i];
            return t.Concat(0, [.. all]);
        }

        /// <summary>A tensor of zeros with the shape of another but for one axis.</summary>
        public Value ZerosExcept(Value like, int axis, Value size) =>
            t.Full(t.Concat(0, [.. Enumerable.Range(0, like.Rank).Select(i => i == axis ? size : t.DimOf(like, i))]), 0, like.Type);

        /// <summary>
        /// Adds the slices of x along an axis into zeros of the given size, each at the place its index names. Duplicates add up exactly and always in
        /// the same order, which ScatterND with a reduction does not promise.
        /// </summary>
        public Value AddAlong(Value x, int axis, Value indices, Value size)
        {
            var spread = new long[x.Rank];
            spread.AsSpan().Fill(1);
            spread[axis] = -1;
            var everywhere = t.Expand(t.Reshape(indices, spread), t.ShapeOf(x));
            return t.ScatterAdd(t.ZerosExcept(x, axis, size), everywhere, x, axis);
        }

        /// <summary>Some dimensions as an int64 vector.</summary>
        public Value DimsOf(Value x, int from, int to) => from == to ? t.Ints() : t.Concat(0, [.. Enumerable.Range(from, to - from).Select(i => t.DimOf(x, i))]);

        /// <summary>The product of the elements of a vector of sizes, as a vector of one element.</summary>
        public Value Product(Value sizes) =>
            sizes.Constant is { } known ? t.Ints(known.ToInt64s().Aggregate(1L, (a, b) => a * b)) : t.Op("ReduceProd", [Attribute.Of("keepdims", 1L)], sizes);

        /// <summary>The numbers 0, 1, … below a size, which is an int64 vector of one element.</summary>
        public Value Counting(Value size) => size.Constant is { } known
            ? t.Const(TensorData.Vector([.. Enumerable.Range(0, (int)known.ToInt64s()[0]).Select(i => (long)i)]))
            : t.Op("Range", t.Const(TensorData.Scalar(0L)), t.Squeeze(size, 0), t.Const(TensorData.Scalar(1L)));
    }

    /// <summary>An axis counted from the front.</summary>
    internal static int Normalized(long axis, int rank) => (int)(axis < 0 ? axis + rank : axis);

    /// <summary>A constant input's integers.</summary>
    /// <exception cref="ModelException">The input is not known before a run.</exception>
    internal static long[] Known(Node n, int input, string what) => n.Input(input)?.Constant is { } data
        ? data.ToInt64s()
        : throw new ModelException(ModelProblem.Unsupported, $"The {what} of {n} are computed at run time, which its gradient rule cannot follow.");
}
