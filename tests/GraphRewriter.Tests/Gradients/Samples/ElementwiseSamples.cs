using GraphRewriter.Ir;
using static GraphRewriter.Ir.Attribute;
using static GraphRewriter.Tests.Gradients.Domain;
using static GraphRewriter.Tests.Gradients.SampleInput;

namespace GraphRewriter.Tests.Gradients.Samples;

/// <summary>Samples of the elementwise rules.</summary>
static class ElementwiseSamples
{
    internal static readonly OpSample[] All =
    [
        .. Arithmetic("Add", Any),
        .. Arithmetic("Sub", Any),
        .. Arithmetic("Mul", Any),
        .. Arithmetic("Div", NotSmall),

        new("Pow", "typical", [F(2, 3), F(2, 3)], Domain: Positive),
        new("Pow", "broadcast both ways", [F(2, 1, 3), F(4, 1)], Domain: Positive),
        new("Pow", "constant square", [F(2, 3), Scalar(2.0)]),
        new("Pow", "constant cube of negative numbers", [F(5), Scalar(3.0)]),
        new("Pow", "constant square root", [F(5), Scalar(0.5)], Domain: Positive),
        new("Pow", "constant reciprocal", [F(5), Scalar(-1.0)], Domain: NotSmall),
        new("Pow", "constant exponent of higher rank", [F(), V([1], 2.5).Constant().NoGradient()], Domain: Positive),
        new("Pow", "constant odd exponent of negative numbers", [F(5), Scalar(5.0)]),
        new("Pow", "int64 exponents with a zero", [F(4), I(0, 1, 2, 3)]),
        new("Pow", "exponents zero and one at a zero base", [V(0, 0, 0, 2), V(0, 1, 2, 0)]) { Expected = [[0, 1, 0, 0], [0, 0, 0, Math.Log(2)]] },

        new("Mod", "typical", [F(6).In(Between(4, 8)), F(6).In(Between(2.25, 2.75)).NoGradient()], [Of("fmod", 1L)], Domain: Any) { Linear = false },
        new("Mod", "truncates for negative numbers", [V(-7, 7, -7, 7), V(3, -3, -3, 3)], [Of("fmod", 1L)]) { Expected = [[1, 1, 1, 1], [2, 2, -2, -2]] },
        new("Mod", "broadcast", [V([2, 2], 5.5, 7.25, -6.5, 1.5), V(2, 4)], [Of("fmod", 1L)]),

        .. Extremum("Max"),
        .. Extremum("Min"),

        new("Sum", "typical", [F(2, 3), F(2, 3), F(2, 3)]) { Linear = true },
        new("Sum", "one input", [F(2, 3)]) { Linear = true },
        new("Sum", "broadcast", [F(2, 1), F(3), F()]) { Linear = true },
        new("Mean", "typical", [F(2, 3), F(2, 3), F(2, 3)]) { Linear = true },
        new("Mean", "one input", [F(2, 3)]) { Linear = true },
        new("Mean", "broadcast", [F(2, 1), F(3), F()]) { Linear = true },

        .. Unary("Neg", Any),
        .. Unary("Abs", AwayFromKinks),
        new("Abs", "kink", [V(0, -2)]) { Expected = [[0, -1]] },
        .. Unary("Exp", Any),
        .. Unary("Log", Positive),
        .. Unary("Sqrt", Positive),
        .. Unary("Reciprocal", NotSmall),
        .. Unary("Erf", Any),
        .. Unary("Sin", Any),
        .. Unary("Cos", Any),
        .. Unary("Tan", Between(-1, 1)),
        .. Unary("Asin", Between(-0.6, 0.6)),
        .. Unary("Acos", Between(-0.6, 0.6)),
        .. Unary("Atan", Any),
        .. Unary("Sinh", Any),
        .. Unary("Cosh", Any),
        .. Unary("Tanh", Any),
        .. Unary("Asinh", Any),
        .. Unary("Acosh", Between(1.75, 4)),
        .. Unary("Atanh", Between(-0.6, 0.6)),
        new("Tanh", "saturated", [V(-30, 30)]) { Expected = [[0, 0]] },

        new("Clip", "constant bounds", [F(3, 4).In(AwayFrom(-1, 2)), Scalar(-1.0), Scalar(2.0)]),
        new("Clip", "tensor bounds", [F(3, 4).In(AwayFrom(-1, 2)), V([], -1), V([], 2)]),
        new("Clip", "lower bound only", [F(3, 4).In(AwayFrom(0)), V([], 0)]),
        new("Clip", "upper bound only", [F(3, 4).In(AwayFrom(1)), null, V([], 1)]),
        new("Clip", "no bounds", [F(3)]) { Linear = true },
        new("Clip", "at the bounds", [V(-2, -1, 0, 2, 3), V([], -1), V([], 2)]) { Expected = [[0, 1, 1, 1, 0], [1], [1]] },
        new("Clip", "bounds crossed", [V(-2, 0, 3), V([], 1), V([], -1)]) { Expected = [[0, 0, 0], [0], [3]] },

        new("Where", "typical", [B([2, 3], 1, 0, 1, 0, 0, 1), F(2, 3), F(2, 3)]) { Linear = true },
        new("Where", "broadcast", [B([2, 1], 1, 0), F(3), F(4, 1, 1)]) { Linear = true },
        new("Where", "scalar branch", [B([3], 1, 0, 1), F(3), F()]) { Linear = true },
        new("Identity", "typical", [F(2, 3)]) { Linear = true },
        new("Identity", "scalar", [F()]) { Linear = true },
        new("Identity", "empty", [F(2, 0)]) { Linear = true },

        new("Cast", "float64 to float32", [F(2, 3).In(Any)], [Of("to", (long)ElementType.Float32)]) { Linear = true },
        new("Cast", "to float16", [F(2, 3).In(Integers(-8, 8))], [Of("to", (long)ElementType.Float16)]) { Linear = true },
        new("Cast", "scalar to float64", [F()], [Of("to", (long)ElementType.Float64)]) { Linear = true },
        new("CastLike", "to float64", [F(2, 3), F(1).As(ElementType.Float64).NoGradient()]) { Linear = true },
        new("CastLike", "to float32", [F(3), F(1).As(ElementType.Float32).NoGradient()]) { Linear = true },
        new("CastLike", "to the same type", [F(), F(2).NoGradient()]) { Linear = true },

        new("Dropout", "inference", [F(2, 3)]) { Linear = true },
        new("Dropout", "training off", [F(2, 3), Scalar(0.5), B([], 0).Constant()]) { Linear = true },
        new("Dropout", "training", [F(4, 16), Scalar(0.5), B([], 1).Constant()], [Of("seed", 7L)]) { Linear = true, IsRandom = true },
        new("Dropout", "training with mask output", [F(4, 16), Scalar(0.25), B([], 1).Constant()], [Of("seed", 7L)], Outputs: 2) { Linear = true, IsRandom = true },
        new("Dropout", "default ratio, mode fed", [F(4, 16), null, B([], 1)], [Of("seed", 7L)]) { Linear = true, IsRandom = true },
        new("Dropout", "mode fed and off", [F(4, 16), null, B([], 0)], [Of("seed", 7L)]) { Linear = true },
    ];

