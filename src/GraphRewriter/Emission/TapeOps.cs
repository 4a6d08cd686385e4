using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Emission;

/// <summary>
/// The standard operators as methods of the tape, so that a gradient rule reads like its formula. Operators that would change nothing
/// (a Reshape to the same static shape, a product with one) are not emitted.
/// </summary>
public static class TapeOps
{
    // A constant of more ones would weigh in the file; of fewer elements the second node takes longer than the sum.
    const long MostOnes = 4096, FewElements = 16384;

    extension(Tape t)
    {
        /// <summary>a + b, broadcast.</summary>
        public Value Add(Value a, Value b) => t.Op("Add", a, b);

        /// <summary>a - b, broadcast.</summary>
        public Value Sub(Value a, Value b) => t.Op("Sub", a, b);

        /// <summary>a * b, broadcast.</summary>
        public Value Mul(Value a, Value b) => t.Op("Mul", a, b);

        /// <summary>a * c with a constant; nothing is emitted for c = 1.</summary>
        public Value Mul(Value a, double c) => c == 1 ? a : t.Op("Mul", a, t.ScalarLike(c, a));

        /// <summary>a + c with a constant; nothing is emitted for c = 0.</summary>
        public Value Add(Value a, double c) => c == 0 ? a : t.Op("Add", a, t.ScalarLike(c, a));

        /// <summary>c - a with a constant.</summary>
        public Value Sub(double c, Value a) => t.Op("Sub", t.ScalarLike(c, a), a);

        /// <summary>a / b, broadcast.</summary>
        public Value Div(Value a, Value b) => t.Op("Div", a, b);

        /// <summary>a / c with a constant; nothing is emitted for c = 1.</summary>
        public Value Div(Value a, double c) => c == 1 ? a : t.Op("Div", a, t.ScalarLike(c, a));

        /// <summary>c / a with a constant.</summary>
        public Value Div(double c, Value a) => c == 1 ? t.Op("Reciprocal", a) : t.Op("Div", t.ScalarLike(c, a), a);

        /// <summary>-x.</summary>
        public Value Neg(Value x) => t.Op("Neg", x);

        /// <summary>x * x.</summary>
        public Value Square(Value x) => t.Op("Mul", x, x);

        /// <summary>x to a constant power.</summary>
        public Value Pow(Value x, double exponent) => exponent == 1 ? x : t.Op("Pow", x, t.ScalarLike(exponent, x));

        /// <summary>a to the power b, broadcast.</summary>
        public Value Pow(Value a, Value b) => t.Op("Pow", a, b);

        /// <summary>e^x.</summary>
        public Value Exp(Value x) => t.Op("Exp", x);

        /// <summary>Natural logarithm.</summary>
        public Value Log(Value x) => t.Op("Log", x);

        /// <summary>Square root.</summary>
        public Value Sqrt(Value x) => t.Op("Sqrt", x);

        /// <summary>1 / x.</summary>
        public Value Reciprocal(Value x) => t.Op("Reciprocal", x);

        /// <summary>Absolute value.</summary>
        public Value Abs(Value x) => t.Op("Abs", x);

        /// <summary>-1, 0 or 1.</summary>
        public Value Sign(Value x) => t.Op("Sign", x);

        /// <summary>Sine.</summary>
        public Value Sin(Value x) => t.Op("Sin", x);

        /// <summary>Cosine.</summary>
        public Value Cos(Value x) => t.Op("Cos", x);

        /// <summary>Hyperbolic tangent.</summary>
        public Value Tanh(Value x) => t.Op("Tanh", x);

        /// <summary>1 / (1 + e^-x).</summary>
        public Value Sigmoid(Value x) => t.Op("Sigmoid", x);

        /// <summary>The error function.</summary>
        public Value Erf(Value x) => t.Op("Erf", x);

        /// <summary>max(x, 0).</summary>
        public Value Relu(Value x) => t.Op("Relu", x);

