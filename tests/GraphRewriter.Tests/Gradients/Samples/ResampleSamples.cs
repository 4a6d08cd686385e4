using GraphRewriter.Ir;
using static GraphRewriter.Tests.Gradients.SampleInput;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Gradients.Samples;

/// <summary>Samples of resampling.</summary>
static class ResampleSamples
{
    static readonly string[] Transformations = ["half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "asymmetric", "align_corners"];

    internal static readonly OpSample[] All =
    [
        Scaled("nearest, twice", [2, 2, 3, 4], [1, 1, 2, 2], "nearest", Text("coordinate_transformation_mode", "asymmetric"), Text("nearest_mode", "floor")),
        Scaled("nearest, three times, half pixel", [1, 2, 3, 2], [1, 1, 3, 2], "nearest"),
        Scaled("nearest, uneven", [1, 2, 4, 5], [1, 1, 1.7f, 0.6f], "nearest"),
        .. Each("nearest_mode", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]).Select(a => Scaled($"nearest, {Value(a)}", [1, 2, 4, 5], [1, 1, 1.6f, 2.2f], "nearest", a)),
        .. Each("coordinate_transformation_mode", Transformations).Select(a => Scaled($"nearest, {Value(a)}", [1, 2, 4, 5], [1, 1, 1.6f, 0.7f], "nearest", a)),
        .. Each("coordinate_transformation_mode", Transformations).Select(a => Scaled($"linear, {Value(a)}", [1, 2, 4, 5], [1, 1, 1.6f, 0.7f], "linear", a)),
        .. Each("coordinate_transformation_mode", Transformations).Select(a => Scaled($"cubic, {Value(a)}", [1, 2, 4, 5], [1, 1, 1.6f, 0.7f], "cubic", a)),
        .. Each("mode", ["nearest", "linear", "cubic"]).Select(a => Sized($"{Value(a)}, sizes", [2, 2, 3, 4], [2, 2, 5, 7], a)),
        Sized("linear, one position", [1, 2, 3, 4], [1, 2, 1, 1], Text("mode", "linear"), Text("coordinate_transformation_mode", "pytorch_half_pixel")),
        Sized("linear, sequence", [2, 2, 5], [2, 2, 8], Text("mode", "linear")),
        Sized("linear, volume", [1, 2, 2, 3, 2], [1, 2, 4, 4, 3], Text("mode", "linear")),
        Sized("linear, axes", [2, 2, 3, 4], [5, 6], Text("mode", "linear"), Attribute.Of("axes", [2L, -1L])),
        Sized("antialiased linear", [1, 2, 7, 8], [1, 2, 3, 4], Text("mode", "linear"), Attribute.Of("antialias", 1L)),
        Sized("antialiased cubic", [1, 1, 8, 7], [1, 1, 3, 4], Text("mode", "cubic"), Attribute.Of("antialias", 1L)),
        Scaled("cubic, outside excluded", [1, 2, 4, 5], [1, 1, 2, 1.5f], "cubic", Attribute.Of("exclude_outside", 1L), Attribute.Of("cubic_coeff_a", -0.5f)),
        Sized("sizes fed", [1, 2, 3, 4], [1, 2, 5, 3], Text("mode", "linear")) is var s ? s with { Inputs = [s.Inputs[0], null, null, s.Inputs[3]!.Fed().Shaped()] } : s,
        Cropped("linear", [1, 2, 4, 5], [0, 0, 0.2, 0.1, 1, 1, 0.8, 0.9], "linear"),
        Cropped("nearest", [1, 2, 4, 5], [0, 0, 0.2, 0.1, 1, 1, 0.8, 0.9], "nearest"),
        Cropped("linear, region beyond the map", [1, 2, 4, 5], [0, 0, -0.3, 0.1, 1, 1, 0.8, 1.4], "linear"),
    ];

    static OpSample Scaled(string name, long[] x, float[] scales, string mode, params Attribute[] attributes) =>
        new("Resize", name, [F(x), null, Scales(scales)], [Text("mode", mode), .. attributes]) { Linear = true };

    static OpSample Sized(string name, long[] x, long[] sizes, params Attribute[] attributes) =>
        new("Resize", name, [F(x), null, null, I(sizes)], attributes) { Linear = true };

    static OpSample Cropped(string name, long[] x, double[] region, string mode) =>
        new("Resize", $"cropped, {name}", [F(x), Scales([.. region.Select(r => (float)r)]), null, I(1, 2, 5, 6)],
            [Text("mode", mode), Text("coordinate_transformation_mode", "tf_crop_and_resize")])
        { Linear = true };

    static SampleInput Scales(float[] scales) => new([scales.Length], ElementType.Float32, Values: [.. scales.Select(s => (double)s)], IsConstant: true, HasGradient: false);

    static IEnumerable<Attribute> Each(string name, string[] values) => values.Select(v => Text(name, v));

    static Attribute Text(string name, string value) => Attribute.Of(name, value);

    static string Value(Attribute a) => System.Text.Encoding.UTF8.GetString((byte[])a.Content!);
}
