using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Gradients;

/// <summary>Gradients of convolutions in any number of spatial dimensions. The weights' gradients are in <see cref="ConvolutionWeights"/>.</summary>
static class ConvolutionRules
{
    /// <summary>The rules.</summary>
    internal static readonly GradientRule[] All =
    [
        new("Conv",          1, "dX = W ⋆ᵀ dY (transposed convolution), dW[k] = Σ dY · X shifted by kᵀ, dB = Σ dY",     Conv),
        new("ConvTranspose", 1, "dX = W ⋆ dY (convolution), dW[k] = Σ X · dY shifted by kᵀ, dB = Σ dY", ConvTranspose),
    ];

    static Value?[] Conv(Tape t, Node n, Value dy)
    {
        var (x, w) = (n.Inputs[0]!, n.Inputs[1]!);
        var window = Window.OfConv(t, n);
        var result = new Value?[n.Inputs.Count];
        result[0] = t.ShapedLike(Scattered(t, x, w, dy, window, n.Int("group", 1)), x);
        result[1] = ConvolutionWeights.Gradient(t, x, dy, w, window, n.Int("group", 1));
        if (n.Input(2) is not null) result[2] = BiasGradient(t, dy, window);
        return result;
    }

    static Value?[] ConvTranspose(Tape t, Node n, Value dy)
    {
        var (x, w) = (n.Inputs[0]!, n.Inputs[1]!);
        var window = Window.OfConvTranspose(t, n);
        var result = new Value?[n.Inputs.Count];
        result[0] = t.ShapedLike(Gathered(t, x, w, dy, window, n.Int("group", 1)), x);
        result[1] = ConvolutionWeights.Gradient(t, dy, x, w, window, n.Int("group", 1));
        if (n.Input(2) is not null) result[2] = BiasGradient(t, dy, window);
        return result;
    }

    static Value BiasGradient(Tape t, Value dy, Window window) => t.ReduceSum(dy, [0, .. window.Axes], keepDims: false);

    /// <summary>
    /// Each element of dY, times the weight, spread over the window it belongs to: dX of a convolution. Of X only the sizes of its spatial axes matter.
    /// </summary>
    internal static Value Scattered(Tape t, Value x, Value w, Value dy, Window window, long group)
    {
        if (DepthwiseConvolution.InputGradient(t, x, w, dy, window, group) is { } product) return product;
        var behind = t.Sub(t.Sub(window.Extent(t, dy), window.Begins), Window.Sizes(t, x, window.Rank));
        if (window.Begins.Constant?.ToInt64s() is { } begins && behind.Constant?.ToInt64s() is { } ends)
        {
            var reach = window.Reach;
            if (window.IsDense && reach.Select((r, i) => Math.Min(r - begins[i], r - ends[i])).All(p => p >= 0))
                return Convolve(t, dy, Flipped(t, w, window, group), window, [.. reach.Select((r, i) => r - begins[i]), .. reach.Select((r, i) => r - ends[i])], group);
            // What no window reads at the end of X is always less than a stride.
            return t.Op("ConvTranspose", Attributes(window, [.. begins, .. ends.Select(e => Math.Max(e, 0))], group, [.. ends.Select(e => Math.Max(-e, 0))]), dy, w);
        }
        // With sizes unknown: the largest result there can be, of which the part that belongs to X is cut out.
        var whole = t.Op("ConvTranspose", Attributes(window, null, group, [.. window.Strides.Select(s => s - 1)]), dy, w);
        return t.Op("Slice", whole, window.Begins, t.Add(window.Begins, Window.Sizes(t, x, window.Rank)), t.Ints(window.Axes));
    }

    /// <summary>
    /// dX of a transposed convolution: the convolution of dY. Padding behind is as much as the last window needs; where the node's own output padding
    /// exceeds it, the windows beyond are cut off.
    /// </summary>
    static Value Gathered(Tape t, Value x, Value w, Value dy, Window window, long group)
    {
        var sizes = Window.Sizes(t, x, window.Rank);
        var behind = t.Sub(t.Sub(window.Extent(t, x), window.Begins), Window.Sizes(t, dy, window.Rank));
        if (window.Begins.Constant?.ToInt64s() is { } begins && behind.Constant?.ToInt64s() is { } ends)
        {
            var padded = t.Op("Conv", Attributes(window, [.. begins, .. ends.Select(e => Math.Max(e, 0))], group), dy, w);
            return Shape.SurelyEqual(padded.Shape, x.Shape) ? padded : t.Op("Slice", padded, t.Ints([.. begins.Select(_ => 0L)]), sizes, t.Ints(window.Axes));
        }
        return t.Op("Conv", Attributes(window, null, group), Window.PadAxes(t, dy, window.Begins, behind), w);
    }

    static Value Convolve(Tape t, Value x, Value w, Window window, long[] pads, long group) =>
        t.Op("Conv", [Attribute.Of("pads", pads), Attribute.Of("dilations", window.Dilations), Attribute.Of("group", group), Attribute.Of("kernel_shape", window.Kernel)], x, w);

    static Attribute[] Attributes(Window window, long[]? pads, long group, long[]? outputPadding = null)
    {
        List<Attribute> all =
        [
            Attribute.Of("strides", window.Strides),
            Attribute.Of("dilations", window.Dilations),
            Attribute.Of("kernel_shape", window.Kernel),
            Attribute.Of("group", group),
        ];
        if (pads is not null) all.Add(Attribute.Of("pads", pads));
        if (outputPadding is not null && Array.Exists(outputPadding, p => p != 0)) all.Add(Attribute.Of("output_padding", outputPadding));
        return [.. all];
    }

    /// <summary>The weight [M, C/g, k…] as [C, M/g, k…], turned round in every spatial axis.</summary>
    static Value Flipped(Tape t, Value w, Window window, long group)
    {
        var spatial = Enumerable.Range(0, window.Rank).ToArray();
        var turned = w;
        long[] flipped = [.. window.Axes.Where((_, i) => window.Kernel[i] > 1)];
        if (flipped.Length > 0)
            turned = t.Slice(w, flipped, [.. flipped.Select(_ => -1L)], [.. flipped.Select(_ => (long)int.MinValue)], [.. flipped.Select(_ => -1L)]);
        if (group == 1) return t.Transpose(turned, [1, 0, .. window.Axes]);
        var (m, c) = (w.Shape![0].Size / group, w.Shape[1].Size);
        if (m == 1 && c == 1) return turned;
        var split = t.Reshape(turned, [group, m, c, .. window.Kernel]);
        return t.Reshape(t.Transpose(split, [0, 2, 1, .. spatial.Select(i => i + 3L)]), [group * c, m, .. window.Kernel]);
    }
}
