using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Gradients;

/// <summary>
/// The gradient of a convolution's weight: dW[m, c, k] = Σ over n, o of dY[n, m, o] * X[n, c, o * stride + k * dilation]. No single form is fast
/// for all sizes, so there are several, chosen by what is known of the sizes; each computes the same sums.
/// </summary>
static class ConvolutionWeights
{
    // Beyond this many kernel elements one slice and product each makes the graph too large.
    internal const long MostSlices = 128;
    const long MostSlicesBySamples = 1024;
    const long FewPositions = 16;
    // From this many output elements per channel on, one product per sample is as fast as one product over all, and needs no transposition.
    const long ManyPositions = 1024;
    const long ManyPositionsPointwise = 128;
    // Below this many channels a product for each kernel element is too small: one over all takes 0.2 to 0.8 of the time; above, its operand grows too large.
    const long FewChannels = 6;

    /// <summary>What is to be computed.</summary>
    /// <param name="X">What the window moves over, padded: [N, Groups * In, spatial…].</param>
    /// <param name="Dy">One element per position of the window: [N, Groups * Out, positions…].</param>
    /// <param name="Positions">The numbers of positions: an int64 vector.</param>
    /// <param name="Window">The window.</param>
    /// <param name="Groups">The number of groups.</param>
    /// <param name="Out">Channels of dY per group.</param>
    /// <param name="In">Channels of X per group.</param>
    internal sealed record Correlation(Value X, Value Dy, Value Positions, Window Window, long Groups, long Out, long In);

    /// <summary>Emits the gradient.</summary>
    /// <param name="t">Where to emit.</param>
    /// <param name="x">What the window moves over.</param>
    /// <param name="dy">One element per position of the window.</param>
    /// <param name="w">The weight: [groups * Out, In, kernel…].</param>
    /// <param name="window">The window.</param>
    /// <param name="group">The number of groups.</param>
    internal static Value Gradient(Tape t, Value x, Value dy, Value w, Window window, long group)
    {
        if (!w.Shape![0].IsKnown || !w.Shape[1].IsKnown) throw new ModelException(ModelProblem.Unsupported, $"The number of channels of the weight '{w.Name}' is not known.");
        var padded = Window.PadAxes(t, x, window.Begins, window.Ends);
        var c = new Correlation(padded, dy, Window.Sizes(t, dy, window.Rank), window, group, w.Shape[0].Size / group, w.Shape[1].Size);
        var positions = new Shape(dy.Shape!.Skip(2)).ElementCount;
        var gradient = window.KernelCount switch
        {
            1 => Pointwise(t, c, positions),
            _ when c is { In: 1, Groups: > 1 } => DepthwiseConvolution.WeightGradient(t, x, c),
            _ when positions is > 0 and <= FewPositions && positions < window.KernelCount => ByPositions(t, c),
            > MostSlices => Swapped(t, c),
            _ when group == 1 && c.In < FewChannels => Stacked(t, c),
            _ when group == 1 && positions >= ManyPositions => BySamples(t, c),
            _ => ByKernel(t, c),
        };
        return t.ReshapeLike(gradient, w);
    }

    /// <summary>
    /// Emits the gradient for each sample: [N, groups * Out, In, kernel…]. The elements that a kernel element reads are put below one another for all kernel
    /// elements, so that one product a sample serves; each is the batch's own sum without its sum over samples.
    /// </summary>
    internal static Value GradientBySamples(Tape t, Value x, Value dy, Value w, Window window, long group)
    {
        if (!w.Shape![0].IsKnown || !w.Shape[1].IsKnown) throw new ModelException(ModelProblem.Unsupported, $"The number of channels of the weight '{w.Name}' is not known.");
        if (window.KernelCount > MostSlicesBySamples) throw new ModelException(ModelProblem.Unsupported, $"The kernel of '{w.Name}' has {window.KernelCount} elements, more than the {MostSlicesBySamples} that gradients of single samples are made for.");
        var padded = Window.PadAxes(t, x, window.Begins, window.Ends);
        var c = new Correlation(padded, dy, Window.Sizes(t, dy, window.Rank), window, group, w.Shape[0].Size / group, w.Shape[1].Size);
        var shape = t.Concat(0, t.DimOf(dy, 0), t.Ints([w.Shape[0].Size, w.Shape[1].Size, .. window.Kernel]));
        // [N, G, M, C] and one more axis of kernel elements behind, or in front of the channels.
        if (c is { In: 1, Groups: > 1 }) return t.Reshape(DepthwiseBySamples(t, c), shape);
        var rows = t.Reshape(dy, t.Concat(0, t.DimOf(dy, 0), t.Ints(c.Groups, c.Out, -1)));
        var reads = Grid(window.Kernel).Select(k => t.Reshape(Shifted(t, c, c.X, k), t.Concat(0, t.DimOf(dy, 0), t.Ints(c.Groups, c.In, -1)))).ToList();
        var product = t.MatMul(rows, t.TransposeLast(t.Concat(2, [.. reads])));
        if (window.KernelCount == 1) return t.Reshape(product, shape);
        var split = t.Reshape(product, t.Concat(0, t.DimOf(dy, 0), t.Ints(c.Groups * c.Out, window.KernelCount, c.In)));
        return t.Reshape(t.Transpose(split, 0, 1, 3, 2), shape);
    }

