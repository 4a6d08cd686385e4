using GraphRewriter.Tests.Gradients;
using static GraphRewriter.Tests.Gradients.SampleInput;
using Attribute = GraphRewriter.Ir.Attribute;

namespace OnnxAuditor.Tests.Execution.Torch.Samples;

/// <summary>Reading maps at computed places, in every mode.</summary>
static class PlaceSamples
{
    static readonly double[] Places = [-1.21, -0.87, -0.43, 0.11, 0.37, 0.71, 0.93, 1.27, -0.07, 0.56, 0.82, -0.66, -0.31, 1.07, 0.23, -2.05, 3.3, -4.1];

    internal static readonly OpSample[] All =
    [
        .. Grids("linear"),
        .. Grids("nearest"),
        .. Grids("cubic"),
        new("AffineGrid", "thin volume", [F(2, 3, 4), I(2, 1, 3, 1, 2)]),
        .. new[] { "avg", "max" }.SelectMany(mode => new[] { "half_pixel", "output_half_pixel" }, (mode, transformation) => (mode, transformation))
            .SelectMany(c => new[] { 0L, 1, 3 }, (c, samples) => Align(c.mode, c.transformation, samples)),
        new("RoiAlign", "no regions", [F(1, 2, 4, 4), V([0, 4]).NoGradient(), I()], [Attribute.Of("output_height", 2L), Attribute.Of("sampling_ratio", 1L)]),
        new("MaxRoiPool", "no regions", [F(1, 2, 4, 4), V([0, 5]).NoGradient()], [Attribute.Of("pooled_shape", [2L, 2])], Domain.Distinct),
        new("MaxRoiPool", "beyond the map", [F(2, 2, 6, 7), V([4, 5], 0, -3, -2, 4, 5, 1, 2, 0, 12, 13, 0, 9, 9, 12, 12, 1, -9, -9, -4, -4).NoGradient()],
            [Attribute.Of("pooled_shape", [3L, 2])], Domain.Distinct),
        new("MaxRoiPool", "halves", [F(1, 2, 6, 7), V([2, 5], 0, 1, 1, 5, 4, 0, 3, 1, 5, 5).NoGradient()],
            [Attribute.Of("pooled_shape", [2L, 2]), Attribute.Of("spatial_scale", 0.5f)], Domain.Distinct),
    ];

    static IEnumerable<OpSample> Grids(string mode)
    {
        foreach (var padding in new[] { "zeros", "border", "reflection" })
            foreach (var align in new[] { 0L, 1 })
            {
                Attribute[] attributes = [Text("mode", mode), Text("padding_mode", padding), Attribute.Of("align_corners", align)];
                yield return new("GridSample", $"{mode}, {padding}, align_corners {align}", [F(1, 2, 5, 6), V([1, 3, 3, 2], Places)], attributes);
                yield return new("GridSample", $"thin map, {mode}, {padding}, align_corners {align}", [F(1, 2, 1, 6), V([1, 3, 3, 2], Places)], attributes);
                if (mode is not "cubic") yield return new("GridSample", $"volume, {mode}, {padding}, align_corners {align}", [F(1, 2, 3, 5, 6), V([1, 1, 2, 3, 3], Places)], attributes);
            }
    }

    /// <summary>Regions inside, partly and wholly outside of the map, and one smaller than an element. Our rule knows the mean of a given number of samples only.</summary>
    static OpSample Align(string mode, string transformation, long samples)
    {
        var x = F(2, 3, 8, 9);
        return new("RoiAlign", $"{mode}, {transformation}, {samples} samples",
            [
                mode is "avg" && samples > 0 ? x : x.NoGradient(),
                V([5, 4], 0.4, 0.7, 4.1, 3.3, 1.2, 1.1, 5.7, 7.2, -3, -2, 3, 4, 6, 5, 14, 11, 2, 2, 2.3, 2.4).NoGradient(),
                I(0, 1, 1, 0, 0),
            ],
            [
                Text("mode", mode), Text("coordinate_transformation_mode", transformation), Attribute.Of("sampling_ratio", samples),
                Attribute.Of("output_height", 3L), Attribute.Of("output_width", 2L), Attribute.Of("spatial_scale", 0.7f),
            ]);
    }

    static Attribute Text(string name, string value) => Attribute.Of(name, value);
}
