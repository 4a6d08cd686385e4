using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.Gradients;

/// <summary>
/// Gradients of the elementwise arithmetic and mathematical operators. Where the function has a kink or a tie, the subgradient is PyTorch's,
/// as the comment at the rule says.
/// </summary>
static class ElementwiseRules
{
    /// <summary>The rules.</summary>
    internal static readonly GradientRule[] All =
    [
        Rule.Binary("Add", 1, "dA = dY, dB = dY",          (t, a, b, y, dy) => (dy, dy)),
        Rule.Binary("Sub", 1, "dA = dY, dB = -dY",         (t, a, b, y, dy) => (dy, t.Neg(dy))),
        Rule.Binary("Mul", 1, "dA = dY * B, dB = dY * A",  (t, a, b, y, dy) => (t.Mul(dy, b), t.Mul(dy, a))),
        Rule.Binary("Div", 1, "dA = dY / B, dB = -dA * Y", Div),
        new("Pow", 1, "dA = dY * B * A^(B - 1), dB = dY * Y * ln A (0 where A = 0 and B >= 0)", Pow),
        Rule.Binary("Mod", 10, "dA = dY, dB = -dY * (A - Y) / B", Mod),
        new("Max", 1, "dXi = dY * [Xi = Y] / (number of inputs equal to Y)", Extremum),
        new("Min", 1, "dXi = dY * [Xi = Y] / (number of inputs equal to Y)", Extremum),
        new("Sum", 1, "dXi = dY",                          (t, n, dy) => [.. n.Inputs.Select(_ => dy)]),
        new("Mean", 1, "dXi = dY / (number of inputs)",    Mean),

        Rule.Unary("Neg", 1, "dX = -dY",                       (t, x, y, dy) => t.Neg(dy)),
        // 0 at 0, as in PyTorch.
        Rule.Unary("Abs", 1, "dX = dY * sign X",               (t, x, y, dy) => t.Mul(dy, t.Sign(x))),
        Rule.Unary("Exp", 1, "dX = dY * Y",                    (t, x, y, dy) => t.Mul(dy, y)),
        Rule.Unary("Log", 1, "dX = dY / X",                    (t, x, y, dy) => t.Div(dy, x)),
        Rule.Unary("Sqrt", 1, "dX = dY / (2 Y)",               (t, x, y, dy) => t.Div(t.Mul(dy, 0.5), y)),
        Rule.Unary("Reciprocal", 1, "dX = -dY * Y^2",          (t, x, y, dy) => t.Neg(t.Mul(dy, t.Square(y)))),
        Rule.Unary("Erf", 9, "dX = dY * 2/sqrt(pi) exp(-X^2)", (t, x, y, dy) => t.Mul(dy, t.Mul(t.Exp(t.Neg(t.Square(x))), 2 / Math.Sqrt(Math.PI)))),

        Rule.Unary("Sin", 7, "dX = dY * cos X",                (t, x, y, dy) => t.Mul(dy, t.Cos(x))),
        Rule.Unary("Cos", 7, "dX = -dY * sin X",               (t, x, y, dy) => t.Neg(t.Mul(dy, t.Sin(x)))),
        Rule.Unary("Tan", 7, "dX = dY * (1 + Y^2)",            (t, x, y, dy) => t.Mul(dy, t.Add(t.Square(y), 1))),
        Rule.Unary("Asin", 7, "dX = dY / sqrt(1 - X^2)",       (t, x, y, dy) => t.Div(dy, t.Sqrt(t.Sub(1, t.Square(x))))),
        Rule.Unary("Acos", 7, "dX = -dY / sqrt(1 - X^2)",      (t, x, y, dy) => t.Neg(t.Div(dy, t.Sqrt(t.Sub(1, t.Square(x)))))),
        Rule.Unary("Atan", 7, "dX = dY / (1 + X^2)",           (t, x, y, dy) => t.Div(dy, t.Add(t.Square(x), 1))),
        Rule.Unary("Sinh", 9, "dX = dY * cosh X",              (t, x, y, dy) => t.Mul(dy, t.Op("Cosh", x))),
        Rule.Unary("Cosh", 9, "dX = dY * sinh X",              (t, x, y, dy) => t.Mul(dy, t.Op("Sinh", x))),
        Rule.Unary("Tanh", 1, "dX = dY * (1 - Y^2)",           (t, x, y, dy) => t.Mul(dy, t.Sub(1, t.Square(y)))),
        Rule.Unary("Asinh", 9, "dX = dY / sqrt(X^2 + 1)",      (t, x, y, dy) => t.Div(dy, t.Sqrt(t.Add(t.Square(x), 1)))),
        Rule.Unary("Acosh", 9, "dX = dY / sqrt(X^2 - 1)",      (t, x, y, dy) => t.Div(dy, t.Sqrt(t.Add(t.Square(x), -1)))),
        Rule.Unary("Atanh", 9, "dX = dY / (1 - X^2)",          (t, x, y, dy) => t.Div(dy, t.Sub(1, t.Square(x)))),

        new("Clip", 1, "dX = dY where Y = X, dMin = sum of dY where X < Min, dMax = sum of dY where X > Max", Clip),
        new("Where", 9, "dA = dY where C, dB = dY where not C", (t, n, dy) => [null, t.Mask(n.Inputs[0]!, dy), t.Where(n.Inputs[0]!, t.ScalarLike(0, dy), dy)]),
        Rule.Unary("Identity", 1, "dX = dY",                   (t, x, y, dy) => dy),
        Rule.LinearInData("Cast", 1, "dX = dY in the type of X",      ToInputType),
        Rule.LinearInData("CastLike", 15, "dX = dY in the type of X", ToInputType),
        Rule.LinearInData("Dropout", 1, "dX = dY; in training mode dY / (1 - ratio) where the mask is set", Dropout),
    ];

