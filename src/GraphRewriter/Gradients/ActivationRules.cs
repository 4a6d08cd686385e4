using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Gradients;

/// <summary>
/// Gradients of the activation functions. At a kink the subgradient is PyTorch's: a slope that holds "for X &gt; 0" is not taken at 0.
/// Formulas that use Y spare the exponentials; each is written so that no intermediate overflows where the gradient is finite.
/// </summary>
static class ActivationRules
{
    /// <summary>The rules.</summary>
    internal static readonly GradientRule[] All =
    [
        Rule.Unary("Relu", 1, "dX = dY where X > 0, else 0", (t, x, y, dy) => t.Gate(t.Greater(y, 0), dy)),
        new("LeakyRelu", 1, "dX = dY where X > 0, else alpha dY", LeakyRelu),
        new("PRelu", 1, "dX = dY where X > 0, else Slope * dY; dSlope = dY * min(X, 0)", PRelu),
        new("ThresholdedRelu", 10, "dX = dY where X > alpha, else 0", (t, n, dy) => [t.Gate(t.Greater(n.Inputs[0]!, n.Float("alpha", 1)), dy)]),
        new("Elu", 1, "dX = dY where X > 0, else dY * (Y + alpha)", (t, n, dy) => Exponential(t, n, dy, 1, 1, n.Float("alpha", 1))),
        new("Selu", 1, "dX = gamma dY where X > 0, else dY * (Y + gamma alpha)", Selu),
        new("Celu", 12, "dX = dY where X > 0, else dY * (Y / alpha + 1)", (t, n, dy) => Exponential(t, n, dy, 1, 1.0 / n.Float("alpha", 1), 1)),
        Rule.Unary("Sigmoid", 1, "dX = dY * Y * (1 - Y)", (t, x, y, dy) => t.Mul(dy, t.Mul(y, t.Sub(1, y)))),
        // 0 at both corners.
        new("HardSigmoid", 1, "dX = alpha dY where 0 < Y < 1, else 0", HardSigmoid),
        // At -3 and 3 the outer slopes, 0 and 1.
        Rule.Unary("HardSwish", 14, "dX = dY * (X/3 + 1/2) where |X| < 3, dY where X >= 3, else 0", HardSwish),
        Rule.Unary("Softplus", 1, "dX = dY * sigmoid X", (t, x, y, dy) => t.Mul(dy, t.Sigmoid(x))),
        Rule.Unary("Softsign", 1, "dX = dY / (1 + |X|)^2", (t, x, y, dy) => t.Div(dy, t.Square(t.Add(t.Abs(x), 1)))),
        Rule.Unary("Mish", 18, "dX = dY * (w + X * sigmoid X * (1 - w^2)), w = tanh(softplus X)", Mish),
        new("Gelu", 20, "dX = dY * (P + X * P'), P the normal distribution or its tanh approximation", Gelu),
        // 0 at -lambd and lambd, as the function itself is there.
        new("Shrink", 9, "dX = dY where |X| > lambd, else 0", (t, n, dy) => [t.Gate(t.Greater(t.Abs(n.Inputs[0]!), n.Float("lambd", 0.5f)), dy)]),
        new("Softmax", 1, "dX = Y * (dY - sum(dY * Y))", Softmax),
        new("LogSoftmax", 1, "dX = dY - exp Y * sum dY", LogSoftmax),
    ];

    static Value?[] LeakyRelu(Tape t, Node n, Value dy)
    {
        var alpha = n.Float("alpha", 0.01f);
        var positive = t.Greater(n.Inputs[0]!, 0);
        // The maximum of 0 or 1 with a slope between them: cheaper than a selection.
        var slope = alpha is >= 0 and <= 1 ? t.Max(t.CastLike(positive, dy), t.ScalarLike(alpha, dy)) : t.Where(positive, t.ScalarLike(1, dy), t.ScalarLike(alpha, dy));
        return [t.Mul(dy, slope)];
    }

    static Value?[] PRelu(Tape t, Node n, Value dy)
    {
        var (x, slope) = (n.Inputs[0]!, n.Inputs[1]!);
        var dx = t.Mul(dy, t.Where(t.Greater(x, 0), t.ScalarLike(1, x), slope));
        return [dx, t.Mul(dy, t.Min(x, t.ScalarLike(0, x)))];
    }

