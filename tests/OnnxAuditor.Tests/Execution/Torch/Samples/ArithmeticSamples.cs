using GraphRewriter.Ir;
using GraphRewriter.Tests.Gradients;
using static GraphRewriter.Ir.Attribute;
using static OnnxAuditor.Tests.Execution.Torch.Samples.Inputs;
using E = GraphRewriter.Ir.ElementType;

namespace OnnxAuditor.Tests.Execution.Torch.Samples;

/// <summary>Samples of elementwise operators and matrix products on whole numbers and truth values, and at special numbers.</summary>
static class ArithmeticSamples
{
    /// <summary>2^63, the first uint64 that int64 does not hold.</summary>
    const double Wide = 9223372036854775808;

    internal static readonly OpSample[] All =
    [
        .. Each("Add", [E.Int32, E.Int64], (t, a, b) => [a, b]),
        .. Each("Sub", [E.Int32, E.Int64], (t, a, b) => [a, b]),
        .. Each("Mul", [E.Int32, E.Int64], (t, a, b) => [a, b]),
        .. Each("Div", [E.Int8, E.Int32, E.Int64, E.UInt8, E.UInt32, E.UInt64], (t, a, b) => [a, b]),
        .. Each("Mod", [E.Int8, E.Int16, E.Int32, E.Int64, E.UInt8, E.UInt16, E.UInt32, E.UInt64], (t, a, b) => [a, b]),
        .. Each("Mod", [E.Int8, E.Int16, E.Int32, E.Int64, E.UInt8, E.UInt16, E.UInt32, E.UInt64], (t, a, b) => [a, b], Of("fmod", 1L)),
        .. Each("Max", [E.Int8, E.Int32, E.Int64, E.UInt8, E.UInt32, E.UInt64], (t, a, b) => [a, b]),
        .. Each("Min", [E.Int8, E.Int32, E.Int64, E.UInt8, E.UInt32, E.UInt64], (t, a, b) => [a, b]),
        .. Each("Greater", [E.Int8, E.Int16, E.Int32, E.Int64, E.UInt8, E.UInt16, E.UInt32, E.UInt64], (t, a, b) => [a, b]),
        .. Each("GreaterOrEqual", [E.Int32, E.Int64, E.UInt8, E.UInt32, E.UInt64], (t, a, b) => [a, b]),
        .. Each("Less", [E.Int8, E.Int16, E.Int32, E.Int64, E.UInt8, E.UInt16, E.UInt32, E.UInt64], (t, a, b) => [a, b]),
        .. Each("LessOrEqual", [E.Int32, E.Int64, E.UInt8, E.UInt32, E.UInt64], (t, a, b) => [a, b]),
        .. Each("Equal", [E.Bool, E.Int8, E.Int16, E.Int32, E.Int64, E.UInt8, E.UInt16, E.UInt32, E.UInt64], (t, a, b) => [a, b]),
        .. Each("BitwiseAnd", [E.Int8, E.Int16, E.Int32, E.Int64, E.UInt8, E.UInt16, E.UInt32, E.UInt64], (t, a, b) => [a, b]),
        .. Each("BitwiseOr", [E.Int8, E.Int16, E.Int32, E.Int64, E.UInt8, E.UInt16, E.UInt32, E.UInt64], (t, a, b) => [a, b]),
        .. Each("BitwiseXor", [E.Int8, E.Int16, E.Int32, E.Int64, E.UInt8, E.UInt16, E.UInt32, E.UInt64], (t, a, b) => [a, b]),
        .. Each("BitwiseNot", [E.Int8, E.Int16, E.Int32, E.Int64, E.UInt8, E.UInt16, E.UInt32, E.UInt64], (t, a, b) => [a]),
        .. Each("Neg", [E.Int8, E.Int32, E.Int64], (t, a, b) => [a]),
        .. Each("Abs", [E.Int8, E.Int16, E.Int32, E.Int64, E.UInt8, E.UInt16, E.UInt32, E.UInt64], (t, a, b) => [a]),
        .. Each("Sign", [E.Int8, E.Int16, E.Int32, E.Int64, E.UInt8, E.UInt16, E.UInt32, E.UInt64], (t, a, b) => [a]),
        .. Each("Relu", [E.Int8, E.Int32], (t, a, b) => [a]),
        .. Each("Clip", [E.Int8, E.Int32, E.Int64, E.UInt8, E.UInt32, E.UInt64], (t, a, b) => [a, V(t, [], 2), V(t, [], 100)]),
        .. Each("Where", [E.UInt8, E.Int32, E.Int64], (t, a, b) => [V(E.Bool, 1, 0, 0, 1), V(t, 1, 0, 1, 1), V(t, 0, 1, 1, 0)]),
        .. Each("BitShift", [E.UInt8, E.UInt32, E.UInt64], (t, a, b) => [a, V(t, [a.Dims[0]], [.. Enumerable.Range(0, (int)a.Dims[0]).Select(i => (double)i)])], Of("direction", "LEFT")),
        .. Each("BitShift", [E.UInt8, E.UInt32, E.UInt64], (t, a, b) => [a, V(t, [a.Dims[0]], [.. Enumerable.Range(0, (int)a.Dims[0]).Select(i => (double)i)])], Of("direction", "RIGHT")),

        new("Pow", "int32 by int32", [V(E.Int32, -3, 2, 5, 2), V(E.Int32, 3, 10, 0, -1)]),
        new("Pow", "int64 by float32", [V(E.Int64, 4, 9, 2), F(0.5, 0.5, 3)]),
        new("Pow", "int32 by float64", [V(E.Int32, 4, 10, 2), V(E.Float64, 0.5, 2, -1)]),
        new("Pow", "float32 by int32", [F(-1.5, 2, 0), V(E.Int32, 3, -2, 0)]),
        new("Pow", "float32 by float64", [F(1.5, 2, 3), V(E.Float64, 3, -2, 0.5)]),
        new("Pow", "scalar float32 by a vector of float64", [F([], 1.5), V(E.Float64, 3, -2, 0.5)]),
        new("Pow", "special floats", [F(0, 0, -1, double.PositiveInfinity, double.NaN, -8), F(0, -1, double.PositiveInfinity, 0, 0, 1.0 / 3)]),
        new("Div", "floats by zero", [F(1, -1, 0, 5), F(0, 0, 0, double.PositiveInfinity)]),
        new("Mod", "special floats", [F(5.5, -5.5, 5.5, -5.5, double.PositiveInfinity), F(2, 2, -2, double.PositiveInfinity, 2)], [Of("fmod", 1L)]),
        new("Max", "three of int64, broadcast", [V(E.Int64, [2, 1], 1, 5), V(E.Int64, 3, 4), V(E.Int64, [], 2)]),
        new("Sum", "three, broadcast", [F([2, 1], 1, 5), F(3, 4), F([], 2)]),
        new("Clip", "NaN and infinities", [F(double.NaN, double.PositiveInfinity, double.NegativeInfinity, 0.5), F([], -1), F([], 1)]),
        new("Clip", "scalar", [F([], 3), F([], -1), F([], 1)]),
        new("Round", "halves", [F(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.49, -3.51)]),
        new("Round", "halves in float64", [V(E.Float64, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5)]),
        new("Floor", "signs", [F(-1.5, -1, 0, 1.5)]),
        new("Ceil", "signs", [F(-1.5, -1, 0, 1.5)]),
        new("Sign", "floats", [F(-1.5, 0, 2, double.NegativeInfinity)]),
        new("IsNaN", "floats", [F(1, double.NaN, double.PositiveInfinity)]),
        new("IsNaN", "float16", [V(E.Float16, 1, double.NaN, double.PositiveInfinity)]),
        new("IsInf", "both signs", [F(1, double.NaN, double.PositiveInfinity, double.NegativeInfinity)]),
        new("IsInf", "positive only", [F(1, double.NaN, double.PositiveInfinity, double.NegativeInfinity)], [Of("detect_negative", 0L)]),
        new("IsInf", "negative only", [V(E.Float64, 1, double.NaN, double.PositiveInfinity, double.NegativeInfinity)], [Of("detect_positive", 0L)]),
        new("IsInf", "neither", [F(1, double.PositiveInfinity, double.NegativeInfinity)], [Of("detect_positive", 0L), Of("detect_negative", 0L)]),
        new("Not", "truth values", [V(E.Bool, [2, 2], 1, 0, 0, 1)]),
        new("And", "broadcast", [V(E.Bool, [2, 1], 1, 0), V(E.Bool, 1, 0)]),
        new("Or", "broadcast", [V(E.Bool, [2, 1], 1, 0), V(E.Bool, 1, 0)]),
        new("Xor", "broadcast", [V(E.Bool, [2, 1], 1, 0), V(E.Bool, 1, 0)]),

        .. Each("MatMul", [E.Int32, E.Int64, E.UInt32, E.UInt64], (t, a, b) => [Counting(t, [2, 3]), Counting(t, [2, 3, 2])]),
        new("MatMul", "int64 vectors", [V(E.Int64, 1, -2, 3), V(E.Int64, 4, 5, 6)]),
        new("MatMul", "nothing summed", [F([2, 0]), F([0, 3])]),
        new("Gemm", "float64, scaled", [Counting(E.Float64, [3, 2]), Counting(E.Float64, [2, 3]), V(E.Float64, [1, 3], 1, 2, 3)], [Of("alpha", 0.5f), Of("beta", 2f)]),
        new("Einsum", "int64", [Counting(E.Int64, [2, 3]), Counting(E.Int64, [3, 2])], [Of("equation", "ij,jk->ki")]),
        new("Einsum", "capital labels and spaces", [Counting(E.Float32, [2, 3]), Counting(E.Float32, [3, 2])], [Of("equation", " aB , Bc -> ca")]),
        new("Det", "stack", [F([2, 2, 2], 1, 2, 3, 4, 2, 0, 1, 3)]),
        .. Each("Trilu", [E.Bool, E.Int64], (t, a, b) => [V(t, [2, 3], 1, 1, 1, 1, 1, 1), V(E.Int64, [], 1)]),
        new("Trilu", "lower, far below", [Counting(E.Int64, [2, 3]), V(E.Int64, [], -7)], [Of("upper", 0L)]),
        new("MatMulInteger", "no zero points", [V(E.UInt8, [2, 2], 1, 255, 3, 4), V(E.Int8, [2, 2], -128, 2, 127, 4)]),
        new("MatMulInteger", "zero point for each column", [V(E.UInt8, [2, 2], 1, 255, 3, 4), V(E.Int8, [2, 2], -128, 2, 127, 4), V(E.UInt8, [], 7), V(E.Int8, 1, -3)]),
        new("MatMulInteger", "stack", [Counting(E.UInt8, [2, 2, 3]), Counting(E.UInt8, [2, 3, 2]), V(E.UInt8, [1], 3), V(E.UInt8, [], 2)]),
    ];