    static (Value? A, Value? B) Div(Tape t, Value a, Value b, Value y, Value dy)
    {
        var da = t.Div(dy, b);
        return (da, t.Neg(t.Mul(da, y)));
    }

    /// <summary>
    /// The exponent may be of another type than the base. The base's gradient is 0 where the exponent is 0, whatever the base, as in PyTorch; the
    /// exponent's is 0 at a zero base with an exponent of at least 0, and NaN at a negative base, where the power is no function of a real exponent.
    /// </summary>
    static Value?[] Pow(Tape t, Node n, Value dy)
    {
        var (a, b, y) = (n.Inputs[0]!, n.Inputs[1]!, n.Output);
        if (b.Constant is { Count: 1 } known) return [PowByConstant(t, a, y, dy, known.ToDoubles()[0]), b.IsFloat ? ExponentGradient(t, a, b, y, dy) : null];
        var exponent = t.CastLike(b, a);
        // b a^(b - 1) with the power replaced by 1 at b = 0: neither this nor its own gradient meets 0 * infinity there.
        var lowered = t.Where(t.Equal(exponent, t.ScalarLike(0, a)), t.ScalarLike(0, a), t.Add(exponent, -1));
        var da = t.Mul(dy, t.Mul(exponent, t.Pow(a, lowered)));
        return [da, b.IsFloat ? ExponentGradient(t, a, b, y, dy) : null];
    }

    static Value? PowByConstant(Tape t, Value a, Value y, Value dy, double exponent) => exponent switch
    {
        0 => null,
        1 => dy,
        2 => t.Mul(dy, t.Mul(a, 2)),
        3 => t.Mul(dy, t.Mul(t.Square(a), 3)),
        0.5 => t.Div(t.Mul(dy, 0.5), y),
        -1 => t.Neg(t.Mul(dy, t.Square(y))),
        _ => t.Mul(dy, t.Mul(t.Pow(a, exponent - 1), exponent)),
    };

