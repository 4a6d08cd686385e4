using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>Convolutions and pooling in any number of spatial dimensions.</summary>
static class ConvolutionRules
{
    internal static readonly ShapeRule[] All =
    [
        new("Conv", (in x) => x.Out(0, x.TypeOf(0), Convolved(x, 1))),
        new("ConvInteger", (in x) => x.Out(0, ElementType.Int32, Convolved(x, 1))),
        new("QLinearConv", (in x) => x.Out(0, x.TypeOf(7), Convolved(x, 3))),
        new("DeformConv", (in x) => x.Out(0, x.TypeOf(0), Convolved(x, 1))),
        new("ConvTranspose", ConvTranspose),
        .. ShapeRule.Each(Pool, "AveragePool", "LpPool", "MaxPool"),
        .. ShapeRule.Each(GlobalPool, "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool"),
        new("MaxUnpool", MaxUnpool),
        new("MaxRoiPool", (in x) => x.Out(0, x.TypeOf(0), RoiShape(x, x.Node.Ints("pooled_shape") is [var h, var w] ? (h, w) : (-1, -1)))),
        new("RoiAlign", (in x) => x.Out(0, x.TypeOf(0), RoiShape(x, (x.Node.Int("output_height", 1), x.Node.Int("output_width", 1))))),
        new("Col2Im", Col2Im),
    ];

    static Shape? Convolved(in InferenceContext x, int weight)
    {
        var (input, w) = (x.ShapeOf(0), x.ShapeOf(weight));
        if (input is null) return w is not { Rank: >= 3 } ? null : Shape.OfRank(w.Rank).With(1, w[0]);
        if (input.Rank < 3 || (w is not null && w.Rank != input.Rank)) throw x.Conflict("the ranks do not belong to a convolution");
        var group = x.Node.Int("group", 1);
        if (w is not null && !DimArithmetic.TryUnify(input[1], DimArithmetic.Multiply(w[1], group), out _))
            throw x.Conflict($"the weight's channels times {group} group(s) are not the input's");
        if (w is not null && w[0].IsKnown && (group <= 0 || w[0].Size % group != 0)) throw x.Conflict($"the output channels do not divide into {group} groups");
        var window = new SlidingWindow(x, input.Rank - 2, w);
        var dims = new Dim[input.Rank];
        dims[0] = input[0];
        dims[1] = w?[0] ?? Dim.Unknown;
        for (var i = 2; i < dims.Length; i++) dims[i] = window.Output(x, i - 2, input[i]);
        return new Shape(dims);
    }

    static void Pool(in InferenceContext x)
    {
        if (x.ShapeOf(0) is not { } input)
        {
            x.Out(0, x.TypeOf(0), null);
            x.Out(1, ElementType.Int64, null);
            return;
        }
        if (input.Rank < 3 || x.Node.Ints("kernel_shape")?.Length != input.Rank - 2) throw x.Conflict("the rank does not fit the kernel");
        var window = new SlidingWindow(x, input.Rank - 2, null);
        Dim[] dims = [.. input];
        for (var i = 2; i < dims.Length; i++) dims[i] = window.Output(x, i - 2, input[i]);
        var shape = new Shape(dims);
        x.Out(0, x.TypeOf(0), shape);
        x.Out(1, ElementType.Int64, shape);
    }

    static void GlobalPool(in InferenceContext x)
    {
        if (x.ShapeOf(0) is not { Rank: >= 2 } input)
        {
            x.Out(0, x.TypeOf(0), null);
            return;
        }
        Dim[] dims = [.. input];
        dims.AsSpan(2).Fill(1);
        x.Out(0, x.TypeOf(0), new Shape(dims));
    }

    static void ConvTranspose(in InferenceContext x)
    {
        var (input, w) = (x.ShapeOf(0), x.ShapeOf(1));
        var channels = w is { Rank: >= 2 } ? DimArithmetic.Multiply(w[1], x.Node.Int("group", 1)) : Dim.Unknown;
        if (input is null)
        {
            x.Out(0, x.TypeOf(0), w is { Rank: >= 2 } ? Shape.OfRank(w.Rank).With(1, channels) : null);
            return;
        }
        if (input.Rank < 3 || (w is not null && w.Rank != input.Rank)) throw x.Conflict("the ranks do not belong to a convolution");
        if (w is not null && !DimArithmetic.TryUnify(input[1], w[0], out _)) throw x.Conflict("the weight's first dimension is not the input's channels");
        var window = new SlidingWindow(x, input.Rank - 2, w);
        var sizes = x.Node.Ints("output_shape");
        // Some exporters give batch and channels as well.
        var skip = sizes is null ? 0 : sizes.Length - (input.Rank - 2);
        if (skip is not 0 and not 2) throw x.Conflict($"output_shape has {sizes!.Length} entries");
        var dims = new Dim[input.Rank];
        dims[0] = input[0];
        dims[1] = channels;
        for (var i = 2; i < dims.Length; i++) dims[i] = sizes is null ? window.Transposed(x, i - 2, input[i]) : sizes[skip + i - 2];
        x.Out(0, x.TypeOf(0), new Shape(dims));
    }

    static void MaxUnpool(in InferenceContext x)
    {
        if (x.HasInput(2))
        {
            var contents = x.Contents(2);
            x.Out(0, x.TypeOf(0), contents.IsDefault ? x.ShapeOf(0) is { } s ? Shape.OfRank(s.Rank) : null : new Shape(contents.Select(DimArithmetic.AsSize)));
            return;
        }
        if (x.ShapeOf(0) is not { Rank: >= 3 } input)
        {
            x.Out(0, x.TypeOf(0), null);
            return;
        }
        var window = new SlidingWindow(x, input.Rank - 2, null);
        Dim[] dims = [.. input];
        for (var i = 2; i < dims.Length; i++) dims[i] = window.Transposed(x, i - 2, input[i]);
        x.Out(0, x.TypeOf(0), new Shape(dims));
    }

    static Shape RoiShape(in InferenceContext x, (long Height, long Width) size) => new(x.DimOf(1, 0), x.DimOf(0, 1), size.Height, size.Width);

    static void Col2Im(in InferenceContext x)
    {
        var input = x.ShapeOf(0);
        var image = x.Contents(1);
        if (image.IsDefault)
        {
            x.Out(0, x.TypeOf(0), null);
            return;
        }
        var dims = new Dim[2 + image.Length];
        dims[0] = x.DimOf(0, 0);
        dims[1] = Dim.Unknown;
        if (input is { Rank: < 2 }) throw x.Conflict("the input has no columns");
        if (input is not null && x.Integers(2) is { } block)
        {
            var size = SmallTensor.Count(block);
            if (size <= 0 || (input[1].IsKnown && input[1].Size % size != 0)) throw x.Conflict($"blocks of {size} elements do not divide the columns");
            dims[1] = DimArithmetic.Divide(input[1], size);
        }
        for (var i = 0; i < image.Length; i++) dims[i + 2] = DimArithmetic.AsSize(image[i]);
        x.Out(0, x.TypeOf(0), new Shape(dims));
    }
}
