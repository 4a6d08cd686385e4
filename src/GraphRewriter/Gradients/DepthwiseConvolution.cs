using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Correlation = GraphRewriter.Gradients.ConvolutionWeights.Correlation;

namespace GraphRewriter.Gradients;

/// <summary>
/// Gradients of depthwise convolutions, one channel of X per group. There is too little to compute for a convolution kernel to be fast at it. Matrix products are,
/// even where they compute many times more: on pairs of a position of X and a position of dY, each of which belongs to one kernel element or none. For dW the
/// products of all pairs are summed over samples, then those of each kernel element; for dX the weight is spread over its pairs, which makes a matrix per channel.
/// </summary>
static class DepthwiseConvolution
{
    // Measured with 16 samples of 88 to 576 channels on ONNX Runtime. Below this many pairs dW takes 0.05 to 0.3 of the time of one convolution, and above as long as by rows;
    // dX takes 0.1 to 0.4 of a transposed or plain convolution with a fed weight, 0.7 to 2 times (some 0.1 ms) of a plain one with a constant weight.
    const long MostPairs = 2048;
    // By rows a kernel element costs a product for each element of a row, else a few passes over dY: even at rows of this many kernels, and of more where strides make the passes slow.
    const long MostKernelsInRow = 12;
    // A larger constant would weigh more in the file than the graph around it.
    const long LargestSelection = 1 << 17;

    /// <summary>Emits the weight's gradient.</summary>
    /// <param name="t">Where to emit.</param>
    /// <param name="x">What the window moves over, without padding.</param>
    /// <param name="c">What is to be computed.</param>
    public static Value WeightGradient(Tape t, Value x, Correlation c)
    {
        var window = c.Window;
        if (!IsKnown(x, c.Dy, window))
            return window.IsDense && window.KernelCount <= ConvolutionWeights.MostSlices ? ByKernel(t, c) : ConvolutionWeights.Swapped(t, c);
        var (from, to) = (Sizes(x), Sizes(c.Dy));
        if (HasFewPairs(from, to, window)) return ByPairs(t, x, c, from, to);
        var (length, width) = (from[^1], window.Kernel[^1]);
        if (length <= MostKernelsInRow * width * window.Strides[^1] && length * to[^1] * width <= LargestSelection && window.KernelCount / width <= ConvolutionWeights.MostSlices)
            return ByRows(t, x, c, length, to[^1]);
        return window.KernelCount <= ConvolutionWeights.MostSlices ? ByKernel(t, c) : ConvolutionWeights.Swapped(t, c);
    }

    /// <summary>Emits dX: [N, G, spatial…]. Null where there are many pairs, or sizes that are not known; a convolution is the better form there.</summary>
    /// <param name="t">Where to emit.</param>
    /// <param name="x">What the window moves over, without padding; only its sizes matter.</param>
    /// <param name="w">The weight: [G * M, 1, kernel…].</param>
    /// <param name="dy">One element per position of the window: [N, G * M, positions…].</param>
    /// <param name="window">The window.</param>
    /// <param name="groups">The number of groups.</param>
    public static Value? InputGradient(Tape t, Value x, Value w, Value dy, Window window, long groups)
    {
        if (groups == 1 || !w.Shape![0].IsKnown || w.Shape[1].Size != 1 || !IsKnown(x, dy, window)) return null;
        var (from, to) = (Sizes(x), Sizes(dy));
        if (!HasFewPairs(from, to, window)) return null;
        var (q, p, several) = (Product(from), Product(to), w.Shape[0].Size / groups);
        var matrices = t.Reshape(t.MatMul(t.Reshape(w, -1, window.KernelCount), Selection(t, w.Type, window, 0, from, to, kernelFirst: true)), groups, several * p, q);
        var outputs = t.Transpose(t.Reshape(dy, -1, groups, several * p), 1, 0, 2);
        return t.Reshape(t.Transpose(t.MatMul(outputs, matrices), 1, 0, 2), [-1, groups, .. from]);
    }

    /// <summary>All pairs of positions of a channel, summed over samples: [G, positions of X, M * positions of dY].</summary>
    static Value ByPairs(Tape t, Value x, Correlation c, long[] from, long[] to)
    {
        var (q, p) = (Product(from), Product(to));
        var left = t.Transpose(t.Reshape(x, -1, c.Groups, q), 1, 2, 0);
        var right = t.Transpose(t.Reshape(c.Dy, -1, c.Groups, c.Out * p), 1, 0, 2);
        var pairs = t.MatMul(left, right);
        if (c.Out > 1) pairs = t.Transpose(t.Reshape(pairs, c.Groups, q, c.Out, p), 0, 2, 1, 3);
        return t.MatMul(t.Reshape(pairs, -1, q * p), Selection(t, x.Type, c.Window, 0, from, to));
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
        return t.MatMul(t.Concat(1, [.. products]), Selection(t, x.Type, window, others, [q], [p]));
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

    /// <summary>
    /// Which pairs belong to a kernel element, over the axes from the first on, as ones between zeros: [positions of X * positions of dY, kernel elements], or
    /// [kernel elements, positions of dY * positions of X].
    /// </summary>
    static Value Selection(Tape t, ElementType type, Window window, int first, long[] from, long[] to, bool kernelFirst = false)
    {
        var begins = window.Begins.Constant!.ToInt64s();
        var kernel = ConvolutionWeights.Grid(window.Kernel[first..]).ToList();
        var (q, p) = (Product(from), Product(to));
        var values = new double[q * p * kernel.Count];
        foreach (var (o, position) in ConvolutionWeights.Grid(to).Index())
        {
            foreach (var (element, k) in kernel.Index())
            {
                long[] place = [.. position.Select((at, i) => at * window.Strides[first + i] + k[i] * window.Dilations[first + i] - begins[first + i])];
                if (place.Zip(from).Any(a => a.First < 0 || a.First >= a.Second)) continue;
                var read = place.Zip(from).Aggregate(0L, (flat, a) => flat * a.Second + a.First);
                values[kernelFirst ? (element * p + o) * q + read : (read * p + o) * kernel.Count + element] = 1;
            }
        }
        return t.Const(TensorData.FromNumbers(type, kernelFirst ? [kernel.Count, p * q] : [q * p, kernel.Count], values));
    }

    static bool IsKnown(Value x, Value dy, Window window) =>
        window.Begins.Constant is not null && window.Ends.Constant is not null && x.Shape!.Skip(2).Concat(dy.Shape!.Skip(2)).All(d => d.IsKnown);

    static bool HasFewPairs(long[] from, long[] to, Window window) =>
        Product(from) * Product(to) is var pairs && pairs <= MostPairs && pairs * window.KernelCount <= LargestSelection;

    /// <summary>The first elements of a vector of paddings.</summary>
    static Value Leading(Tape t, Value amounts, int count) => t.Ints(amounts.Constant!.ToInt64s().AsSpan(0, count));

    static long[] Sizes(Value x) => [.. x.Shape!.Skip(2).Select(d => d.Size)];

    static long Product(long[] sizes) => sizes.Aggregate(1L, (a, b) => a * b);
}