        /// <summary>ln(1 + e^x).</summary>
        public Value Softplus(Value x) => t.Op("Softplus", x);

        /// <summary>Elementwise maximum, broadcast.</summary>
        public Value Max(Value a, Value b) => t.Op("Max", a, b);

        /// <summary>Elementwise minimum, broadcast.</summary>
        public Value Min(Value a, Value b) => t.Op("Min", a, b);

        /// <summary>Elementwise equality.</summary>
        public Value Equal(Value a, Value b) => t.Op("Equal", a, b);

        /// <summary>a &lt; b.</summary>
        public Value Less(Value a, Value b) => t.Op("Less", a, b);

        /// <summary>a &gt; b.</summary>
        public Value Greater(Value a, Value b) => t.Op("Greater", a, b);

        /// <summary>a &lt;= b.</summary>
        public Value LessOrEqual(Value a, Value b) => t.Op("LessOrEqual", a, b);

        /// <summary>a &gt;= b.</summary>
        public Value GreaterOrEqual(Value a, Value b) => t.Op("GreaterOrEqual", a, b);

        /// <summary>a &lt; c with a constant.</summary>
        public Value Less(Value a, double c) => t.Op("Less", a, t.ScalarLike(c, a));

        /// <summary>a &gt; c with a constant.</summary>
        public Value Greater(Value a, double c) => t.Op("Greater", a, t.ScalarLike(c, a));

        /// <summary>Logical and.</summary>
        public Value And(Value a, Value b) => t.Op("And", a, b);

        /// <summary>Logical or.</summary>
        public Value Or(Value a, Value b) => t.Op("Or", a, b);

        /// <summary>Logical not.</summary>
        public Value Not(Value a) => t.Op("Not", a);

        /// <summary>condition ? a : b, broadcast.</summary>
        public Value Where(Value condition, Value a, Value b) => t.Op("Where", condition, a, b);

        /// <summary>condition ? a : 0, broadcast.</summary>
        public Value Mask(Value condition, Value a) => t.Op("Where", condition, a, t.ScalarLike(0, a));

        /// <summary>
        /// condition ? a : 0 as a product, which ONNX Runtime computes several times faster than a selection; NaN where a is not finite and the condition is false.
        /// </summary>
        public Value Gate(Value condition, Value a) => t.Mul(a, t.CastLike(condition, a));

        /// <summary>Conversion to the type that the tape computes another element type in; nothing is emitted where it is that type already.</summary>
        public Value Cast(Value x, ElementType type) => t.Computed(type) == t.Computed(x.Type) ? t.Operand(x) : t.Stored(x, t.Computed(type));

        /// <summary>Conversion to the element type of another value.</summary>
        public Value CastLike(Value x, Value like) => t.Cast(x, like.Type);

        /// <summary>Matrix product with numpy semantics.</summary>
        public Value MatMul(Value a, Value b) => t.Op("MatMul", a, b);

        /// <summary>Einstein summation.</summary>
        public Value Einsum(string equation, params ReadOnlySpan<Value?> inputs) => t.Op("Einsum", [Attribute.Of("equation", equation)], inputs);

        /// <summary>Permutes axes.</summary>
        public Value Transpose(Value x, params long[] permutation)
        {
            var identity = true;
            for (var i = 0; i < permutation.Length; i++) identity &= permutation[i] == i;
            return identity ? x : t.Op("Transpose", [Attribute.Of("perm", permutation)], x);
        }

        /// <summary>Swaps the last two axes; the rank must be known.</summary>
        public Value TransposeLast(Value x)
        {
            var permutation = new long[x.Rank];
            for (var i = 0; i < permutation.Length; i++) permutation[i] = i;
            (permutation[^1], permutation[^2]) = (permutation[^2], permutation[^1]);
            return t.Transpose(x, permutation);
        }

