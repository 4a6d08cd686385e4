using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Gradients;

/// <summary>
/// Gradients of operators that pick or place elements by index. What is added at indices goes through ScatterElements, whose sums are exact and the same
/// in every run; ScatterND with a reduction is never emitted, since ONNX Runtime's kernel loses updates when threads meet at an index.
/// </summary>
static class IndexRules
{
    /// <summary>The rules.</summary>
    internal static readonly GradientRule[] All =
    [
        Rule.LinearInData("Gather",         1,  "dX = zeros with dY added at the indices", Gather),
        Rule.LinearInData("GatherElements", 11, "dX = zeros with dY added at the indices", (t, n, dy) => t.ScatterAdd(t.ZerosLike(n.Inputs[0]!), n.Inputs[1]!, dy, n.Int("axis"))),
        Rule.LinearInData("GatherND",       11, "dX = zeros with dY added at the indices", GatherND),
        new("ScatterElements", 11, "dX = dY where Y is X, dU = dY where Y is U; sums, products and ties as the reduction says", ScatterElements),
        new("ScatterND",       11, "dX = dY where Y is X, dU = dY where Y is U; sums, products and ties as the reduction says", ScatterND),
    ];

    static Value Gather(Tape t, Node n, Value dy)
    {
        var (x, indices) = (n.Inputs[0]!, n.Inputs[1]!);
        var axis = AxisOps.Normalized(n.Int("axis"), x.Rank);
        if (indices.Constant is { } known && x.Shape![axis].IsKnown && GatherConstant(t, x, known, dy, axis) is { } moved) return moved;
        // [front, indices, back]: all index axes as one, and the axes around it as one each, so that one expanded index serves.
        var (front, back) = (t.Product(t.DimsOf(x, 0, axis)), t.Product(t.DimsOf(x, axis + 1, x.Rank)));
        var rows = t.Reshape(dy, t.Concat(0, front, t.Product(t.ShapeOf(indices)), back));
        return t.ReshapeLike(t.AddAlong(rows, 1, indices, t.DimOf(x, axis)), x);
    }

    /// <summary>Indices that are known and differ: data is moved only. Null where an index occurs twice.</summary>
    static Value? GatherConstant(Tape t, Value x, TensorData indices, Value dy, int axis)
    {
        var size = x.Shape![axis].Size;
        var list = indices.ToInt64s().Select(i => i < 0 ? i + size : i).ToArray();
        if (list.Length == 0) return t.ZerosLike(x);
        if (list.Distinct().Count() < list.Length) return null;
        if (indices.Dims.Count != 1) dy = t.Reshape(dy, t.Concat(0, [.. Around(t, x, axis, t.Ints(list.Length))]));
        var step = list.Length > 1 ? list[1] - list[0] : 1;
        if (step > 0 && list.Zip(list.Skip(1)).All(p => p.Second - p.First == step))
        {
            var spread = t.Spread(dy, axis, step);
            return t.PadAxis(spread, axis, t.Ints(list[0]), t.Ints(size - list[0] - list.Length * step));
        }
        // Each place takes the slice that came from it, or the row of zeros behind the last.
        var source = Enumerable.Repeat((long)list.Length, (int)size).ToArray();
        for (var i = 0; i < list.Length; i++) source[list[i]] = i;
        var rows = list.Length < size ? t.PadAxis(dy, axis, t.Ints(0), t.Ints(1)) : dy;
        return t.Gather(rows, t.Ints(source), axis);
    }

    static IEnumerable<Value> Around(Tape t, Value x, int axis, Value size) => Enumerable.Range(0, x.Rank).Select(i => i == axis ? size : t.DimOf(x, i));

    static Value GatherND(Tape t, Node n, Value dy)
    {
        var (x, indices) = (n.Inputs[0]!, n.Inputs[1]!);
        var batch = (int)n.Int("batch_dims");
        var (linear, places, length) = Linear(t, x, indices, batch, x.Rank + indices.Rank - batch - 1 - dy.Rank);
        return t.ReshapeLike(t.AddAlong(t.Reshape(dy, t.Concat(0, t.Ints(-1), length)), 0, linear, places), x);
    }

