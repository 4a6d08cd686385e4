using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Correlation = GraphRewriter.Gradients.ConvolutionWeights.Correlation;

namespace GraphRewriter.Gradients;

/// <summary>
/// The gradient of a depthwise convolution's weight, one channel of X per group. There is too little to compute for a convolution kernel to be fast at it. Matrix
/// products are, even where they compute many times more: products of all pairs of an element of X and an element of dY, summed over what the pairs have in
/// common, of which a second product adds up those that a kernel element makes.
/// </summary>
static class DepthwiseWeights
{
    // Times on ONNX Runtime, of 88 to 576 channels: 0.05 to 0.28 of one convolution's below this many pairs, as much as by rows above.
    const long MostPairs = 2048;
    // By rows a kernel element costs a product for each element of a row, else a few passes over dY: even at rows of this many kernels, and of more where strides make the passes slow.
    const long MostKernelsInRow = 12;
    // A larger constant would weigh more in the file than the graph around it.
    const long LargestSelection = 1 << 17;

    /// <summary>Emits the gradient.</summary>
    /// <param name="t">Where to emit.</param>
    /// <param name="x">What the window moves over, without padding.</param>
    /// <param name="c">What is to be computed.</param>
    public static Value Gradient(Tape t, Value x, Correlation c)
    {
        var window = c.Window;
        if (window.Begins.Constant is null || window.Ends.Constant is null || !x.Shape!.Skip(2).Concat(c.Dy.Shape!.Skip(2)).All(d => d.IsKnown))
            return window.IsDense && window.KernelCount <= ConvolutionWeights.MostSlices ? ByKernel(t, c) : ConvolutionWeights.Swapped(t, c);
        var (from, to) = (Sizes(x), Sizes(c.Dy));
        if (Product(from) * Product(to) is var pairs && pairs <= MostPairs && pairs * window.KernelCount <= LargestSelection) return ByPairs(t, x, c, from, to);
        var (length, width) = (from[^1], window.Kernel[^1]);
        if (length <= MostKernelsInRow * width * window.Strides[^1] && length * to[^1] * width <= LargestSelection && window.KernelCount / width <= ConvolutionWeights.MostSlices)
            return ByRows(t, x, c, length, to[^1]);
        return window.KernelCount <= ConvolutionWeights.MostSlices ? ByKernel(t, c) : ConvolutionWeights.Swapped(t, c);
    }

    /// <summary>All pairs of positions of a channel, summed over samples: [G, positions of X, M * positions of dY].</summary>
    static Value ByPairs(Tape t, Value x, Correlation c, long[] from, long[] to)
    {
        var (q, p) = (Product(from), Product(to));
        var left = t.Transpose(t.Reshape(x, -1, c.Groups, q), 1, 2, 0);
        var right = t.Transpose(t.Reshape(c.Dy, -1, c.Groups, c.Out * p), 1, 0, 2);
        var pairs = t.MatMul(left, right);
        if (c.Out > 1) pairs = t.Transpose(t.Reshape(pairs, c.Groups, q, c.Out, p), 0, 2, 1, 3);
        return t.MatMul(t.Reshape(pairs, -1, q * p), Selection(t, c, 0, from, to));
    }

    /// <summary>
    /// Pairs within a row (the last axis), summed over samples and rows, for each index of the kernel's other axes: [G, row of X, row of dY]. The outputs of a group
    /// stand one behind the other in the place of rows of dY.
    /// </summary>
    static Value ByRows(Tape t, Value x, Correlation c, long q, long p)
    {
        var window = c.Window;
        var others = window.Rank - 1;
        var channels = t.Transpose(x, [1, 0, .. window.Axes]);
        var padded = Window.PadAxes(t, channels, Leading(t, window.Begins, others), Leading(t, window.Ends, others), trailing: 1);
        var outputs = c.Out == 1
            ? t.Transpose(c.Dy, [1, 0, .. window.Axes])
            : t.Transpose(t.Reshape(c.Dy, [-1, c.Groups, c.Out, .. Sizes(c.Dy)]), [1, 0, .. window.Axes.Select(a => a + 1).SkipLast(1), 2, window.Rank + 2]);
        var right = t.Reshape(outputs, c.Groups, -1, c.Out * p);
        var products = ConvolutionWeights.Grid(window.Kernel[..others]).Select(k =>
        {
            long[] starts = [.. k.Select((e, i) => e * window.Dilations[i])];
            long[] ends = [.. starts.Select((s, i) => s + (Sizes(c.Dy)[i] - 1) * window.Strides[i] + 1)];
            var rows = others == 0 ? padded : t.Slice(padded, window.Axes[..others], starts, ends, window.Strides[..others]);
            var product = t.MatMul(t.TransposeLast(t.Reshape(rows, c.Groups, -1, q)), right);
            if (c.Out > 1) product = t.Transpose(t.Reshape(product, c.Groups, q, c.Out, p), 0, 2, 1, 3);
            return t.Reshape(product, c.Groups * c.Out, 1, q * p);
        });
        return t.MatMul(t.Concat(1, [.. products]), Selection(t, c, others, [q], [p]));
    }

    /// <summary>One slice, product and sum for each element of the kernel: [N, G, M, positions…].</summary>
    static Value ByKernel(Tape t, Correlation c)
    {
        var several = c.Out > 1;
        var dy = several ? t.Reshape(c.Dy, t.Concat(0, t.DimOf(c.Dy, 0), t.Ints(c.Groups, c.Out), c.Positions)) : c.Dy;
        var x = several ? t.Unsqueeze(c.X, 2) : c.X;
        var first = several ? 3 : 2;
        long[] axes = [0, .. Enumerable.Range(first, c.Window.Rank).Select(i => (long)i)];
        return t.Concat(-1, [.. ConvolutionWeights.Grid(c.Window.Kernel).Select(k => t.Unsqueeze(t.ReduceSum(t.Mul(dy, ConvolutionWeights.Shifted(t, c, x, k, first)), axes, keepDims: false), -1))]);
    }

    /// <summary>Which pairs a kernel element makes, over the axes from the first on: [positions of X * positions of dY, kernel elements], ones between zeros.</summary>
    static Value Selection(Tape t, Correlation c, int first, long[] from, long[] to)
    {
        var window = c.Window;
        var begins = window.Begins.Constant!.ToInt64s();
        var kernel = ConvolutionWeights.Grid(window.Kernel[first..]).ToList();
        var (q, p) = (Product(from), Product(to));
        var values = new double[q * p * kernel.Count];
        foreach (var (at, o) in ConvolutionWeights.Grid(to).Index())
        {
            foreach (var (element, k) in kernel.Index())
            {
                long[] place = [.. o.Select((position, i) => position * window.Strides[first + i] + k[i] * window.Dilations[first + i] - begins[first + i])];
                if (place.Zip(from).All(a => a.First >= 0 && a.First < a.Second))
                    values[(place.Zip(from).Aggregate(0L, (flat, a) => flat * a.Second + a.First) * p + at) * kernel.Count + element] = 1;
            }
        }
        return t.Const(TensorData.FromNumbers(c.Dy.Type, [q * p, kernel.Count], values));
    }

    /// <summary>The first elements of a vector of paddings.</summary>
    static Value Leading(Tape t, Value amounts, int count) => t.Ints(amounts.Constant!.ToInt64s().AsSpan(0, count));

    static long[] Sizes(Value x) => [.. x.Shape!.Skip(2).Select(d => d.Size)];

    static long Product(long[] sizes) => sizes.Aggregate(1L, (a, b) => a * b);
}
