using static GraphRewriter.Tests.Gradients.SampleInput;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Gradients.Samples;

/// <summary>Samples of convolutions.</summary>
static class ConvolutionSamples
{
    internal static readonly OpSample[] All =
    [
        Conv("plain", [2, 3, 5, 6], [4, 3, 3, 3], bias: true),
        Conv("padded", [2, 3, 5, 6], [4, 3, 3, 3], bias: true, Ints("pads", 1, 1, 1, 1)),
        Conv("many channels", [2, 9, 4, 5], [4, 9, 3, 3], bias: false, Ints("pads", 1, 1, 1, 1)),
        Conv("asymmetric pads", [1, 2, 5, 6], [3, 2, 3, 2], bias: true, Ints("pads", 0, 1, 2, 0)),
        Conv("odd strides", [2, 2, 8, 9], [3, 2, 3, 3], bias: true, Ints("strides", 2, 3)),
        Conv("strides and pads", [2, 9, 7, 8], [3, 9, 3, 3], bias: true, Ints("strides", 2, 2), Ints("pads", 1, 1, 1, 1)),
        Conv("stride beyond the kernel", [1, 2, 9, 9], [3, 2, 2, 2], bias: false, Ints("strides", 3, 4)),
        Conv("dilated", [1, 2, 8, 9], [3, 2, 3, 2], bias: true, Ints("dilations", 2, 3), Ints("pads", 2, 1, 2, 1)),
        Conv("dilated and strided", [1, 2, 9, 11], [3, 2, 3, 2], bias: true, Ints("dilations", 2, 3), Ints("strides", 2, 2), Ints("pads", 1, 1, 0, 2)),
        Conv("padding beyond the kernel", [1, 2, 4, 4], [2, 2, 2, 2], bias: false, Ints("pads", 2, 1, 2, 3)),
        Conv("pointwise", [2, 3, 4, 4], [5, 3, 1, 1], bias: true),
        Conv("pointwise over many positions", [2, 3, 12, 12], [2, 3, 1, 1], bias: false),
        Conv("pointwise with stride", [2, 3, 5, 5], [4, 3, 1, 1], bias: false, Ints("strides", 2, 2)),
        Conv("pointwise with groups", [2, 4, 3, 3], [6, 2, 1, 1], bias: false, Attribute.Of("group", 2L)),
        Conv("groups", [2, 4, 5, 5], [6, 2, 3, 3], bias: true, Attribute.Of("group", 2L), Ints("pads", 1, 1, 1, 1)),
        Conv("groups with stride", [2, 4, 6, 6], [6, 2, 3, 3], bias: true, Attribute.Of("group", 2L), Ints("pads", 1, 1, 1, 1), Ints("strides", 2, 2)),
        Conv("depthwise", [2, 3, 5, 5], [3, 1, 3, 3], bias: true, Attribute.Of("group", 3L), Ints("pads", 1, 1, 1, 1)),
        Conv("depthwise with stride", [2, 3, 6, 7], [3, 1, 3, 3], bias: true, Attribute.Of("group", 3L), Ints("pads", 1, 1, 1, 1), Ints("strides", 2, 2)),
        Conv("depthwise with multiplier", [2, 3, 5, 5], [6, 1, 3, 3], bias: false, Attribute.Of("group", 3L), Ints("pads", 1, 1, 1, 1)),
        Conv("depthwise with multiplier and stride", [2, 2, 6, 6], [6, 1, 3, 3], bias: false, Attribute.Of("group", 2L), Ints("strides", 2, 2)),
        Conv("depthwise by rows", [2, 2, 8, 9], [2, 1, 3, 3], bias: false, Attribute.Of("group", 2L), Ints("pads", 1, 0, 2, 1)),
        Conv("depthwise by rows, strided and dilated", [2, 2, 12, 11], [2, 1, 3, 2], bias: false, Attribute.Of("group", 2L), Ints("pads", 1, 2, 1, 1), Ints("strides", 2, 1), Ints("dilations", 1, 2)),
        Conv("depthwise by rows with multiplier", [2, 2, 9, 8], [6, 1, 3, 3], bias: true, Attribute.Of("group", 2L), Ints("pads", 1, 1, 1, 1)),
        Conv("depthwise volume", [1, 2, 5, 5, 4], [2, 1, 2, 2, 2], bias: false, Attribute.Of("group", 2L), Ints("pads", 0, 1, 0, 0, 0, 1), Ints("strides", 1, 2, 1)),
        Conv("depthwise sequence", [2, 3, 9], [3, 1, 3], bias: false, Attribute.Of("group", 3L), Ints("strides", 2), Ints("pads", 1, 1)),
        Conv("depthwise, long rows", [1, 2, 60], [4, 1, 3], bias: false, Attribute.Of("group", 2L), Ints("pads", 1, 0)),
        Conv("depthwise kernel of many elements, long rows", [1, 2, 1700], [2, 1, 130], bias: false, Attribute.Of("group", 2L), Ints("strides", 9)),
        Conv("SAME_UPPER", [1, 2, 5, 6], [3, 2, 2, 3], bias: true, Attribute.Of("auto_pad", "SAME_UPPER")),
        Conv("SAME_LOWER with stride", [1, 2, 7, 6], [3, 2, 4, 3], bias: true, Attribute.Of("auto_pad", "SAME_LOWER"), Ints("strides", 2, 2)),
        Conv("SAME_UPPER with stride", [1, 2, 7, 6], [3, 2, 4, 3], bias: true, Attribute.Of("auto_pad", "SAME_UPPER"), Ints("strides", 2, 2)),
        Conv("VALID", [1, 2, 5, 6], [3, 2, 2, 3], bias: false, Attribute.Of("auto_pad", "VALID")),
        Conv("kernel as large as the map", [2, 3, 4, 4], [4, 3, 4, 4], bias: true),
        Conv("kernel nearly as large as the map, groups", [2, 4, 4, 5], [4, 2, 3, 4], bias: true, Attribute.Of("group", 2L)),
        Conv("kernel of many elements", [2, 2, 14, 14], [2, 2, 9, 9], bias: false, Ints("pads", 4, 4, 4, 4)),
        Conv("kernel of many elements with stride and groups", [1, 4, 15, 16], [4, 2, 9, 8], bias: false, Ints("pads", 4, 4, 4, 4), Ints("strides", 2, 2), Attribute.Of("group", 2L)),
        Conv("sequence", [2, 3, 9], [4, 3, 3], bias: true, Ints("strides", 2), Ints("pads", 1, 1)),
        Conv("long sequence", [1, 1, 80], [3, 1, 70], bias: false, Ints("strides", 3), Ints("pads", 30, 30)),
        Conv("volume", [1, 2, 4, 5, 4], [3, 2, 2, 3, 2], bias: true, Ints("strides", 1, 2, 1), Ints("pads", 1, 0, 0, 0, 1, 1)),
        Conv("one sample, one channel", [1, 1, 3, 3], [1, 1, 2, 2], bias: false),

        Transposed("plain", [2, 3, 4, 4], [3, 2, 3, 3], bias: true),
        Transposed("strided", [2, 3, 4, 5], [3, 2, 3, 3], bias: true, Ints("strides", 2, 2)),
        Transposed("upsampling by two", [2, 3, 4, 4], [3, 2, 2, 2], bias: true, Ints("strides", 2, 2)),
        Transposed("padded", [2, 3, 4, 4], [3, 2, 3, 3], bias: true, Ints("strides", 2, 2), Ints("pads", 1, 1, 1, 1)),
        Transposed("output padding", [2, 3, 4, 4], [3, 2, 3, 3], bias: true, Ints("strides", 2, 3), Ints("pads", 1, 1, 1, 1), Ints("output_padding", 1, 2)),
        Transposed("asymmetric pads", [1, 2, 4, 5], [2, 3, 4, 3], bias: false, Ints("strides", 2, 2), Ints("pads", 0, 1, 2, 0)),
        Transposed("dilated", [1, 2, 4, 4], [2, 3, 3, 2], bias: false, Ints("dilations", 2, 3)),
        Transposed("groups", [2, 4, 3, 4], [4, 3, 3, 3], bias: true, Attribute.Of("group", 2L), Ints("strides", 2, 2)),
        Transposed("depthwise", [2, 3, 4, 4], [3, 1, 3, 3], bias: true, Attribute.Of("group", 3L), Ints("strides", 2, 2)),
        Transposed("depthwise by rows", [2, 3, 7, 6], [3, 1, 3, 3], bias: true, Attribute.Of("group", 3L), Ints("strides", 2, 1), Ints("pads", 1, 1, 0, 1)),
        Transposed("output shape", [1, 2, 4, 4], [2, 3, 3, 3], bias: false, Ints("strides", 2, 2), Ints("output_shape", 8, 9)),
        Transposed("output shape, SAME_UPPER", [1, 2, 4, 4], [2, 3, 3, 3], bias: false, Ints("strides", 2, 2), Ints("output_shape", 8, 8), Attribute.Of("auto_pad", "SAME_UPPER")),
        Transposed("SAME_UPPER", [1, 2, 4, 4], [2, 3, 3, 3], bias: false, Ints("strides", 2, 2), Attribute.Of("auto_pad", "SAME_UPPER")),
        Transposed("SAME_LOWER", [1, 2, 4, 4], [2, 3, 3, 3], bias: false, Ints("strides", 2, 2), Attribute.Of("auto_pad", "SAME_LOWER")),
        Transposed("sequence", [2, 3, 5], [3, 2, 4], bias: true, Ints("strides", 3)),
        Transposed("volume", [1, 2, 3, 2, 3], [2, 2, 2, 2, 2], bias: true, Ints("strides", 2, 1, 2)),
        Transposed("pointwise", [2, 3, 4, 4], [3, 2, 1, 1], bias: true),
    ];

    static OpSample Conv(string name, long[] x, long[] w, bool bias, params Attribute[] attributes) =>
        new("Conv", name, bias ? [F(x), F(w).Shaped(), F(w[0])] : [F(x), F(w).Shaped()], attributes) { Linear = true };

    static OpSample Transposed(string name, long[] x, long[] w, bool bias, params Attribute[] attributes)
    {
        var group = attributes.FirstOrDefault(a => a.Name is "group")?.Content is long g ? g : 1;
        return new("ConvTranspose", name, bias ? [F(x), F(w).Shaped(), F(w[1] * group)] : [F(x), F(w).Shaped()], attributes) { Linear = true };
    }

    static Attribute Ints(string name, params long[] values) => Attribute.Of(name, values);
}
