using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Gradients;

/// <summary>Gradients of pooling. p is the exponent of Lp pooling; "spread" is the sum, for each element of X, over the windows that read it.</summary>
static class PoolingRules
{
    /// <summary>The rules.</summary>
    internal static readonly GradientRule[] All =
    [
        new("MaxPool",           1,  "dX = zeros with dY added where each window has its (first) maximum", MaxPool),
        new("AveragePool",       1,  "dX = spread(dY / number of elements in the window)",               (t, n, dy) => [AveragePool(t, n, dy)]),
        new("LpPool",            1,  "dX = sign(X) * |X|^(p-1) * spread(dY * Y^(1-p))",                  (t, n, dy) => [LpPool(t, n, dy)]),
        new("GlobalAveragePool", 1,  "dX = dY / number of positions",                                    (t, n, dy) => [GlobalAverage(t, n.Inputs[0]!, dy)]),
        new("GlobalMaxPool",     1,  "dX = dY at the (first) maximum, zero elsewhere",                   (t, n, dy) => [GlobalMax(t, n.Inputs[0]!, dy)]),
        new("GlobalLpPool",      1,  "dX = dY * sign(X) * |X|^(p-1) * Y^(1-p)",                          (t, n, dy) => [Lp(t, n, dy, g => g)]),
        new("MaxUnpool",         9,  "dX = dY at the indices", MaxUnpool),
    ];

    static Value?[] MaxPool(Tape t, Node n, Value dy)
    {
        var x = n.Inputs[0]!;
        // ONNX counts the indices over the whole tensor; in column-major order they are of no use here, so they are taken once more.
        var indices = n.Int("storage_order") == 0 && n.OutputAt(1) is { } given ? given : Indices(t, n, x);
        var zeros = t.Full(t.Unsqueeze(t.SizeOf(x), 0), 0, dy.Type);
        return [t.ReshapeLike(t.ScatterAdd(zeros, t.Reshape(indices, -1), t.Reshape(dy, -1), 0), x)];
    }

    /// <summary>
    /// The places of the maxima, of several equal ones the first. They come from a node of its own: the kernel that gives them is much slower than the one that
    /// does not, and the given graph stays as it is.
    /// </summary>
    static Value Indices(Tape t, Node n, Value x)
    {
        var attributes = n.Attributes.Values.Where(a => a.Name is not "storage_order").ToArray();
        return t.Ops("MaxPool", 2, attributes, x).Outputs[1]!;
    }

    static Value AveragePool(Tape t, Node n, Value dy)
    {
        var x = n.Inputs[0]!;
        var window = Window.OfPool(t, n);
        return Spread(t, x, t.Div(dy, Counts(t, n, x, dy, window)), window);
    }

    static Value LpPool(Tape t, Node n, Value dy)
    {
        var window = Window.OfPool(t, n);
        return Lp(t, n, dy, g => Spread(t, n.Inputs[0]!, g, window));
    }

    /// <summary>Of a window of zeros the norm has no derivative; zero is taken, as for |x| at zero.</summary>
    static Value Lp(Tape t, Node n, Value dy, Func<Value, Value> spread)
    {
        var (x, y, p) = (n.Inputs[0]!, n.Output, n.Int("p", 2));
        if (p == 1) return t.Mul(t.Sign(x), spread(dy));
        var isZero = t.Equal(y, t.ScalarLike(0, y));
        var scaled = t.Div(dy, t.Where(isZero, t.ScalarLike(1, y), p == 2 ? y : t.Pow(y, p - 1)));
        var each = spread(t.Where(isZero, t.ScalarLike(0, y), scaled));
        return p == 2 ? t.Mul(x, each) : t.Mul(t.Mul(t.Sign(x), t.Pow(t.Abs(x), p - 1)), each);
    }

    /// <summary>For each element of X the sum of what the windows that read it hold: a transposed convolution with ones, channel by channel.</summary>
    static Value Spread(Tape t, Value x, Value dy, Window window)
    {
        if (CoversAll(x, dy, window)) return t.ExpandLike(dy, x);
        if (DenseSum(t, x, dy, window) is { } sum) return sum;
        var ones = t.Numbers(dy.Type, [1, 1, .. window.Kernel], [.. Enumerable.Repeat(1.0, (int)window.KernelCount)]);
        var channels = t.Reshape(dy, t.Concat(0, t.Ints(-1, 1), Window.Sizes(t, dy, window.Rank)));
        return t.ReshapeLike(ConvolutionRules.Scattered(t, x, ones, channels, window, 1), x);
    }