        /// <summary>Reshape with ONNX conventions: 0 copies the dimension, -1 is inferred.</summary>
        public Value Reshape(Value x, params ReadOnlySpan<long> shape)
        {
            var same = x.Shape is { } s && s.Rank == shape.Length;
            for (var i = 0; same && i < shape.Length; i++) same = shape[i] == 0 || (x.Shape![i].IsKnown && x.Shape[i].Size == shape[i]);
            return same ? x : t.Op("Reshape", x, t.Ints(shape));
        }

        /// <summary>Reshape to dimensions given by an int64 vector, in which 0 is a size.</summary>
        public Value Reshape(Value x, Value shape) => shape.Constant is { Count: > 0 } known && !known.ToInt64s().Contains(0) ? t.Reshape(x, known.ToInt64s())
            : t.Op("Reshape", [Attribute.Of("allowzero", 1L)], x, shape);

        /// <summary>Gives x the shape of another value with as many elements.</summary>
        public Value ReshapeLike(Value x, Value like) =>
            t.IsShapedLike(x, like) ? x : t.ShapedLike(t.Op("Reshape", [Attribute.Of("allowzero", 1L)], x, t.ShapeOf(like)), like);

        /// <summary>Broadcasts x to dimensions given by an int64 vector.</summary>
        public Value Expand(Value x, Value shape) => t.Op("Expand", x, shape);

        /// <summary>Broadcasts x to the shape of another value.</summary>
        public Value ExpandLike(Value x, Value like) => Shape.SurelyEqual(x.Shape, like.Shape) ? x : t.Op("Expand", x, t.ShapeOf(like));

        /// <summary>Zeros of the type and shape of another value.</summary>
        public Value ZerosLike(Value like) => t.FullLike(like, 0);

        /// <summary>A constant-filled tensor of the type and shape of another value.</summary>
        public Value FullLike(Value like, double value) => t.ShapedLike(t.Op("Expand", t.ScalarLike(value, like), t.ShapeOf(like)), like);

        /// <summary>A constant-filled tensor of dimensions given by an int64 vector.</summary>
        public Value Full(Value shape, double value, ElementType type) => t.Op("Expand", t.Scalar(value, type), shape);

        /// <summary>The dimensions as an int64 vector: a constant where they are all known.</summary>
        public Value ShapeOf(Value x) => x.Shape is { IsStatic: true } s ? t.Ints(s.ToArray()) : t.Op("Shape", x);

        /// <summary>One dimension as an int64 vector of one element: a constant where it is known.</summary>
        public Value DimOf(Value x, int axis)
        {
            if (axis < 0) axis += x.Rank;
            return x.Shape is { } s && s[axis].IsKnown
                ? t.Ints(s[axis].Size)
                : t.Op("Shape", [Attribute.Of("start", (long)axis), Attribute.Of("end", axis + 1L)], x);
        }

        /// <summary>The number of elements as an int64 scalar: a constant where it is known.</summary>
        public Value SizeOf(Value x) => x.Shape is { IsStatic: true } s ? t.Const(TensorData.Scalar(s.ElementCount)) : t.Op("Size", x);

        /// <summary>The product of some dimensions as a float scalar of the type of another value (the count a mean divides by).</summary>
        public Value CountOf(Value x, ReadOnlySpan<long> axes, Value like)
        {
            var known = 1L;
            Value? unknown = null;
            foreach (var axis in axes)
            {
                var a = (int)(axis < 0 ? axis + x.Rank : axis);
                if (x.Shape![a].IsKnown) known *= x.Shape[a].Size;
                else unknown = unknown is null ? t.DimOf(x, a) : t.Mul(unknown, t.DimOf(x, a));
            }
            if (unknown is null) return t.ScalarLike(known, like);
            var count = t.Cast(t.Op("Squeeze", unknown, t.Ints(0)), like.Type);
            return t.Mul(count, known);
        }

