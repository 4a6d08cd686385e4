using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.Gradients;

/// <summary>Gradients of dequantisation. Quantisation itself is a stop.</summary>
static class QuantizationRules
{
    /// <summary>The rules.</summary>
    internal static readonly GradientRule[] All =
    [
        new("DequantizeLinear", 10, "dScale = sum of dY * (X - ZeroPoint) over what shares the scale", Dequantize),
    ];

    static Value?[] Dequantize(Tape t, Node n, Value dy)
    {
        var (x, scale) = (n.Inputs[0]!, n.Inputs[1]!);
        var result = new Value?[n.Inputs.Count];
        // The operator itself with scales of one gives X - ZeroPoint, whichever of the layouts the scale has.
        var distance = t.Op("DequantizeLinear", [.. n.Attributes.Values], x, t.FullLike(scale, 1), n.Input(2));
        var products = t.Mul(dy, distance);
        var axis = (int)n.Int("axis", 1);
        if (axis < 0) axis += x.Rank;
        result[1] = n.Int("block_size") > 0 ? SumBlocks(t, products, scale, axis, n.Int("block_size"))
            : scale.Rank == 0 || scale.Shape![0].Size == 1 ? t.ReshapeLike(t.ReduceAll("ReduceSum", products), scale)
            : t.ReduceSum(products, [.. Enumerable.Range(0, x.Rank).Where(a => a != axis).Select(a => (long)a)], keepDims: false);
        return result;
    }

    /// <summary>Sums the blocks of an axis that share a scale each, the last of which may be shorter.</summary>
    static Value SumBlocks(Tape t, Value x, Value scale, int axis, long block)
    {
        var whole = t.Mul(t.DimOf(scale, axis), t.Ints(block));
        var filled = t.PadAxis(x, axis, t.Ints(0), t.Sub(whole, t.DimOf(x, axis)));
        var sizes = Enumerable.Range(0, x.Rank).SelectMany(i => i == axis ? [t.DimOf(scale, i), t.Ints(block)] : new[] { t.DimOf(x, i) });
        return t.ReduceSum(t.Reshape(filled, t.Concat(0, [.. sizes])), [axis + 1], keepDims: false);
    }
}
