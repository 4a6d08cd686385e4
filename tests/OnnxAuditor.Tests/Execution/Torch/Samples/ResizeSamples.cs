using GraphRewriter.Tests.Gradients;
using static GraphRewriter.Tests.Gradients.SampleInput;
using Attribute = GraphRewriter.Ir.Attribute;
using E = GraphRewriter.Ir.ElementType;

namespace OnnxAuditor.Tests.Execution.Torch.Samples;

/// <summary>Resampling in every combination of mode and coordinate transformation.</summary>
static class ResizeSamples
{
    static readonly string[] Transformations = ["half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "asymmetric", "align_corners"];

    internal static readonly OpSample[] All =
    [
        .. Transformations.SelectMany(Nearest),
        .. Transformations.SelectMany(t => Smooth("linear", t).Concat(Smooth("cubic", t))),
        .. Cropped("nearest"),
        .. Cropped("linear"),
        .. Cropped("cubic"),
        .. new[] { "nearest", "linear", "cubic" }.SelectMany(mode => new[] { "not_larger", "not_smaller" }, (mode, policy) =>
            new OpSample("Resize", $"{mode}, {policy}", [F(1, 2, 4, 6).NoGradient(), null, null, I(7, 8)],
                [Text("mode", mode), Text("keep_aspect_ratio_policy", policy), Attribute.Of("axes", [2L, 3])])),
        new("Resize", "uint8, nearest", [Bytes(), null, Vector(1, 1, 2, 2)], [Text("mode", "nearest")]),
        new("Resize", "uint8, linear", [Bytes(), null, Vector(1, 1, 1.7, 2)], [Text("mode", "linear")]),
        new("Resize", "two axes, cubic", [F(5, 4), null, Vector(2.5, 1.5)], [Text("mode", "cubic")]),
        new("Resize", "volume, nearest", [F(1, 2, 3, 4, 3), null, Vector(1, 1, 2, 2, 1.5)], [Text("mode", "nearest")]),
        new("Resize", "channels last, linear", [F(1, 4, 5, 3), null, Vector(1, 2, 1.5, 1)], [Text("mode", "linear")]),
        new("Resize", "axes in another order", [F(1, 2, 5, 6), null, null, I(4, 7)], [Text("mode", "linear"), Attribute.Of("axes", [3L, 2])]),
        new("Resize", "scale whose float32 is a little less", [F(1, 1, 10, 20), null, Vector(1, 1, 0.7, 0.7)], [Text("mode", "linear")]),
    ];

    static IEnumerable<OpSample> Nearest(string transformation)
    {
        foreach (var rounding in new[] { "round_prefer_floor", "round_prefer_ceil", "floor", "ceil" })
        {
            Attribute[] attributes = [Text("mode", "nearest"), Text("coordinate_transformation_mode", transformation), Text("nearest_mode", rounding)];
            yield return new("Resize", $"nearest, {transformation}, {rounding}, whole scales", [F(1, 2, 4, 5), null, Vector(1, 1, 2, 3)], attributes);
            yield return new("Resize", $"nearest, {transformation}, {rounding}, odd scales", [F(1, 2, 7, 9), null, Vector(1, 1, 0.6, 1.3)], attributes);
            yield return new("Resize", $"nearest, {transformation}, {rounding}, sizes", [F(1, 2, 7, 9), null, null, I(1, 2, 5, 12)], attributes);
        }
    }

    static IEnumerable<OpSample> Smooth(string mode, string transformation)
    {
        Attribute[] attributes = [Text("mode", mode), Text("coordinate_transformation_mode", transformation)];
        Attribute antialias = Attribute.Of("antialias", 1L), exclude = Attribute.Of("exclude_outside", 1L);
        yield return Scaled("up", [1, 1, 2.3, 3]);
        yield return Scaled("down", [1, 1, 0.6, 0.35]);
        yield return Scaled("antialiased", [1, 1, 0.6, 0.35], antialias);
        yield return Scaled("antialiased, one axis longer", [1, 1, 0.6, 1.35], antialias);
        yield return Scaled("antialiased, outside excluded", [1, 1, 0.6, 0.35], antialias, exclude);
        if (mode is "cubic") yield return Scaled("outside excluded", [1, 1, 0.6, 1.35], exclude, Attribute.Of("cubic_coeff_a", -0.5f));
        yield return new("Resize", $"{mode}, {transformation}, to one element", [F(2, 2, 7, 9), null, null, I(2, 2, 1, 1)], attributes);

        OpSample Scaled(string name, double[] scales, params Attribute[] more) =>
            new("Resize", $"{mode}, {transformation}, {name}", [F(2, 2, 7, 9), null, Vector(scales)], [.. attributes, .. more]);
    }

    static IEnumerable<OpSample> Cropped(string mode)
    {
        Attribute[] attributes = [Text("mode", mode), Text("coordinate_transformation_mode", "tf_crop_and_resize"), Attribute.Of("extrapolation_value", 10f)];
        yield return new("Resize", $"cropped, {mode}, beyond the map", [F(1, 2, 5, 6), Vector(0, 0, 0.1, -0.2, 1, 1, 1.2, 0.7), null, I(1, 2, 4, 5)], attributes);
        yield return new("Resize", $"cropped, {mode}, to one element", [F(1, 2, 5, 6), Vector(0, 0, 0.1, 0.2, 1, 1, 0.9, 0.7), null, I(1, 2, 1, 5)], attributes);
        yield return new("Resize", $"cropped, {mode}, axes", [F(1, 2, 5, 6), Vector(0.1, 0.2, 0.9, 0.7), null, I(5, 4)], [.. attributes, Attribute.Of("axes", [3L, 2])]);
    }

    static SampleInput Vector(params double[] values) => new([values.Length], E.Float32, Values: values, IsConstant: true, HasGradient: false);

    static SampleInput Bytes() => new([1, 1, 4, 4], E.UInt8, Domain.Integers(0, 100), HasGradient: false);

    static Attribute Text(string name, string value) => Attribute.Of(name, value);
}
