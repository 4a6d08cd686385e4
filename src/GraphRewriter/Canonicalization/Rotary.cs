using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Canonicalization;

/// <summary>Rotary position embeddings in standard operators: pairs of a head's numbers turned by an angle that grows with the position.</summary>
static class Rotary
{
    /// <summary>The operator of opset 23: inputs x, cos, sin, positions.</summary>
    internal static void Lower(NodeRewrite r, Node n) => Apply(r, n, n.Inputs[1]!, n.Inputs[2]!, n.Input(3));

    /// <summary>The operator of com.microsoft: inputs x, positions, cos, sin. A single position is that of the first element.</summary>
    internal static void Decompose(NodeRewrite r, Node n)
    {
        var t = r.Tape;
        var (x, positions) = (n.Inputs[0]!, n.Inputs[1]!);
        if (x.Shape is not { Rank: 3 or 4 } || positions.Shape is null)
        {
            r.Refuse("its input must have rank 3 or 4, its positions a known rank");
            return;
        }
        if (positions.Rank < 2) positions = t.Unsqueeze(t.Add(Range(t, t.DimOf(x, x.Rank - 2)), t.Reshape(positions, 1)), 0);
        Apply(r, n, n.Inputs[2]!, n.Inputs[3]!, positions);
    }

    static void Apply(NodeRewrite r, Node n, Value cos, Value sin, Value? positions)
    {
        var t = r.Tape;
        var x = n.Inputs[0]!;
        if (x.Shape is not { Rank: 3 or 4 } shape)
        {
            r.Refuse("its input must have rank 3 or 4");
            return;
        }
        if (positions is not null) (cos, sin) = (t.Gather(cos, positions), t.Gather(sin, positions));
        var size = n.Int("rotary_embedding_dim");
        // [batch, heads, sequence, size] where the input has rank 4, else [batch, sequence, heads, size].
        var heads = shape.Rank == 4 ? x : Split(t, x, n.Int("num_heads"), cos);
        var axis = shape.Rank == 4 ? 1 : 2;
        var turned = Turn(t, heads, t.Unsqueeze(cos, axis), t.Unsqueeze(sin, axis), size > 0 ? t.Ints(size) : null, n.Int("interleaved") != 0);
        r.Bind(0, shape.Rank == 4 ? turned : t.Reshape(turned, 0, 0, shape[2].IsKnown ? shape[2].Size : -1));
    }

    /// <summary>Without a number of heads, the tables tell the size of one.</summary>
    static Value Split(Tape t, Value x, long heads, Value cos) =>
        heads > 0 ? t.Reshape(x, 0, 0, heads, -1) : t.Reshape(x, t.Concat(0, t.Slice(t.ShapeOf(x), 0, 0, 2), t.Ints(-1), t.Mul(t.DimOf(cos, -1), t.Ints(2))));

    /// <summary>Turns the first numbers of each head, all where <paramref name="size"/> (a vector of one) is null; cos and sin broadcast to x and have half as many.</summary>
    internal static Value Turn(Tape t, Value x, Value cos, Value sin, Value? size, bool interleaved)
    {
        if (size is null) return TurnAll(t, x, cos, sin, interleaved);
        if (size.Constant is { } known && x.Shape![3].IsKnown && x.Shape[3].Size == known.ToInt64s()[0]) return TurnAll(t, x, cos, sin, interleaved);
        var turned = TurnAll(t, t.Op("Slice", x, t.Ints(0), size, t.Ints(3)), cos, sin, interleaved);
        return t.Concat(3, turned, t.Op("Slice", x, size, t.Ints(long.MaxValue), t.Ints(3)));
    }

    static Value TurnAll(Tape t, Value x, Value cos, Value sin, bool interleaved)
    {
        Value a, b;
        if (interleaved) (a, b) = (t.Slice(x, 3, 0, long.MaxValue, 2), t.Slice(x, 3, 1, long.MaxValue, 2));
        else
        {
            var halves = t.Ops("Split", 2, [Attribute.Of("axis", 3L), Attribute.Of("num_outputs", 2L)], x);
            (a, b) = (halves.OutputAt(0)!, halves.OutputAt(1)!);
        }
        var real = t.Sub(t.Mul(cos, a), t.Mul(sin, b));
        var imaginary = t.Add(t.Mul(sin, a), t.Mul(cos, b));
        return interleaved ? t.ReshapeLike(t.Concat(4, t.Unsqueeze(real, 4), t.Unsqueeze(imaginary, 4)), x) : t.Concat(3, real, imaginary);
    }

    /// <summary>0, 1, … below a number given as a vector of one.</summary>
    internal static Value Range(Tape t, Value count) => t.Op("Range", t.Const(TensorData.Scalar(0)), t.Squeeze(count, 0), t.Const(TensorData.Scalar(1)));
}