        /// <summary>Adds axes of length one.</summary>
        public Value Unsqueeze(Value x, params ReadOnlySpan<long> axes) => axes.Length == 0 ? x : t.Op("Unsqueeze", x, t.Ints(axes));

        /// <summary>Removes axes of length one.</summary>
        public Value Squeeze(Value x, params ReadOnlySpan<long> axes) => axes.Length == 0 ? x : t.Op("Squeeze", x, t.Ints(axes));

        /// <summary>Concatenates along an axis; one part is returned as it is.</summary>
        public Value Concat(long axis, params ReadOnlySpan<Value?> parts) => parts.Length == 1 ? parts[0]! : t.Op("Concat", [Attribute.Of("axis", axis)], parts);

        /// <summary>Parts of given sizes along an axis; one part is returned as it is.</summary>
        public IReadOnlyList<Value> Split(Value x, long axis, params long[] sizes) =>
            sizes.Length == 1 ? [x] : [.. t.Ops("Split", sizes.Length, [Attribute.Of("axis", axis)], x, t.Ints(sizes)).Outputs.Select(o => o!)];

        /// <summary>Elements start, start + step, … before end along one axis.</summary>
        public Value Slice(Value x, long axis, long start, long end, long step = 1) =>
            t.Op("Slice", x, t.Ints(start), t.Ints(end), t.Ints(axis), t.Ints(step));

        /// <summary>Elements along several axes.</summary>
        public Value Slice(Value x, long[] axes, long[] starts, long[] ends, long[] steps) =>
            t.Op("Slice", x, t.Ints(starts), t.Ints(ends), t.Ints(axes), t.Ints(steps));

        /// <summary>Pads with zeros; pads are all begins, then all ends. Nothing is emitted where all are zero.</summary>
        public Value Pad(Value x, params long[] pads) => Array.TrueForAll(pads, p => p == 0) ? x : t.Op("Pad", x, t.Ints(pads));

        /// <summary>Picks slices along an axis by index.</summary>
        public Value Gather(Value x, Value indices, long axis = 0) => t.Op("Gather", [Attribute.Of("axis", axis)], x, indices);

        /// <summary>Picks single elements along an axis by index.</summary>
        public Value GatherElements(Value x, Value indices, long axis) => t.Op("GatherElements", [Attribute.Of("axis", axis)], x, indices);

        /// <summary>Adds updates to x at indices along an axis; exact with duplicate indices on any number of threads, unlike ScatterND with a reduction.</summary>
        public Value ScatterAdd(Value x, Value indices, Value updates, long axis) =>
            t.Op("ScatterElements", [Attribute.Of("axis", axis), Attribute.Of("reduction", "add")], x, indices, updates);

        /// <summary>Sum over axes; over none where the list is empty.</summary>
        public Value ReduceSum(Value x, ReadOnlySpan<long> axes, bool keepDims = true) => t.Reduce("ReduceSum", x, axes, keepDims);

        /// <summary>Mean over axes; over none where the list is empty.</summary>
        public Value ReduceMean(Value x, ReadOnlySpan<long> axes, bool keepDims = true) => t.Reduce("ReduceMean", x, axes, keepDims);

        /// <summary>Maximum over axes; over none where the list is empty.</summary>
        public Value ReduceMax(Value x, ReadOnlySpan<long> axes, bool keepDims = true) => t.Reduce("ReduceMax", x, axes, keepDims);

        /// <summary>Sum of squares over axes; over none (elementwise squares) where the list is empty.</summary>
        public Value ReduceSumSquare(Value x, ReadOnlySpan<long> axes, bool keepDims = true) => axes.Length == 0 ? t.Square(x) : t.Reduce("ReduceSumSquare", x, axes, keepDims);

