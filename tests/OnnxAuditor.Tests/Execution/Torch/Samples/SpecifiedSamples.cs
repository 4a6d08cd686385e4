using GraphRewriter.Tests.Gradients;
using static GraphRewriter.Ir.Attribute;
using static OnnxAuditor.Tests.Execution.Torch.Samples.Inputs;
using E = GraphRewriter.Ir.ElementType;

namespace OnnxAuditor.Tests.Execution.Torch.Samples;

/// <summary>A sample that ONNX Runtime has no kernel for.</summary>
/// <param name="Sample">The sample.</param>
/// <param name="Outputs">What it gives by the specification.</param>
sealed record SpecifiedSample(OpSample Sample, params double[][] Outputs);

/// <summary>Samples of types and cases that ONNX Runtime has no kernel for.</summary>
static class SpecifiedSamples
{
    internal static readonly SpecifiedSample[] All =
    [
        new(new("Add", "uint8 runs over", [V(E.UInt8, 200, 1), V(E.UInt8, 100, 2)]), [44, 3]),
        new(new("Add", "uint16 runs over", [V(E.UInt16, 65535, 1), V(E.UInt16, 2, 2)]), [1, 3]),
        new(new("Add", "uint32 runs over", [V(E.UInt32, 4294967295, 1), V(E.UInt32, 2, 2)]), [1, 3]),
        new(new("Add", "uint64 runs over", [V(E.UInt64, Half, 1), V(E.UInt64, Half, 2)]), [0, 3]),
        new(new("Sub", "uint16 runs under", [V(E.UInt16, 1, 5), V(E.UInt16, 2, 2)]), [65535, 3]),
        new(new("Sub", "uint32 runs under", [V(E.UInt32, 1, 5), V(E.UInt32, 2, 2)]), [4294967295, 3]),
        new(new("Mul", "uint16 runs over", [V(E.UInt16, 300, 2), V(E.UInt16, 300, 3)]), [24464, 6]),
        new(new("Div", "uint16", [V(E.UInt16, 65535, 7), V(E.UInt16, 2, 8)]), [32767, 0]),
        new(new("Pow", "uint32", [V(E.UInt32, 2, 3), V(E.UInt32, 31, 3)]), [2147483648, 27]),
        new(new("Max", "uint16", [V(E.UInt16, 40000, 1), V(E.UInt16, 2, 2)]), [40000, 2]),
        new(new("Clip", "uint16", [V(E.UInt16, 40000, 1), V(E.UInt16, [], 2), V(E.UInt16, [], 30000)]), [30000, 2]),
        new(new("Where", "truth values", [V(E.Bool, 1, 0), V(E.Bool, 1, 1), V(E.Bool, 0, 0)]), [1, 0]),
        new(new("Where", "uint64", [V(E.Bool, 1, 0), V(E.UInt64, Half, 1), V(E.UInt64, 2, 2)]), [Half, 2]),
        new(new("BitShift", "uint16 left", [V(E.UInt16, 40000, 1), V(E.UInt16, 1, 15)], [Of("direction", "LEFT")]), [14464, 32768]),
        new(new("BitShift", "uint16 right", [V(E.UInt16, 40000, 1), V(E.UInt16, 1, 15)], [Of("direction", "RIGHT")]), [20000, 0]),
        new(new("Neg", "int16", [V(E.Int16, 5, -7)]), [-5, 7]),
        new(new("ReduceSum", "uint32 runs over", [V(E.UInt32, 4294967295, 3)], [Of("keepdims", 0L)]), [2]),
        new(new("ReduceMax", "uint64", [V(E.UInt64, Half, 3)], [Of("keepdims", 0L)]), [Half]),
        new(new("ReduceMin", "uint32 over nothing", [V(E.UInt32, [0])], [Of("keepdims", 0L)]), [4294967295]),
        new(new("ReduceMax", "int64 over nothing", [V(E.Int64, [0])], [Of("keepdims", 0L)]), [long.MinValue]),
        new(new("ReduceL2", "uint64", [V(E.UInt64, Half)]), [Half]),
        new(new("ArgMax", "uint64", [V(E.UInt64, 1, Half, 3)]), [1]),
        new(new("TopK", "uint64", [V(E.UInt64, 1, Half, 3), SampleInput.I(2)], Outputs: 2), [Half, 3], [1, 2]),
        new(new("CumSum", "uint32 runs over", [V(E.UInt32, 4294967295, 3), SampleInput.Scalar(0L)]), [4294967295, 2]),
        new(new("Unique", "uint64", [V(E.UInt64, Half, 3, Half)], Outputs: 4), [3, Half], [1, 0], [1, 0, 1], [1, 2]),
        new(new("ScatterElements", "uint64 maximum", [V(E.UInt64, 1, Half), SampleInput.I(0, 1), V(E.UInt64, Half, 1)], [Of("reduction", "max")]), [Half, Half]),
        new(new("ScatterElements", "uint16 sum runs over", [V(E.UInt16, 65535), SampleInput.I(0), V(E.UInt16, 2)], [Of("reduction", "add")]), [1]),
        new(new("ScatterND", "whole tensor", [Counting(E.Float32, [2, 2]), SampleInput.I([1, 0], []), F([1, 2, 2], 5, 6, 7, 8)]), [5, 6, 7, 8]),
        new(new("OneHot", "int32, first axis", [V(E.Int32, 0, 1, 2, -3), V(E.Int64, 3), V(E.Int32, 0, 1)], [Of("axis", 0L)]), [1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0]),
        new(new("OneHot", "truth values", [V(E.Int64, 1), V(E.Int64, 2), V(E.Bool, 0, 1)]), [0, 1]),
        new(new("Pad", "reflected more than once", [F(1, 2, 3), SampleInput.I(5, 3)], [Of("mode", "reflect")]), [2, 1, 2, 3, 2, 1, 2, 3, 2, 1, 2]),
        new(new("Pad", "reflected, one element", [F(1), SampleInput.I(2, 1)], [Of("mode", "reflect")]), [1, 1, 1, 1]),
        new(new("Trilu", "uint16", [V(E.UInt16, [2, 2], 1, 2, 3, 40000)]), [1, 2, 0, 40000]),
        new(new("EyeLike", "uint16", [V(E.UInt16, [2, 2], 1, 2, 3, 4)]), [1, 0, 0, 1]),
        new(new("Gemm", "uint32 runs over", [V(E.UInt32, [1, 2], 4294967295, 2), V(E.UInt32, [2, 1], 2, 3), V(E.UInt32, [1], 1)]), [5]),
    ];

    /// <summary>2^63, half the range of uint64.</summary>
    const double Half = 9223372036854775808;
}
