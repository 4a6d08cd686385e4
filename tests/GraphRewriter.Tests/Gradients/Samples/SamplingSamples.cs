using static GraphRewriter.Tests.Gradients.SampleInput;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Gradients.Samples;

/// <summary>Samples of operators that read a map at computed places.</summary>
static class SamplingSamples
{
    // Places no two neighbouring elements of a 5 by 6 map are read at exactly, inside and outside of it.
    static readonly double[] Places = [-1.21, -0.87, -0.43, 0.11, 0.37, 0.71, 0.93, 1.27, -0.07, 0.56, 0.82, -0.66, -0.31, 1.07, 0.23, -1.05];

    internal static readonly OpSample[] All =
    [
        new("AffineGrid", "plane", [F(2, 2, 3), I(2, 3, 4, 5)]) { Linear = true },
        new("AffineGrid", "plane, corners aligned", [F(2, 2, 3), I(2, 1, 3, 3)], [Attribute.Of("align_corners", 1L)]) { Linear = true },
        new("AffineGrid", "volume", [F(1, 3, 4), I(1, 1, 2, 3, 2)]) { Linear = true },

        .. Each("linear", "zeros", "border", "reflection"),
        .. Each("nearest", "zeros", "border", "reflection"),
        .. Each("cubic", "zeros", "border", "reflection"),
        Grid("linear, aligned", [2, 2, 5, 6], [2, 2, 2, 2], Text("mode", "linear"), Attribute.Of("align_corners", 1L)),
        Grid("linear, aligned, reflection", [2, 2, 5, 6], [2, 2, 2, 2], Text("mode", "linear"), Text("padding_mode", "reflection"), Attribute.Of("align_corners", 1L)),
        Grid("cubic, aligned", [2, 2, 5, 6], [2, 2, 2, 2], Text("mode", "cubic"), Attribute.Of("align_corners", 1L)),
        Grid("volume", [1, 2, 3, 5, 6], [1, 1, 2, 2, 3], Text("mode", "linear")),

        Align("two samples", [1, 2, 6, 7], 2, Attribute.Of("output_height", 2L), Attribute.Of("output_width", 3L)),
        Align("scaled, output half pixel", [2, 1, 6, 7], 1, Attribute.Of("output_height", 2L), Attribute.Of("output_width", 2L), Attribute.Of("spatial_scale", 0.5f), Text("coordinate_transformation_mode", "output_half_pixel")),
        Align("one bin", [2, 2, 6, 7], 3),

        Bins("two by two", [2, 2, 6, 7], 2, 2),
        Bins("uneven bins", [1, 1, 6, 7], 4, 3),
        Bins("scaled", [2, 1, 6, 7], 2, 3, Attribute.Of("spatial_scale", 0.5f)),

        Deform("plain", [2, 2, 5, 5], [3, 2, 2, 2], [2, 8, 4, 4], null, bias: false),
        Deform("mask, bias, padding and strides", [1, 2, 6, 7], [2, 2, 3, 3], [1, 18, 3, 4], [1, 9, 3, 4], bias: true, Ints("pads", 1, 1, 1, 1), Ints("strides", 2, 2)),
        Deform("groups and offset groups", [1, 4, 5, 5], [4, 2, 2, 2], [1, 16, 3, 4], null, bias: true, Attribute.Of("group", 2L), Attribute.Of("offset_group", 2L), Ints("dilations", 2, 1)),

        new("Col2Im", "plane", [F(1, 8, 12), I(4, 5), I(2, 2)]) { Linear = true },
        new("Col2Im", "padded, with strides", [F(2, 6, 6), I(4, 6), I(2, 3)], [Ints("strides", 2, 2), Ints("pads", 1, 0, 0, 1)]) { Linear = true, StaticOnly = "the number of columns follows from the sizes" },
        new("Col2Im", "sequence", [F(2, 6, 7), I(9), I(3)]) { Linear = true },
        new("Col2Im", "dilated plane", [F(2, 6, 12), I(6, 7), I(2, 3)], [Ints("dilations", 2, 2)]) { Linear = true },
        // Of several channels ONNX Runtime 1.31.1 puts all but the first into the wrong place where a sequence is dilated.
        new("Col2Im", "dilated sequence", [F(1, 3, 5), I(9), I(3)], [Ints("dilations", 2)]) { Linear = true },
    ];

    static IEnumerable<OpSample> Each(string mode, params string[] paddings) => paddings.Select(padding =>
        Grid($"{mode}, {padding}", [2, 2, 5, 6], [2, 2, 2, 2], Text("mode", mode), Text("padding_mode", padding)));

    static OpSample Grid(string name, long[] x, long[] grid, params Attribute[] attributes)
    {
        var count = (int)grid.Aggregate(1L, (a, b) => a * b) * (x.Length - 2);
        var places = V([.. grid[..^1], x.Length - 2], [.. Enumerable.Range(0, (int)(count / grid[^1])).Select(i => Places[i % Places.Length])]);
        return new("GridSample", name, [F(x), places], attributes);
    }

    static OpSample Align(string name, long[] x, long samples, params Attribute[] attributes) =>
        new("RoiAlign", name, [F(x), V([2, 4], 0.4, 0.7, 4.1, 3.3, 1.2, 1.1, 5.7, 6.2), I(0, x[0] - 1)], [Attribute.Of("sampling_ratio", samples), .. attributes]);

    static OpSample Bins(string name, long[] x, long rows, long columns, params Attribute[] attributes) =>
        new("MaxRoiPool", name, [F(x), V([2, 5], 0, 0, 1, 4, 5, x[0] - 1, 2, 0, 6, 3).NoGradient()], [Ints("pooled_shape", rows, columns), .. attributes], Domain.Distinct);

    static OpSample Deform(string name, long[] x, long[] w, long[] offset, long[]? mask, bool bias, params Attribute[] attributes) =>
        new("DeformConv", name, [F(x), F(w).Shaped(), F(offset).In(Domain.Between(0.2, 0.8)), bias ? F(w[0]) : null, mask is null ? null : F(mask)], attributes);

    static Attribute Ints(string name, params long[] values) => Attribute.Of(name, values);

    static Attribute Text(string name, string value) => Attribute.Of(name, value);
}