        /// <summary>A reduction over axes; x itself where the list is empty.</summary>
        public Value Reduce(string opType, Value x, ReadOnlySpan<long> axes, bool keepDims) =>
            axes.Length == 0 ? x : t.Op(opType, [Attribute.Of("keepdims", keepDims ? 1L : 0L)], x, t.Ints(axes));

        /// <summary>A reduction over all axes to a scalar; x itself where it is one already.</summary>
        public Value ReduceAll(string opType, Value x) => x.Shape?.Rank == 0 ? x : t.Op(opType, [Attribute.Of("keepdims", 0L)], x);

        /// <summary>
        /// Undoes broadcasting: sums a gradient to the shape of the value that was broadcast. Where a dimension's size is only known at run time,
        /// the axes to sum over are computed in the graph.
        /// </summary>
        public Value SumTo(Value gradient, Value target)
        {
            if (gradient.Shape is not { } from || target.Shape is not { } to) throw new ModelException(ModelProblem.Unsupported, $"The rank of '{target.Name}' is not known, so its gradient cannot be summed to it.");
            if (t.IsShapedLike(gradient, target)) return gradient;
            var lead = from.Rank - to.Rank;
            var axes = new List<long>();
            var unsure = false;
            for (var i = 0; i < from.Rank; i++)
            {
                if (i < lead) axes.Add(i);
                else if (to[i - lead].Size == 1 && from[i].Size != 1) axes.Add(i);
                else if (!to[i - lead].IsKnown && !Dim.SurelyEqual(from[i], to[i - lead]) && from[i].Size != 1) unsure = true;
            }
            if (unsure) return t.SumToAtRunTime(gradient, target, lead);
            if (axes.Count > 0 && axes[^1] == axes.Count - 1) return t.ReshapeLike(t.SumLeading(gradient, axes.Count), target);
            var summed = t.ReduceSum(gradient, [.. axes]);
            return lead == 0 ? summed : t.ReshapeLike(summed, target);
        }

        /// <summary>
        /// The sum over leading axes, which are not kept. ONNX Runtime sums over the first axis several times more slowly than it multiplies by a row of ones, and over
        /// the axes behind it as fast.
        /// </summary>
        public Value SumLeading(Value x, int count)
        {
            if (count > 1) x = t.ReduceSum(x, [.. Enumerable.Range(1, count - 1).Select(i => (long)i)], keepDims: false);
            var rows = x.Shape![0].Size;
            if (rows is < 2 or > MostOnes || x.Rank == 1 || x.Shape.ElementCount is >= 0 and < FewElements) return t.ReduceSum(x, [0], keepDims: false);
            var ones = t.Const(TensorData.FromNumbers(x.Type, [1, rows], [.. Enumerable.Repeat(1.0, (int)rows)]));
            var sum = t.MatMul(ones, t.Reshape(x, rows, -1));
            return t.Reshape(sum, t.Concat(0, [.. Enumerable.Range(1, x.Rank - 1).Select(i => t.DimOf(x, i))]));
        }

        Value SumToAtRunTime(Value gradient, Value target, int lead)
        {
            var sizes = t.ShapeOf(target);
            if (lead > 0) sizes = t.Concat(0, t.Ints([.. Enumerable.Repeat(1L, lead)]), sizes);
            var broadcast = t.And(t.Equal(sizes, t.Ints(1)), t.Not(t.Equal(t.ShapeOf(gradient), t.Ints(1))));
            // NonZero of a vector gives [1, n]; an empty list of axes means no reduction here.
            var axes = t.Squeeze(t.Op("NonZero", broadcast), 0);
            var summed = t.Op("ReduceSum", [Attribute.Of("keepdims", 1L), Attribute.Of("noop_with_empty_axes", 1L)], gradient, axes);
            summed.Shape = Shape.OfRank(gradient.Rank);
            var result = t.Op("Reshape", [Attribute.Of("allowzero", 1L)], summed, t.ShapeOf(target));
            result.Shape = target.Shape;
            return result;
        }
    }
}
