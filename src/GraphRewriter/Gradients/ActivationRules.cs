using GraphRewriter.Emission;
using GraphRewriter.Ir;

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
        // Y is never negative, so its sign is the step function; a product with it is cheaper than a selection.
        Rule.Unary("Relu", 1, "dX = dY where X > 0, else 0", (t, x, y, dy) => t.Mul(dy, t.Sign(y))),
        new("LeakyRelu", 1, "dX = dY where X > 0, else alpha dY", LeakyRelu),
        new("PRelu", 1, "dX = dY where X > 0, else Slope * dY; dSlope = dY * min(X, 0)", PRelu),
        new("ThresholdedRelu", 10, "dX = dY where X > alpha, else 0", (t, n, dy) => [t.Mask(t.Greater(n.Inputs[0]!, n.Float("alpha", 1)), dy)]),
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
        new("Shrink", 9, "dX = dY where |X| > lambd, else 0", (t, n, dy) => [t.Mask(t.Greater(t.Abs(n.Inputs[0]!), n.Float("lambd", 0.5f)), dy)]),
        new("Softmax", 1, "dX = Y * (dY - sum(dY * Y))", Softmax),
        new("LogSoftmax", 1, "dX = dY - exp Y * sum dY", LogSoftmax),
    ];

    static Value?[] LeakyRelu(Tape t, Node n, Value dy)
    {
        var alpha = n.Float("alpha", 0.01f);
        return [t.Where(t.Greater(n.Inputs[0]!, 0), dy, t.Mul(dy, alpha))];
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
        var below = t.Add(t.Mul(n.Output, factor), offset);
        return [t.Mul(dy, t.Where(t.Greater(n.Inputs[0]!, 0), t.ScalarLike(above, dy), below))];
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
        return [t.Mask(t.And(t.Greater(y, 0), t.Less(y, 1)), t.Mul(dy, n.Float("alpha", 0.2f)))];
    }

    static Value HardSwish(Tape t, Value x, Value y, Value dy)
    {
        var outer = t.Relu(t.Sign(x));
        var inner = t.Add(t.Mul(x, 1.0 / 3), 0.5);
        return t.Mul(dy, t.Where(t.Less(t.Abs(x), 3), inner, outer));
    }

    static Value Mish(Tape t, Value x, Value y, Value dy)
    {
        var w = t.Tanh(t.Softplus(x));
        return t.Mul(dy, t.Add(w, t.Mul(t.Mul(x, t.Sigmoid(x)), t.Sub(1, t.Square(w)))));
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
