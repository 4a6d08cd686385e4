using GraphRewriter.Tests.Gradients;
using static GraphRewriter.Ir.Attribute;
using static OnnxAuditor.Tests.Execution.Torch.Samples.Inputs;
using E = GraphRewriter.Ir.ElementType;

namespace OnnxAuditor.Tests.Execution.Torch.Samples;

/// <summary>Samples of quantisation and of arithmetic on quantised numbers.</summary>
static class QuantizationSamples
{
    internal static readonly OpSample[] All =
    [
        new("QuantizeLinear", "halves and ends", [F(-1000, -2.5, -1.5, -0.5, 0, 0.5, 1.5, 2.5, 1000), F([], 1), V(E.Int8, [], 1)]),
        new("QuantizeLinear", "no zero point", [F(-3, 0.5, 1.5, 300), F([], 1)]),
        new("QuantizeLinear", "uint16 for each place of an axis", [F([2, 3], 1, -2, 3, 40, 5, 70000), F(0.5, 1, 2), V(E.UInt16, 0, 32768, 5)]),
        new("QuantizeLinear", "int16", [F(-40000, -1.25, 12345.5), F([], 0.5), V(E.Int16, [], 3)]),
        new("QuantizeLinear", "first axis", [F([2, 2], 1, -2, 3, 40), F(0.5, 2), V(E.UInt8, 0, 128)], [Of("axis", 0L)]),
        new("QuantizeLinear", "blocks", [F([2, 4], 1, -2, 3, 40, 5, 6, -7, 8), F([2, 2], 0.5, 1, 2, 4), V(E.UInt8, [2, 2], 0, 128, 1, 2)], [Of("axis", 1L), Of("block_size", 2L)]),
        new("QuantizeLinear", "type by attribute", [F(-300, 1.5, 300), F([], 1)], [Of("output_dtype", (long)E.Int8)]),
        new("QuantizeLinear", "float16", [V(E.Float16, -3, 0.5, 1.5, 300), V(E.Float16, [], 1), V(E.UInt8, [], 2)]),
        new("DequantizeLinear", "uint16", [V(E.UInt16, 0, 40000, 65535), F([], 0.5), V(E.UInt16, [], 32768)]),
        new("DequantizeLinear", "int16 for each place of an axis", [V(E.Int16, [2, 2], -32768, 5, 6, 32767), F(0.5, 2), V(E.Int16, 1, -1)]),
        new("DequantizeLinear", "int32", [V(E.Int32, -1000000, 0, 16777217), F([], 0.5)]),
        new("DequantizeLinear", "float16 scale", [V(E.UInt8, 0, 128, 255), V(E.Float16, [], 0.5), V(E.UInt8, [], 128)]),
        new("DynamicQuantizeLinear", "both signs", [F([2, 3], -1, 2, 0.5, 3, -0.25, 1.3)], Outputs: 3),
        new("DynamicQuantizeLinear", "positive only", [F(1, 2, 5)], Outputs: 3),
        new("DynamicQuantizeLinear", "zeros", [F(0, 0)], Outputs: 3),
        new("DynamicQuantizeLinear", "negative only", [F(-1, -2, -5)], Outputs: 3),
        new("ConvInteger", "padded, zero points", [Counting(E.UInt8, [1, 2, 3, 3]), Counting(E.UInt8, [2, 2, 2, 2]), V(E.UInt8, [], 3), V(E.UInt8, [], 2)], [Of("pads", [1L, 0, 0, 1])]),
        new("ConvInteger", "signed filters, groups", [Counting(E.UInt8, [1, 2, 4]), Counting(E.Int8, [2, 1, 2], 2), V(E.UInt8, [], 3)], [Of("group", 2L), Of("strides", [2L])]),
        new("QLinearConv", "bias", [Counting(E.UInt8, [1, 2, 3, 3]), F([], 0.1), V(E.UInt8, [], 3), Counting(E.UInt8, [2, 2, 2, 2]), F([], 0.2), V(E.UInt8, [], 2), F([], 0.3), V(E.UInt8, [], 5), V(E.Int32, 7, -9)]),
        new("QLinearConv", "scale for each filter", [Counting(E.UInt8, [1, 1, 4]), F([], 0.1), V(E.UInt8, [], 3), Counting(E.Int8, [2, 1, 2], 2), F(0.2, 0.5), V(E.Int8, 0, 0), F([], 0.3), V(E.UInt8, [], 5)], [Of("pads", [1L, 1])]),
        new("QLinearMatMul", "int8", [Counting(E.Int8, [2, 3], 3), F([], 0.1), V(E.Int8, [], 1), Counting(E.Int8, [3, 2], 2), F([], 0.2), V(E.Int8, [], -1), F([], 0.05), V(E.Int8, [], 2)]),
        new("QLinearMatMul", "uint8, each column", [Counting(E.UInt8, [2, 3]), F([], 0.1), V(E.UInt8, [], 1), Counting(E.UInt8, [3, 2]), F(0.2, 0.3), V(E.UInt8, 1, 2), F([], 0.05), V(E.UInt8, [], 2)]),
    ];
}