    /// <summary>
    /// Index tuples of the given length as single indices into X seen as [places, length]: X's batch and indexed axes are the places, the others are the slices at them.
    /// </summary>
    static (Value Linear, Value Places, Value Length) Linear(Tape t, Value x, Value indices, int batch, int tuple)
    {
        var sizes = t.DimsOf(x, batch, batch + tuple);
        var wide = t.Cast(indices, ElementType.Int64);
        var fromFront = t.Where(t.Op("Less", wide, t.Ints(0)), t.Add(wide, sizes), wide);
        var strides = t.Concat(0, [.. Enumerable.Range(batch + 1, tuple).Select(i => t.Product(t.DimsOf(x, i, batch + tuple)))]);
        var linear = t.ReduceSum(t.Mul(fromFront, strides), [-1], keepDims: false);
        var perBatch = t.Product(sizes);
        var batches = t.DimsOf(x, 0, batch);
        if (batch > 0)
        {
            var ones = Enumerable.Repeat(1L, indices.Rank - 1 - batch).ToArray();
            var offsets = t.Mul(t.Counting(t.Product(batches)), perBatch);
            linear = t.Add(linear, t.Reshape(offsets, ones.Length == 0 ? batches : t.Concat(0, batches, t.Ints(ones))));
        }
        return (t.Reshape(linear, -1), t.Mul(t.Product(batches), perBatch), t.Product(t.DimsOf(x, batch + tuple, x.Rank)));
    }

    static Value?[] ScatterElements(Tape t, Node n, Value dy)
    {
        var (x, indices, updates) = (n.Inputs[0]!, n.Inputs[1]!, n.Inputs[2]!);
        var (dx, du) = Scatter(t, x, indices, updates, n.Output, dy, AxisOps.Normalized(n.Int("axis"), x.Rank), n.String("reduction", "none"));
        return [dx, null, du];
    }

    /// <summary>As ScatterElements along the places of X seen as [places, length].</summary>
    static Value?[] ScatterND(Tape t, Node n, Value dy)
    {
        var (x, updates) = (n.Inputs[0]!, n.Inputs[2]!);
        var (linear, places, length) = Linear(t, x, n.Inputs[1]!, 0, n.Inputs[1]!.Rank - 1 + x.Rank - updates.Rank);
        var (table, rows) = (t.Concat(0, places, length), t.Concat(0, t.ShapeOf(linear), length));
        var indices = t.Expand(t.Unsqueeze(linear, 1), rows);
        var (dx, du) = Scatter(t, t.Reshape(x, table), indices, t.Reshape(updates, rows), t.Reshape(n.Output, table), t.Reshape(dy, table), 0, n.String("reduction", "none"));
        return [t.ReshapeLike(dx, x), null, t.ReshapeLike(du, updates)];
    }

    static (Value Data, Value Updates) Scatter(Tape t, Value x, Value indices, Value updates, Value y, Value dy, int axis, string reduction) => reduction switch
    {
        "none" => (Placed(t, dy, indices, t.ZerosLike(updates), axis, "none"), t.GatherElements(dy, indices, axis)),
        "add" => (dy, t.GatherElements(dy, indices, axis)),
        "mul" => ScatterProduct(t, x, indices, updates, dy, axis),
        "max" or "min" => ScatterExtreme(t, x, indices, updates, y, dy, axis),
        _ => throw new ModelException(ModelProblem.Unsupported, $"A scatter with the reduction '{reduction}' has no gradient rule."),
    };

    /// <summary>
    /// Each factor's gradient is the product of the others. Zeros are counted apart, so that the quotient of product and factor never divides by one:
    /// with two of them at a place all gradients there are zero, with one only its own is not.
    /// </summary>
    static (Value Data, Value Updates) ScatterProduct(Tape t, Value x, Value indices, Value updates, Value dy, int axis)
    {
        var isZero = t.Equal(updates, t.ScalarLike(0, updates));
        var factors = t.Where(isZero, t.ScalarLike(1, updates), updates);
        var zeros = t.CastLike(isZero, updates);
        var others = t.Sub(t.GatherElements(t.ScatterAdd(t.ZerosLike(x), indices, zeros, axis), indices, axis), zeros);
        var product = Placed(t, x, indices, factors, axis, "mul");
        var du = t.Mask(t.Less(others, 0.5), t.Div(t.GatherElements(t.Mul(dy, product), indices, axis), factors));
        return (t.Mul(dy, Placed(t, t.FullLike(x, 1), indices, updates, axis, "mul")), du);
    }

    /// <summary>Ties share the gradient equally, the data among them, as PyTorch's scatter_reduce does.</summary>
    static (Value Data, Value Updates) ScatterExtreme(Tape t, Value x, Value indices, Value updates, Value y, Value dy, int axis)
    {
        var fromData = t.CastLike(t.Equal(x, y), x);
        var fromUpdates = t.CastLike(t.Equal(updates, t.GatherElements(y, indices, axis)), x);
        var share = t.Div(dy, t.ScatterAdd(fromData, indices, fromUpdates, axis));
        return (t.Mul(fromData, share), t.Mul(fromUpdates, t.GatherElements(share, indices, axis)));
    }

    static Value Placed(Tape t, Value x, Value indices, Value updates, int axis, string reduction) =>
        t.Op("ScatterElements", [Attribute.Of("axis", (long)axis), Attribute.Of("reduction", reduction)], x, indices, updates);
}
