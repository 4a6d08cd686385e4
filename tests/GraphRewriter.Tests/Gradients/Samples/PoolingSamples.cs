using static GraphRewriter.Tests.Gradients.SampleInput;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Gradients.Samples;

/// <summary>Samples of pooling.</summary>
static class PoolingSamples
{
    internal static readonly OpSample[] All =
    [
        Max("plain", [2, 2, 4, 6], [2, 2], Ints("strides", 2, 2)),
        Max("overlapping, padded", [2, 2, 5, 6], [3, 3], Ints("strides", 2, 2), Ints("pads", 1, 1, 1, 1)),
        Max("asymmetric pads, odd strides", [1, 2, 6, 7], [3, 2], Ints("strides", 2, 3), Ints("pads", 1, 0, 0, 1)),
        Max("dilated", [1, 2, 7, 7], [2, 3], Ints("dilations", 2, 2)),
        Max("ceil", [1, 2, 6, 5], [2, 2], Ints("strides", 2, 2), Attribute.Of("ceil_mode", 1L)),
        Max("ceil, no window in the padding", [1, 2, 5, 5], [2, 2], Ints("strides", 3, 3), Ints("pads", 0, 0, 1, 1), Attribute.Of("ceil_mode", 1L)),
        Max("SAME_UPPER", [1, 2, 5, 6], [2, 3], Ints("strides", 2, 2), Attribute.Of("auto_pad", "SAME_UPPER")),
        Max("sequence", [2, 3, 8], [3], Ints("strides", 2)),
        Max("volume", [1, 2, 4, 4, 4], [2, 2, 2], Ints("strides", 2, 1, 2)),
        Max("indices in column-major order", [1, 2, 4, 6], [2, 2], Attribute.Of("storage_order", 1L)) with { Outputs = 2 },
        Max("indices given", [2, 2, 4, 6], [2, 2], Ints("strides", 2, 2)) with { Outputs = 2 },
        new("MaxPool", "ties go to the first", [V([1, 1, 2, 4], 1, 1, 0, 0, 1, 1, 0, 3)], [Ints("kernel_shape", 2, 2), Ints("strides", 2, 2)]) { Expected = [[1, 0, 0, 0, 0, 0, 0, 1]] },

        Average("plain", [2, 2, 4, 6], [2, 2], Ints("strides", 2, 2)),
        Average("overlapping, padding left out", [2, 2, 5, 6], [3, 3], Ints("strides", 2, 2), Ints("pads", 1, 1, 1, 1)),
        Average("padding counted", [2, 2, 5, 6], [3, 3], Ints("strides", 2, 2), Ints("pads", 1, 1, 1, 1), Attribute.Of("count_include_pad", 1L)),
        Average("asymmetric pads", [1, 2, 5, 6], [3, 2], Ints("pads", 2, 0, 0, 1)),
        Average("dense, padding counted", [1, 2, 5, 5], [3, 3], Ints("pads", 1, 1, 1, 1), Attribute.Of("count_include_pad", 1L)),
        Average("ceil", [1, 2, 6, 5], [2, 2], Ints("strides", 2, 2), Attribute.Of("ceil_mode", 1L)),
        Average("ceil, no window in the padding", [1, 2, 5, 5], [2, 2], Ints("strides", 3, 3), Ints("pads", 0, 0, 1, 1), Attribute.Of("ceil_mode", 1L)),
        Average("ceil, padding counted", [1, 2, 6, 7], [3, 3], Ints("strides", 2, 2), Ints("pads", 1, 1, 1, 1), Attribute.Of("ceil_mode", 1L), Attribute.Of("count_include_pad", 1L)),
        Average("ceil beyond the padding, counted", [1, 1, 8, 8], [3, 3], Ints("strides", 4, 4), Ints("pads", 1, 1, 1, 1), Attribute.Of("ceil_mode", 1L), Attribute.Of("count_include_pad", 1L)),
        Average("dilated", [1, 2, 7, 7], [2, 3], Ints("dilations", 2, 2), Ints("pads", 1, 1, 1, 1)),
        Average("SAME_LOWER", [1, 2, 5, 6], [2, 3], Ints("strides", 2, 2), Attribute.Of("auto_pad", "SAME_LOWER")),
        Average("whole map", [2, 3, 4, 5], [4, 5]),
        Average("sequence", [2, 3, 8], [3], Ints("strides", 2)),
        Average("volume", [1, 2, 4, 4, 4], [2, 2, 2], Ints("strides", 2, 1, 2)),

        Norm("square root of squares", [2, 2, 5, 6], [3, 2], Ints("strides", 2, 2)),
        Norm("sum of magnitudes", [1, 2, 5, 5], [2, 2], Attribute.Of("p", 1L)),
        Norm("third power, padded", [1, 2, 5, 5], [3, 3], Attribute.Of("p", 3L), Ints("pads", 1, 1, 1, 1), Ints("strides", 2, 2)),
        Norm("dilated sequence", [2, 2, 9], [3], Ints("dilations", 2)),
        new("LpPool", "window of zeros", [V([1, 1, 1, 4], 0, 0, 3, 4)], [Ints("kernel_shape", 1, 2), Ints("strides", 1, 2)]) { Expected = [[0, 0, 0.6, 0.8]] },

        new("GlobalAveragePool", "map", [F(2, 3, 4, 5)]) { Linear = true },
        new("GlobalAveragePool", "sequence", [F(2, 3, 4)]) { Linear = true },
        new("GlobalAveragePool", "single position", [F(2, 3, 1, 1)]) { Linear = true },
        new("GlobalMaxPool", "map", [F(2, 3, 4, 5)], Domain: Domain.Distinct),
        new("GlobalMaxPool", "volume", [F(2, 2, 2, 3, 2)], Domain: Domain.Distinct),
        new("GlobalMaxPool", "ties go to the first", [V([1, 2, 2, 2], 1, 3, 3, 0, 2, 2, 2, 2)]) { Expected = [[0, 1, 0, 0, 1, 0, 0, 0]] },
        new("GlobalLpPool", "square root of squares", [F(2, 3, 4, 5)]),
        new("GlobalLpPool", "sum of magnitudes", [F(2, 3, 4)], [Attribute.Of("p", 1L)], Domain.AwayFromKinks),
        new("GlobalLpPool", "third power", [F(2, 2, 3, 3)], [Attribute.Of("p", 3L)], Domain.AwayFromKinks),

        Unpool("of two by two", [1, 1, 2, 2], [5, 7, 13, 10]),
        Unpool("two samples and channels", [2, 2, 1, 2], [0, 3, 9, 14, 17, 20, 31, 26]),
        Unpool("of one element", [1, 1, 1, 1], [3]),
    ];

    static OpSample Max(string name, long[] x, long[] kernel, params Attribute[] attributes) => new("MaxPool", name, [F(x)], [Ints("kernel_shape", kernel), .. attributes], Domain.Distinct);

    static OpSample Average(string name, long[] x, long[] kernel, params Attribute[] attributes) => new("AveragePool", name, [F(x)], [Ints("kernel_shape", kernel), .. attributes]) { Linear = true };

    static OpSample Norm(string name, long[] x, long[] kernel, params Attribute[] attributes) => new("LpPool", name, [F(x)], [Ints("kernel_shape", kernel), .. attributes], Domain.AwayFromKinks);

    static OpSample Unpool(string name, long[] x, long[] indices) =>
        new("MaxUnpool", name, [F(x), I(x, indices).Fed()], [Ints("kernel_shape", 2, 2), Ints("strides", 2, 2)]) { Linear = true };

    static Attribute Ints(string name, params long[] values) => Attribute.Of(name, values);
}
