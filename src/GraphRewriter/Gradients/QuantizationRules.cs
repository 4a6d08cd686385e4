using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.Gradients;

/// <summary>Gradients of dequantisation. Quantisation itself is a stop, unless straight-through gradients are asked for (<see cref="StraightThroughRules"/>).</summary>
static class QuantizationRules
{
    /// <summary>The rules.</summary>
    internal static readonly GradientRule[] All =
    [
        new("DequantizeLinear", 10, "dX = dY * Scale, as far as QuantizeLinear; dScale = sum of dY * (X - ZeroPoint) over what shares the scale", Dequantize),
    ];

    /// <summary>Whether a value is whole numbers that carry a gradient all the same: the codes that QuantizeLinear makes for DequantizeLinear.</summary>
    internal static bool CarriesGradient(Value codes) => codes.Producer?.Is("QuantizeLinear") == true;

    static Value?[] Dequantize(Tape t, Node n, Value dy)
    {
        var (x, scale) = (n.Inputs[0]!, n.Inputs[1]!);
        var result = new Value?[n.Inputs.Count];
        if (CarriesGradient(x)) result[0] = t.Mul(dy, Spread(t, n, scale, x));
        // The operator itself with scales of one gives X - ZeroPoint, whichever of the layouts the scale has.
        var distance = t.Op("DequantizeLinear", [.. n.Attributes.Values], x, t.FullLike(scale, 1), n.Input(2));
        result[1] = SumByScale(t, n, t.Mul(dy, distance), scale);
        return result;
    }

    /// <summary>A scale, or a zero point, in a shape that broadcasts to X: one number, one for each place along an axis, or one for each block of an axis.</summary>
    internal static Value Spread(Tape t, Node n, Value scale, Value x)
    {
        var axis = AxisOps.Normalized(n.Int("axis", 1), x.Rank);
        var block = n.Int("block_size");
        if (block == 0) return IsSingle(scale) ? scale : t.Unsqueeze(scale, [.. Enumerable.Range(1, x.Rank - 1 - axis).Select(i => (long)i)]);
        IEnumerable<Value> Sizes(Func<Value, Value[]> alongAxis) => Enumerable.Range(0, x.Rank).SelectMany(i => i == axis ? alongAxis(t.DimOf(scale, i)) : [t.DimOf(scale, i)]);
        var repeated = t.Expand(t.Unsqueeze(scale, axis + 1), t.Concat(0, [.. Sizes(blocks => [blocks, t.Ints(block)])]));
        var whole = t.Reshape(repeated, t.Concat(0, [.. Sizes(blocks => [t.Mul(blocks, t.Ints(block))])]));
        return t.Op("Slice", whole, t.Ints(0), t.DimOf(x, axis), t.Ints(axis));
    }

    /// <summary>Sums, in the shape of X, what belongs to each scale.</summary>
    internal static Value SumByScale(Tape t, Node n, Value products, Value scale)
    {
        var rank = products.Rank;
        var axis = AxisOps.Normalized(n.Int("axis", 1), rank);
        return n.Int("block_size") > 0 ? SumBlocks(t, products, scale, axis, n.Int("block_size"))
            : IsSingle(scale) ? t.ReshapeLike(t.ReduceAll("ReduceSum", products), scale)
            : t.ReduceSum(products, [.. Enumerable.Range(0, rank).Where(a => a != axis).Select(a => (long)a)], keepDims: false);
    }

    static bool IsSingle(Value scale) => scale.Rank == 0 || scale.Shape![0].Size == 1;

    /// <summary>Sums the blocks of an axis that share a scale each, the last of which may be shorter.</summary>
    static Value SumBlocks(Tape t, Value x, Value scale, int axis, long block)
    {
        var whole = t.Mul(t.DimOf(scale, axis), t.Ints(block));
        var filled = t.PadAxis(x, axis, t.Ints(0), t.Sub(whole, t.DimOf(x, axis)));
        var sizes = Enumerable.Range(0, x.Rank).SelectMany(i => i == axis ? [t.DimOf(scale, i), t.Ints(block)] : new[] { t.DimOf(x, i) });
        return t.ReduceSum(t.Reshape(filled, t.Concat(0, [.. sizes])), [axis + 1], keepDims: false);
    }
}
