using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.Gradients;

/// <summary>
/// Rules that take the place of stops where straight-through gradients are asked for (Bengio, Léonard and Courville 2013, arXiv 1308.3432): rounding counts as the
/// identity, and quantisation too where it does not saturate, as in PyTorch's fake_quantize. Floor and Ceil stay stops: where they stand for more than rounding, as in X - floor X,
/// zero is the right derivative.
/// </summary>
static class StraightThroughRules
{
    /// <summary>The rules.</summary>
    internal static readonly GradientRule[] All =
    [
        Rule.Unary("Round", 11, "dX = dY", (t, x, y, dy) => dy),
        new("QuantizeLinear", 10, "dX = dY / Scale where round(X / Scale) + ZeroPoint is in the range of Y, else 0; dScale = -sum of dX * X / Scale over what shares the scale", Quantize),
    ];

    static Value?[] Quantize(Tape t, Node n, Value dy)
    {
        var (x, scale) = (n.Inputs[0]!, n.Inputs[1]!);
        var (least, most) = Range(n.Output.Type) ?? throw new ModelException(ModelProblem.Unsupported, $"Quantising to {n.Output.Type} has no straight-through rule.");
        var each = QuantizationRules.Spread(t, n, scale, x);
        var ratio = t.Div(x, each);
        var code = t.Op("Round", ratio);
        if (n.Input(2) is { } zero) code = t.Add(code, QuantizationRules.Spread(t, n, t.CastLike(zero, scale), x));
        var inside = t.And(t.GreaterOrEqual(code, t.ScalarLike(least, code)), t.LessOrEqual(code, t.ScalarLike(most, code)));
        var result = new Value?[n.Inputs.Count];
        var dx = t.Mask(inside, t.Div(dy, each));
        result[0] = dx;
        result[1] = t.Neg(QuantizationRules.SumByScale(t, n, t.Mul(dx, ratio), scale));
        return result;
    }

    /// <summary>The whole numbers that a type holds; null for types that hold others.</summary>
    static (double Least, double Most)? Range(ElementType type) => type switch
    {
        ElementType.UInt4 or ElementType.UInt8 or ElementType.UInt16 => (0, Math.Pow(2, type.Bits) - 1),
        ElementType.Int4 or ElementType.Int8 or ElementType.Int16 => (-Math.Pow(2, type.Bits - 1), Math.Pow(2, type.Bits - 1) - 1),
        _ => null,
    };
}