    static Value ExponentGradient(Tape t, Value a, Value b, Value y, Value dy)
    {
        var zero = t.ScalarLike(0, a);
        var power = t.CastLike(b, a);
        var vanishes = t.And(t.Equal(a, zero), t.GreaterOrEqual(power, zero));
        return t.CastLike(t.Mul(dy, t.Mul(y, t.Log(t.Where(vanishes, t.ScalarLike(1, a), a)))), b);
    }

    /// <summary>Y = A - q B with a whole number q, truncated (fmod) or floored, and constant almost everywhere. Rounding removes the error of the division.</summary>
    static (Value? A, Value? B) Mod(Tape t, Value a, Value b, Value y, Value dy)
    {
        var quotient = t.Op("Round", t.Div(t.Sub(a, y), b));
        return (dy, t.Neg(t.Mul(dy, quotient)));
    }

    /// <summary>Inputs that tie share the gradient equally, as in PyTorch's maximum and minimum of two.</summary>
    static Value?[] Extremum(Tape t, Node n, Value dy)
    {
        if (n.Inputs.Count == 1) return [dy];
        var hits = new Value[n.Inputs.Count];
        for (var i = 0; i < hits.Length; i++) hits[i] = t.CastLike(t.Equal(n.Inputs[i]!, n.Output), dy);
        var share = t.Div(dy, hits.Length == 2 ? t.Add(hits[0], hits[1]) : t.Op("Sum", hits));
        return [.. hits.Select(hit => t.Mul(share, hit))];
    }

    static Value?[] Mean(Tape t, Node n, Value dy)
    {
        var share = t.Div(dy, (double)n.Inputs.Count);
        return [.. n.Inputs.Select(_ => share)];
    }

    /// <summary>
    /// The bounds are optional scalars. At a bound the gradient goes to X, as in PyTorch's clamp (its hardtanh and relu6 have 0 there).
    /// Where Min exceeds Max every element is Max, which then takes the whole gradient.
    /// </summary>
    static Value?[] Clip(Tape t, Node n, Value dy)
    {
        var (x, min, max) = (n.Inputs[0]!, n.Input(1), n.Input(2));
        var result = new Value?[n.Inputs.Count];
        result[0] = min is null && max is null ? dy : t.Gate(t.Equal(x, n.Output), dy);
        if (min is not null)
        {
            var below = t.Less(x, min);
            result[1] = t.Mask(max is null ? below : t.And(below, t.LessOrEqual(min, max)), dy);
        }
        if (max is not null)
        {
            var above = t.Greater(x, max);
            result[2] = t.Mask(min is null ? above : t.Or(above, t.Greater(min, max)), dy);
        }
        return result;
    }

    /// <summary>The gradient of whole numbers, where these carry one, is a float all the same.</summary>
    static Value ToInputType(Tape t, Node n, Value dy) => n.Inputs[0]!.IsFloat ? t.CastLike(dy, n.Inputs[0]!) : dy;

    /// <summary>The mask is the node's second output; the node is given one where the model does not ask for it.</summary>
    static Value Dropout(Tape t, Node n, Value dy)
    {
        if (n.Input(2) is not { } training || training.Constant is { } mode && mode.ToInt64s()[0] == 0) return dy;
        var ratio = n.Input(1) is { } given ? t.CastLike(given, dy) : t.ScalarLike(0.5, dy);
        var scale = t.Reciprocal(t.Sub(1, ratio));
        if (training.Constant is null) scale = t.Where(training, scale, t.ScalarLike(1, dy));
        return t.Mask(OutputOf(t, n, 1, ElementType.Bool, n.Inputs[0]!.Shape), t.Mul(dy, scale));
    }

    /// <summary>An optional output of a node, added where the model leaves it out.</summary>
    internal static Value OutputOf(Tape t, Node n, int index, ElementType type, Shape? shape)
    {
        if (n.OutputAt(index) is { } present) return present;
        var added = new Value(t.FreshName(n.OpType), type, shape);
        while (n.Outputs.Count < index) n.AddOutput(null);
        if (n.Outputs.Count == index) n.AddOutput(added);
        else n.SetOutput(index, added);
        return added;
    }
}
