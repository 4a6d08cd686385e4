using GraphRewriter.Emission;

namespace GraphRewriter.Gradients;

/// <summary>Gradients of the elementwise arithmetic and mathematical operators.</summary>
static class ElementwiseRules
{
    /// <summary>The rules.</summary>
    internal static readonly GradientRule[] All =
    [
        Rule.Binary("Add", 1, "dA = dY, dB = dY",         (t, a, b, y, dy) => (dy, dy)),
        Rule.Binary("Sub", 1, "dA = dY, dB = -dY",        (t, a, b, y, dy) => (dy, t.Neg(dy))),
        Rule.Binary("Mul", 1, "dA = dY * B, dB = dY * A", (t, a, b, y, dy) => (t.Mul(dy, b), t.Mul(dy, a))),
    ];
}