    /// <summary>The slope is <paramref name="above"/> for X &gt; 0, else <paramref name="factor"/> Y + <paramref name="offset"/>: exponential branches in terms of Y.</summary>
    static Value?[] Exponential(Tape t, Node n, Value dy, double above, double factor, double offset)
    {
        var scaled = t.Mul(n.Output, factor);
        var positive = t.Greater(n.Inputs[0]!, 0);
        // A parameter below zero, which no one uses, turns the sign of Y below zero.
        if (factor <= 0 || offset <= 0) return [t.Mul(dy, t.Where(positive, t.ScalarLike(above, dy), t.Add(scaled, offset)))];
        var slope = t.Add(t.Min(scaled, t.ScalarLike(0, dy)), offset);
        if (above != offset) slope = t.Add(slope, t.Mul(t.CastLike(positive, dy), above - offset));
        return [t.Mul(dy, slope)];
    }

    static Value?[] Selu(Tape t, Node n, Value dy)
    {
        // The defaults of the specification, in full.
        var gamma = n.Float("gamma", 1.05070102214813232421875f);
        var alpha = n.Float("alpha", 1.67326319217681884765625f);
        return Exponential(t, n, dy, gamma, 1, (double)gamma * alpha);
    }

    static Value?[] HardSigmoid(Tape t, Node n, Value dy)
    {
        var y = n.Output;
        return [t.Gate(t.And(t.Greater(y, 0), t.Less(y, 1)), t.Mul(dy, n.Float("alpha", 0.2f)))];
    }

    static Value HardSwish(Tape t, Value x, Value y, Value dy)
    {
        // Y = X h(X) with h the hard sigmoid of slope 1/6, so the slope is h + X h'.
        var h = t.Op("HardSigmoid", [Attribute.Of("alpha", 1f / 6), Attribute.Of("beta", 0.5f)], x);
        return t.Mul(dy, t.Add(h, t.Gate(t.Less(t.Abs(x), 3), t.Mul(x, 1.0 / 6))));
    }

    static Value Mish(Tape t, Value x, Value y, Value dy)
    {
        // With p = sigmoid X and q = 1 - p, tanh(softplus X) is p (1 + q) / (1 + q^2): no logarithm, nothing overflows, nothing cancels.
        var p = t.Sigmoid(x);
        var q = t.Sub(1, p);
        var w = t.Div(t.Mul(p, t.Add(q, 1)), t.Add(t.Square(q), 1));
        return t.Mul(dy, t.Add(w, t.Mul(t.Mul(x, p), t.Sub(1, t.Square(w)))));
    }

    static Value?[] Gelu(Tape t, Node n, Value dy)
    {
        var x = n.Inputs[0]!;
        return [t.Mul(dy, string.Equals(n.String("approximate", "none"), "tanh", StringComparison.Ordinal) ? GeluTanhSlope(t, x) : GeluSlope(t, x))];
    }

    static Value GeluSlope(Tape t, Value x)
    {
        var distribution = t.Add(t.Mul(t.Erf(t.Mul(x, Math.Sqrt(0.5))), 0.5), 0.5);
        var density = t.Mul(t.Exp(t.Mul(t.Square(x), -0.5)), 1 / Math.Sqrt(2 * Math.PI));
        return t.Add(distribution, t.Mul(x, density));
    }

    static Value GeluTanhSlope(Tape t, Value x)
    {
        // u = sqrt(2/pi) (x + c x^3), P = (1 + tanh u) / 2.
        const double c = 0.044715;
        var root = Math.Sqrt(2 / Math.PI);
        var square = t.Square(x);
        var w = t.Tanh(t.Mul(x, t.Add(t.Mul(square, root * c), root)));
        var slopeOfU = t.Add(t.Mul(square, 3 * root * c), root);
        var bend = t.Mul(t.Mul(x, t.Sub(1, t.Square(w))), slopeOfU);
        return t.Mul(t.Add(t.Add(w, bend), 1), 0.5);
    }

    static Value?[] Softmax(Tape t, Node n, Value dy)
    {
        var weighted = t.Mul(dy, n.Output);
        return [t.Sub(weighted, t.Mul(n.Output, t.ReduceSum(weighted, [n.Int("axis", -1)])))];
    }

    static Value?[] LogSoftmax(Tape t, Node n, Value dy) =>
        [t.Sub(dy, t.Mul(t.Exp(n.Output), t.ReduceSum(dy, [n.Int("axis", -1)])))];
}
