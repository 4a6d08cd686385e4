using GraphRewriter.Tests.Gradients;
using static GraphRewriter.Tests.Gradients.SampleInput;
using Attribute = GraphRewriter.Ir.Attribute;
using E = GraphRewriter.Ir.ElementType;

namespace OnnxAuditor.Tests.Execution.Torch.Samples;

/// <summary>Convolutions and pooling with the attributes that the gradient samples do not combine.</summary>
static class WindowSamples
{
    internal static readonly OpSample[] All =
    [
        new("Conv", "volume with asymmetric pads, groups and dilations", [F(1, 2, 4, 5, 6), F(4, 1, 3, 2, 3).Shaped(), F(4)],
            [Ints("pads", 1, 0, 2, 0, 1, 1), Ints("dilations", 1, 2, 1), Attribute.Of("group", 2L)]),
        Transposed("output padding beyond the pads", Ints("strides", 3, 3), Ints("output_padding", 2, 2), Ints("pads", 1, 1, 0, 1)),
        Transposed("output shape, odd padding", Ints("strides", 2, 2), Ints("output_shape", 8, 6)),
        Transposed("output shape, odd padding, SAME_UPPER", Ints("strides", 2, 2), Ints("output_shape", 8, 6), Attribute.Of("auto_pad", "SAME_UPPER")),
        Transposed("output shape, odd padding, SAME_LOWER", Ints("strides", 2, 2), Ints("output_shape", 8, 6), Attribute.Of("auto_pad", "SAME_LOWER")),
        Transposed("output shape beyond what there is", Ints("strides", 2, 2), Ints("output_shape", 10, 10)),
        Transposed("VALID", Ints("strides", 2, 2), Attribute.Of("auto_pad", "VALID")),
        new("DeformConv", "asymmetric pads, dilations and groups", [F(2, 4, 6, 7), F(4, 2, 3, 2).Shaped(), F(2, 24, 3, 7).In(Domain.Between(-2.8, 2.8)), F(4), F(2, 12, 3, 7)],
            [Ints("pads", 0, 1, 1, 2), Ints("dilations", 2, 3), Attribute.Of("group", 2L), Attribute.Of("offset_group", 2L)]),
        new("DeformConv", "whole offsets", [F(1, 2, 5, 5), F(3, 2, 2, 2).Shaped(), F(1, 8, 4, 4).In(Domain.Integers(-2, 2))]),
        new("Col2Im", "volume", [F(1, 16, 8), I(3, 3, 3), I(2, 2, 2)]),

        .. Pools("MaxPool"),
        .. Pools("AveragePool"),
        .. Pools("AveragePool", Attribute.Of("count_include_pad", 1L)),
        .. Pools("LpPool"),
        .. Pools("MaxPool", Attribute.Of("storage_order", 0L)).Select(s => s with { Outputs = 2 }),
        .. Pools("MaxPool", Attribute.Of("storage_order", 1L)).Select(s => s with { Outputs = 2 }),
        new("MaxPool", "ties beside padding", [V([1, 1, 3, 4], 1, 1, 0, 0, 1, 1, 0, 3, 3, 3, 3, 3)], [Ints("kernel_shape", 3, 3), Ints("pads", 1, 1, 1, 1)], Outputs: 2),
        new("MaxPool", "uint8", [new([1, 2, 5, 6], E.UInt8, Domain.Integers(0, 255), HasGradient: false)], [Ints("kernel_shape", 3, 2), Ints("pads", 1, 1, 0, 0)], Outputs: 2),
        new("MaxPool", "int8", [new([1, 2, 5, 6], E.Int8, Domain.Integers(-128, 127), HasGradient: false)], [Ints("kernel_shape", 3, 2), Ints("pads", 1, 1, 0, 0)], Outputs: 2),
        .. new[] { 1L, 2, 3, 4 }.Select(p => new OpSample("LpPool", $"power {p} of negative numbers", [F(1, 2, 6, 6)], [Ints("kernel_shape", 2, 2), Attribute.Of("p", p)], Domain.AwayFromKinks)),
        new("MaxUnpool", "output shape", [F(1, 1, 2, 2), I([1, 1, 2, 2], 5, 7, 13, 20).Fed(), I(1, 1, 5, 5)], [Ints("kernel_shape", 2, 2), Ints("strides", 2, 2)]),
    ];

    static IEnumerable<OpSample> Pools(string op, params Attribute[] settings)
    {
        var tag = string.Concat(settings.Select(s => $", {s.Name} {s.Content}"));
        foreach (var ceil in new[] { 0L, 1 })
        {
            // Windows that start in the padding behind the data: of LpPool ONNX Runtime 1.31.1 counts them when it infers shapes, though not when it runs.
            if (op is not "LpPool" || ceil == 0)
            {
                yield return Pool("sequence", [2, 3, 11], Ints("kernel_shape", 3), Ints("strides", 3), Ints("pads", 1, 1));
                yield return Pool("map", [2, 3, 11, 10], Ints("kernel_shape", 3, 3), Ints("strides", 4, 3), Ints("pads", 1, 1, 1, 2));
            }
            yield return Pool("volume", [1, 2, 6, 5, 4], Ints("kernel_shape", 2, 3, 2), Ints("strides", 2, 2, 1), Ints("pads", 1, 1, 0, 0, 1, 0));
            yield return Pool("dilated map", [1, 2, 11, 10], Ints("kernel_shape", 3, 2), Ints("strides", 2, 3), Ints("pads", 1, 1, 1, 0), Ints("dilations", 2, 3));
            yield return Pool("dilated volume", [1, 2, 6, 7, 6], Ints("kernel_shape", 2, 3, 2), Ints("strides", 2, 2, 1), Ints("dilations", 2, 2, 3));
            foreach (var mode in new[] { "VALID", "SAME_UPPER", "SAME_LOWER" })
                yield return Pool(mode, [1, 2, 7, 8], Ints("kernel_shape", 3, 4), Ints("strides", 2, 3), Attribute.Of("auto_pad", mode));

            OpSample Pool(string name, long[] x, params Attribute[] attributes) =>
                new(op, $"{name}, ceil_mode {ceil}{tag}", [F(x)], [.. attributes, .. settings, Attribute.Of("ceil_mode", ceil)], Domain.Distinct);
        }
    }

    static OpSample Transposed(string name, params Attribute[] attributes) => new("ConvTranspose", name, [F(1, 2, 4, 4), F(2, 3, 3, 3).Shaped(), F(3)], attributes);

    static Attribute Ints(string name, params long[] values) => Attribute.Of(name, values);
}
