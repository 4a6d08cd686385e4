using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>Resampling and decoding of images.</summary>
static class ImageRules
{
    internal static readonly ShapeRule[] All =
    [
        new("Resize", (in x) => x.Out(0, x.TypeOf(0), Resized(x))),
        new("GridSample", GridSample),
        new("AffineGrid", AffineGrid),
        new("ImageDecoder", ImageDecoder),
    ];

    static void ImageDecoder(in InferenceContext x) =>
        x.Out(0, ElementType.UInt8, new Shape(Dim.Unknown, Dim.Unknown, x.Node.String("pixel_format", "RGB") is "Grayscale" ? 1 : 3));

    static Shape? Resized(in InferenceContext x)
    {
        var axes = x.Node.Ints("axes");
        if (x.ShapeOf(0) is not { } shape) return null;
        Dim[] dims = [.. shape];
        var count = axes?.Length ?? shape.Rank;
        Span<int> at = new int[count];
        for (var i = 0; i < count; i++)
        {
            at[i] = x.Axis(axes is null ? i : axes[i], shape.Rank);
            dims[at[i]] = Dim.Unknown;
        }
        // An empty tensor is how older exporters leave scales out.
        if (x.HasInput(2) && x.ShapeOf(2) is { Rank: not 1 }) throw x.Conflict("scales are a vector");
        if (x.HasInput(3) && !x.Contents(3).IsDefaultOrEmpty) BySizes(x, shape, at, dims);
        else if (x.Constant(2) is { Count: > 0 } scales) ByScales(x, shape, at, dims, scales);
        return new Shape(dims);
    }

    static void BySizes(in InferenceContext x, Shape shape, ReadOnlySpan<int> axes, Dim[] dims)
    {
        var sizes = x.Contents(3);
        if (sizes.Length != axes.Length) throw x.Conflict($"{sizes.Length} sizes for {axes.Length} axes");
        var policy = x.Node.String("keep_aspect_ratio_policy", "stretch");
        if (policy is "stretch")
        {
            for (var i = 0; i < axes.Length; i++) dims[axes[i]] = DimArithmetic.AsSize(sizes[i]);
            return;
        }
        // One scale for all axes: the least, that nothing outgrows its size, or the greatest.
        var scale = double.NaN;
        for (var i = 0; i < axes.Length; i++)
        {
            if (!sizes[i].IsKnown || shape[axes[i]].Size <= 0) return;
            var own = (double)sizes[i].Size / shape[axes[i]].Size;
            scale = double.IsNaN(scale) ? own : policy is "not_larger" ? Math.Min(scale, own) : Math.Max(scale, own);
        }
        foreach (var axis in axes) dims[axis] = (long)Math.Floor(scale * shape[axis].Size + 0.5);
    }

    static void ByScales(in InferenceContext x, Shape shape, ReadOnlySpan<int> axes, Dim[] dims, TensorData scales)
    {
        var factors = scales.ToFloats();
        if (factors.Length != axes.Length) throw x.Conflict($"{factors.Length} scales for {axes.Length} axes");
        // A crop scales a part of the axis only.
        var crops = x.Node.String("coordinate_transformation_mode", "half_pixel") is "tf_crop_and_resize";
        for (var i = 0; i < axes.Length; i++)
        {
            var size = shape[axes[i]];
            if (crops) continue;
            // In float32, as the runtimes do it: a scale such as 0.6 is a little more or less than it says.
            dims[axes[i]] = factors[i] == 1 ? size : size.IsKnown ? (long)MathF.Floor(size.Size * factors[i]) : Dim.Unknown;
        }
    }

    static void GridSample(in InferenceContext x)
    {
        var (input, grid) = (x.ShapeOf(0), x.ShapeOf(1));
        if ((input ?? grid) is not { } either)
        {
            x.Out(0, x.TypeOf(0), null);
            return;
        }
        if (either.Rank < 3) throw x.Conflict("there is nothing to sample");
        if (input is not null && grid is not null && (grid.Rank != input.Rank || (grid[-1].IsKnown && grid[-1].Size != input.Rank - 2)))
            throw x.Conflict("the grid does not fit the input's dimensions");
        var dims = new Dim[either.Rank];
        for (var i = 2; i < dims.Length; i++) dims[i] = x.DimOf(1, i - 1);
        dims[0] = x.DimOf(0, 0);
        dims[1] = x.DimOf(0, 1);
        x.Out(0, x.TypeOf(0), new Shape(dims));
    }

    static void AffineGrid(in InferenceContext x)
    {
        // [N, C, H, W] or [N, C, D, H, W]: a coordinate for each place.
        var size = x.Contents(1);
        if (size.IsDefault || size.Length < 3)
        {
            x.Out(0, x.TypeOf(0), null);
            return;
        }
        var dims = new Dim[size.Length];
        dims[0] = x.DimOf(0, 0).IsKnown ? x.DimOf(0, 0) : DimArithmetic.AsSize(size[0]);
        for (var i = 2; i < size.Length; i++) dims[i - 1] = DimArithmetic.AsSize(size[i]);
        dims[^1] = size.Length - 2;
        x.Out(0, x.TypeOf(0), new Shape(dims));
    }
}