    /// <summary>[N, G, M, kernel elements] for a single input channel per group.</summary>
    static Value DepthwiseBySamples(Tape t, Correlation c)
    {
        var several = c.Out > 1;
        var dy = several ? t.Reshape(c.Dy, t.Concat(0, t.DimOf(c.Dy, 0), t.Ints(c.Groups, c.Out), c.Positions)) : c.Dy;
        var x = several ? t.Unsqueeze(c.X, 2) : c.X;
        var first = several ? 3 : 2;
        long[] axes = [.. Enumerable.Range(first, c.Window.Rank).Select(i => (long)i)];
        return t.Concat(-1, [.. Grid(c.Window.Kernel).Select(k => t.Unsqueeze(t.ReduceSum(t.Mul(dy, Shifted(t, c, x, k, first)), axes, keepDims: false), -1))]);
    }

    /// <summary>Kernel of one element: products of dY and X as they are.</summary>
    static Value Pointwise(Tape t, Correlation c, long positions)
    {
        var read = c.Window.IsDense ? c.X : Shifted(t, c, c.X, new long[c.Window.Rank]);
        return c.Groups > 1 || (positions >= 0 && positions < ManyPositionsPointwise)
            ? t.MatMul(OutputRows(t, c), InputRows(t, c, ChannelsLast(t, c, read)))
            : SummedOverSamples(t, c.Dy, read);
    }

    /// <summary>One product per sample, summed: [N, M, positions] · [N, positions, C].</summary>
    static Value SummedOverSamples(Tape t, Value dy, Value x)
    {
        var product = t.MatMul(t.Reshape(dy, 0, 0, -1), t.TransposeLast(t.Reshape(x, 0, 0, -1)));
        return t.SumLeading(product, 1);
    }

    /// <summary>The slices of X for all elements of the kernel as channels, and one product per sample, summed.</summary>
    static Value Stacked(Tape t, Correlation c)
    {
        var slices = t.Concat(1, [.. Grid(c.Window.Kernel).Select(k => Shifted(t, c, c.X, k))]);
        return t.Transpose(t.Reshape(SummedOverSamples(t, c.Dy, slices), c.Out, -1, c.In), 0, 2, 1);
    }

    /// <summary>One slice of X and one product per sample, summed, for each element of the kernel.</summary>
    static Value BySamples(Tape t, Correlation c) =>
        t.Concat(2, [.. Grid(c.Window.Kernel).Select(k => t.Unsqueeze(SummedOverSamples(t, c.Dy, Shifted(t, c, c.X, k)), 2))]);

    /// <summary>One slice of X, channels last, and one product over all samples and positions for each element of the kernel.</summary>
    static Value ByKernel(Tape t, Correlation c)
    {
        var rows = OutputRows(t, c);
        var last = ChannelsLast(t, c, c.X);
        return t.Concat(-1, [.. Grid(c.Window.Kernel).Select(k => t.Unsqueeze(t.MatMul(rows, InputRows(t, c, Shifted(t, c, last, k, last.Rank - 1 - c.Window.Rank))), -1))]);
    }

    /// <summary>A product over kernel elements for a few window positions: the samples and positions together are the inner dimension.</summary>
    static Value ByPositions(Tape t, Correlation c)
    {
        var (window, elements) = (c.Window, c.In * c.Window.KernelCount);
        var reads = Grid([.. c.Dy.Shape!.Skip(2).Select(d => d.Size)]).Select(position =>
        {
            var starts = position.Select((p, i) => p * window.Strides[i]).ToArray();
            var read = t.Slice(c.X, window.Axes, starts, [.. starts.Select((s, i) => s + window.Reach[i] + 1)], window.Dilations);
            return t.Reshape(read, 1, -1, c.Groups, elements);
        });
        // [positions, N, G, C * K] becomes [G, positions * N, C * K], and dY is put in the same order.
        var columns = t.Reshape(t.Transpose(t.Concat(0, [.. reads]), 2, 0, 1, 3), c.Groups, -1, elements);
        var rows = t.Reshape(t.Transpose(t.Reshape(c.Dy, -1, c.Groups, c.Out, new Shape(c.Dy.Shape!.Skip(2)).ElementCount), 1, 2, 3, 0), c.Groups, c.Out, -1);
        return t.MatMul(rows, columns);
    }