    static OpSample[] Arithmetic(string op, Domain domain) =>
    [
        new(op, "typical", [F(2, 3), F(2, 3)], Domain: domain),
        new(op, "broadcast both ways", [F(2, 1, 3), F(4, 1)], Domain: domain),
        new(op, "scalar", [F(2, 3), F()], Domain: domain),
        new(op, "scalar first", [F(), F(2, 3)], Domain: domain),
        new(op, "empty", [F(0, 3), F(3)], Domain: domain),
    ];

    static OpSample[] Unary(string op, Domain domain) =>
    [
        new(op, "typical", [F(2, 3)], Domain: domain),
        new(op, "scalar", [F()], Domain: domain),
        new(op, "rank four", [F(1, 2, 2, 3)], Domain: domain),
        new(op, "empty", [F(0, 3)], Domain: domain),
    ];

    static OpSample[] Extremum(string op) =>
    [
        new(op, "typical", [F(2, 3).In(AwayFrom(0)), V([2, 3], 0, 0, 0, 0, 0, 0)]),
        new(op, "three inputs", [V(1, 5, 2), V(2, 1, 7), V(3, 0, 0)]),
        new(op, "broadcast", [V([2, 2], 1, 5, -2, 3), V(0, 4)]),
        new(op, "one input", [F(3)]) { Linear = true },
        new(op, "ties", [V(1, 2, 3), V(1, 4, 3)]) { Expected = Is("Max", op, [[0.5, 0, 0.5], [0.5, 1, 0.5]], [[0.5, 1, 0.5], [0.5, 0, 0.5]]) },
        new(op, "ties of three", [V(1, 2), V(1, 2), V(1, 2)]) { Expected = [[1.0 / 3, 1.0 / 3], [1.0 / 3, 1.0 / 3], [1.0 / 3, 1.0 / 3]] },
    ];

    static double[][] Is(string first, string op, double[][] yes, double[][] no) => string.Equals(first, op, StringComparison.Ordinal) ? yes : no;
}