    /// <summary>Of windows one element apart the sum is a pooling itself, three times faster; null for other windows.</summary>
    static Value? DenseSum(Tape t, Value x, Value dy, Window window)
    {
        var behind = t.Sub(t.Sub(window.Extent(t, dy), window.Begins), Window.Sizes(t, x, window.Rank));
        if (!window.IsDense || window.Dilations.Any(d => d != 1) || window.Begins.Constant is not { } front || behind.Constant is not { } back) return null;
        long[] pads = [.. window.Reach.Zip(front.ToInt64s(), (r, p) => r - p), .. window.Reach.Zip(back.ToInt64s(), (r, p) => r - p)];
        if (Array.Exists(pads, p => p < 0)) return null;
        var mean = t.Op("AveragePool", [Attribute.Of("kernel_shape", window.Kernel), Attribute.Of("pads", pads), Attribute.Of("count_include_pad", 1L)], dy);
        return t.ReshapeLike(t.Mul(mean, window.KernelCount), x);
    }

    /// <summary>A single window that reads every element once.</summary>
    static bool CoversAll(Value x, Value dy, Window window) => window.IsUnpadded
        && dy.Shape!.Skip(2).All(d => d.Size == 1) && x.Shape!.Skip(2).Select((d, i) => d.Size == window.Kernel[i] && (window.Dilations[i] == 1 || window.Kernel[i] == 1)).All(same => same);

    /// <summary>How many elements each window averages over: those inside the data, or inside the data and its padding.</summary>
    static Value Counts(Tape t, Node n, Value x, Value dy, Window window)
    {
        var sizes = Window.Sizes(t, x, window.Rank);
        var (front, counted) = n.Int("count_include_pad") != 0 ? (t.Sub(window.Begins, window.Begins), t.Add(t.Add(sizes, window.Begins), window.Ends)) : (window.Begins, sizes);
        var behind = t.Sub(t.Sub(window.Extent(t, dy), front), counted);
        if (behind.Constant is null || front.Constant is not { } begins || counted.Constant is not { } lengths) return CountsAtRunTime(t, dy, window, front, counted, behind);
        var (start, length) = (begins.ToInt64s(), lengths.ToInt64s());
        var perAxis = Enumerable.Range(0, window.Rank).Select(i => CountsAlong(window, i, dy.Shape![i + 2].Size, start[i], length[i])).ToArray();
        if (perAxis.All(axis => axis.Distinct().Count() == 1)) return t.ScalarLike(perAxis.Aggregate(1.0, (product, axis) => product * axis[0]), dy);
        var shape = dy.Shape!.Skip(2).Select(d => d.Size).ToArray();
        var values = ConvolutionWeights.Grid(shape).Select(o => o.Select((position, axis) => (double)perAxis[axis][position]).Aggregate(1.0, (a, b) => a * b));
        return t.Numbers(dy.Type, [1, 1, .. shape], [.. values]);
    }

    static long[] CountsAlong(Window window, int axis, long positions, long begin, long length)
    {
        var counts = new long[positions];
        for (var o = 0; o < positions; o++)
            for (var k = 0; k < window.Kernel[axis]; k++)
                if (o * window.Strides[axis] + k * window.Dilations[axis] - begin is var place && place >= 0 && place < length) counts[o]++;
        return counts;
    }

    /// <summary>The windows' sums over ones where there is something to count, zeros around.</summary>
    static Value CountsAtRunTime(Tape t, Value dy, Window window, Value front, Value counted, Value behind)
    {
        var ones = t.Full(t.Concat(0, t.Ints(1, 1), counted), 1, dy.Type);
        var kernel = t.Numbers(dy.Type, [1, 1, .. window.Kernel], [.. Enumerable.Repeat(1.0, (int)window.KernelCount)]);
        return t.Op("Conv", [Attribute.Of("strides", window.Strides), Attribute.Of("dilations", window.Dilations)], Window.PadAxes(t, ones, front, behind), kernel);
    }

    static Value GlobalAverage(Tape t, Value x, Value dy)
    {
        long[] axes = [.. Enumerable.Range(2, x.Rank - 2).Select(i => (long)i)];
        return t.ShapedLike(t.ExpandLike(t.Div(dy, t.CountOf(x, axes, dy)), x), x);
    }

    static Value GlobalMax(Tape t, Value x, Value dy)
    {
        var flat = t.Reshape(x, 0, 0, -1);
        var first = t.Op("ArgMax", [Attribute.Of("axis", 2L)], flat);
        return t.ReshapeLike(t.ScatterAdd(t.ZerosLike(flat), first, t.Reshape(dy, 0, 0, 1), 2), x);
    }

    static Value?[] MaxUnpool(Tape t, Node n, Value dy)
    {
        var (x, indices) = (n.Inputs[0]!, n.Inputs[1]!);
        var result = new Value?[n.Inputs.Count];
        result[0] = t.ReshapeLike(t.Gather(t.Reshape(dy, -1), t.Reshape(indices, -1)), x);
        return result;
    }
}