    /// <summary>One sample for each type: a and b hold what is special about it, both ends of its range among them.</summary>
    static OpSample[] Each(string op, ElementType[] types, Func<ElementType, SampleInput, SampleInput, SampleInput[]> inputs, params GraphRewriter.Ir.Attribute[] attributes) =>
        [.. types.Select(t => new OpSample(op, $"{t} {string.Join(' ', attributes.Select(a => a.Content is byte[] text ? System.Text.Encoding.UTF8.GetString(text) : a.Name))}".TrimEnd(), inputs(t, V(t, Left(t)), V(t, Right(t))), attributes))];

    static double[] Left(ElementType type) => type switch
    {
        E.Bool => [1, 0, 1, 0],
        E.UInt8 => [0, 7, 200, 255, 5, 250],
        E.UInt16 => [0, 7, 40000, 65535, 5, 65530],
        E.UInt32 => [0, 7, 4000000000, 4294967295, 5, 4294967290],
        E.UInt64 => [0, 7, Wide, Wide + 8192, 5, Wide * 1.5],
        E.Int8 => [0, 7, -7, 127, -127, 100],
        E.Int16 => [0, 7, -7, 32767, -32767, 20000],
        E.Int32 => [0, 7, -7, 2147483647, -2147483647, 2000000000],
        _ => [0, 7, -7, 9007199254740992, -9007199254740992, 1e18],
    };

    static double[] Right(ElementType type) => type switch
    {
        E.Bool => [1, 1, 0, 0],
        E.UInt8 => [3, 2, 201, 7, 255, 100],
        E.UInt16 => [3, 2, 40001, 7, 65535, 1000],
        E.UInt32 => [3, 2, 4000000001, 7, 4294967295, 1000],
        E.UInt64 => [3, 2, 7, Wide, Wide + 8192, Wide],
        E.Int8 => [3, -2, 2, 7, -5, -101],
        E.Int16 => [3, -2, 2, 7, -5, -101],
        E.Int32 => [3, -2, 2, 7, -5, 1500000000],
        _ => [3, -2, 2, 7, -5, 5e17],
    };
}