    /// <summary>
    /// One convolution in which channels and samples have changed places, so that dY is the kernel: X [C, G * N, …], dY [G * M, N, …] gives [C, G * M, kernel…].
    /// Strides become dilations and the other way round; positions beyond the kernel are cut off.
    /// </summary>
    internal static Value Swapped(Tape t, Correlation c)
    {
        var window = c.Window;
        var sizes = Window.Sizes(t, c.X, window.Rank);
        var data = c.Groups == 1
            ? t.Transpose(c.X, [1, 0, .. window.Axes])
            : t.Reshape(t.Transpose(t.Reshape(c.X, t.Concat(0, t.DimOf(c.X, 0), t.Ints(c.Groups, c.In), sizes)), [2, 1, 0, .. window.Axes.Select(a => a + 1)]), t.Concat(0, t.Ints(c.In, -1), sizes));
        var kernel = t.Transpose(c.Dy, [1, 0, .. window.Axes]);
        var product = t.Op("Conv", [Attribute.Of("strides", window.Dilations), Attribute.Of("dilations", window.Strides), Attribute.Of("group", c.Groups)], data, kernel);
        var exact = product.Shape is { } s && window.Kernel.Select((k, i) => s[i + 2].Size == k).All(same => same);
        if (!exact) product = t.Slice(product, window.Axes, new long[window.Rank], window.Kernel, [.. window.Kernel.Select(_ => 1L)]);
        return t.Transpose(product, [1, 0, .. window.Axes]);
    }

    // Of a single group no axis is kept: ONNX Runtime moves one axis of a tensor several times faster than it permutes them anyhow, and an axis of length one counts.

    /// <summary>dY as [G, M, N * positions]; [M, N * positions] of a single group.</summary>
    static Value OutputRows(Tape t, Correlation c)
    {
        if (c.Groups == 1) return t.Reshape(t.Transpose(c.Dy, [1, 0, .. c.Window.Axes]), c.Out, -1);
        var split = t.Reshape(c.Dy, t.Concat(0, t.DimOf(c.Dy, 0), t.Ints(c.Groups, c.Out), c.Positions));
        return t.Reshape(t.Transpose(split, [1, 2, 0, .. c.Window.Axes.Select(a => a + 1)]), c.Groups, c.Out, -1);
    }

    /// <summary>X as [G, N, spatial…, C]; [N, spatial…, C] of a single group.</summary>
    static Value ChannelsLast(Tape t, Correlation c, Value x)
    {
        if (c.Groups == 1) return t.Transpose(x, [0, .. c.Window.Axes, 1]);
        var split = t.Reshape(x, t.Concat(0, t.DimOf(x, 0), t.Ints(c.Groups, c.In), Window.Sizes(t, x, c.Window.Rank)));
        return t.Transpose(split, [1, 0, .. c.Window.Axes.Select(a => a + 1), 2]);
    }

    /// <summary>A slice of X, channels last, as [G, N * positions, C]; [N * positions, C] of a single group.</summary>
    static Value InputRows(Tape t, Correlation c, Value last) => c.Groups == 1 ? t.Reshape(last, -1, c.In) : t.Reshape(last, c.Groups, -1, c.In);

    /// <summary>The elements of X, whose spatial axes begin at the given one, that a kernel element reads: one per position of the window.</summary>
    internal static Value Shifted(Tape t, Correlation c, Value x, long[] kernelElement, int firstAxis = 2)
    {
        var window = c.Window;
        var starts = kernelElement.Select((k, i) => k * window.Dilations[i]).ToArray();
        var ends = t.Add(t.Mul(t.Sub(c.Positions, t.Ints(1)), t.Ints(window.Strides)), t.Ints([.. starts.Select(s => s + 1)]));
        return t.Op("Slice", x, t.Ints(starts), ends, t.Ints([.. Enumerable.Range(firstAxis, window.Rank).Select(i => (long)i)]), t.Ints(window.Strides));
    }

    /// <summary>All index tuples below the given sizes, the last index fastest.</summary>
    internal static IEnumerable<long[]> Grid(long[] sizes)
    {
        var count = sizes.Aggregate(1L, (a, b) => a * b);
        for (var flat = 0L; flat < count; flat++)
        {
            var index = new long[sizes.Length];
            var rest = flat;
            for (var i = sizes.Length - 1; i >= 0; i--) (index[i], rest) = (rest % sizes[i], rest / sizes[i]);
            yield return index;
        }
    }
}
