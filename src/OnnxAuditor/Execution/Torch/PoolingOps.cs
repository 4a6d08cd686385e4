using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Pooling over one to three spatial axes.</summary>
static class PoolingOps
{
    /// <summary>The operators.</summary>
    internal static readonly TorchOp[] All =
    [
        new("MaxPool", MaxPool),
        TorchOp.Of("AveragePool", AveragePool),
        TorchOp.Of("LpPool", LpPool),
        TorchOp.Unary("GlobalAveragePool", x => x.mean(Spatial(x), keepdim: true)),
        TorchOp.Unary("GlobalMaxPool", x => x.flatten(2).max(2).values.reshape([.. x.shape[..2], .. Spatial(x).Select(_ => 1L)])),
        TorchOp.Of("GlobalLpPool", c => linalg.vector_norm(c[0], c.Node.Int("p", 2), Spatial(c[0]), keepdim: true)),
        TorchOp.Of("MaxUnpool", MaxUnpool),
    ];

    static long[] Spatial(Tensor x) => [.. Enumerable.Range(2, (int)x.dim() - 2).Select(i => (long)i)];

    static Tensor?[] MaxPool(TorchCall c)
    {
        var (x, window, windows) = Windows(c);
        // Small integers are whole numbers in float32 too.
        var real = x.is_floating_point() ? x : x.to(ScalarType.Float32);
        var filled = window.Fill(real, windows, double.NegativeInfinity);
        var (values, indices) = window.Rank switch
        {
            1 => max_pool1d_with_indices(filled, window.Kernel[0], window.Strides[0], 0, window.Dilations[0]),
            2 => max_pool2d_with_indices(filled, window.Kernel, window.Strides, [0, 0], window.Dilations),
            3 => max_pool3d_with_indices(filled, window.Kernel, window.Strides, [0, 0, 0], window.Dilations),
            _ => throw c.Refuse("it has one to three spatial axes"),
        };
        return [values.to(x.dtype), c.Node.OutputAt(1) is null ? null : Indices(indices, filled.shape[2..], x, window, c.Node.Int("storage_order") != 0)];
    }

    /// <summary>Places in the filled map, as libtorch counts them, as places in the whole tensor without its padding.</summary>
    static Tensor Indices(Tensor places, long[] filled, Tensor x, TorchWindow window, bool isColumnMajor)
    {
        var sizes = x.shape[2..];
        var within = zeros_like(places);
        var step = 1L;
        // Row-major, the last axis is dense; column-major, the first of the spatial axes is.
        var coordinates = new Tensor[window.Rank];
        for (var i = window.Rank - 1; i >= 0; i--)
        {
            coordinates[i] = places.remainder(filled[i]) - window.Begins[i];
            places = places.div(filled[i], RoundingMode.floor);
        }
        foreach (var i in isColumnMajor ? Enumerable.Range(0, window.Rank) : Enumerable.Range(0, window.Rank).Reverse())
        {
            within += coordinates[i] * step;
            step *= sizes[i];
        }
        var maps = arange(x.shape[0] * x.shape[1], ScalarType.Int64, x.device) * step;
        return within + maps.reshape([x.shape[0], x.shape[1], .. sizes.Select(_ => 1L)]);
    }

    /// <summary>The mean of what lies in a window, or with count_include_pad of what lies in it and in the padding that the node states.</summary>
    static Tensor AveragePool(TorchCall c)
    {
        var (x, window, windows) = Windows(c);
        Tensor Mean(Tensor of) => MeanOf(c, window, window.Fill(of, windows));
        var counted = ones([1, 1, .. x.shape[2..]], x.dtype, x.device);
        if (c.Node.Int("count_include_pad") == 0) return Mean(x) / Mean(counted);
        // A window in ceil_mode may reach beyond the padding.
        var whole = TorchWindow.Pad(counted, window.Begins, window.Ends, 1);
        return Mean(x) / MeanOf(c, window, (window with { Begins = new long[window.Rank] }).Fill(whole, windows));
    }

    /// <summary>The mean of each window's elements; libtorch's pooling knows no dilations.</summary>
    static Tensor MeanOf(TorchCall c, TorchWindow window, Tensor filled) => (window.IsDense, window.Rank) switch
    {
        (false, _) => window.Read(filled).mean([.. Enumerable.Range(2 + window.Rank, window.Rank).Select(i => (long)i)]),
        (true, 1) => avg_pool1d(filled, window.Kernel[0], window.Strides[0]),
        (true, 2) => avg_pool2d(filled, window.Kernel, window.Strides),
        (true, 3) => avg_pool3d(filled, window.Kernel, window.Strides),
        _ => throw c.Refuse("it has one to three spatial axes"),
    };

    /// <summary>libtorch's own pooling by norms is wrong for negative numbers and odd p, and has no gradient at a window of zeros; its vector norm is right in both.</summary>
    static Tensor LpPool(TorchCall c)
    {
        var (x, window, windows) = Windows(c);
        var read = window.Read(window.Fill(x, windows));
        return linalg.vector_norm(read, c.Node.Int("p", 2), [.. Enumerable.Range(2 + window.Rank, window.Rank).Select(i => (long)i)]);
    }

    static (Tensor X, TorchWindow Window, long[] Windows) Windows(TorchCall c)
    {
        var window = TorchWindow.Of(c, c.Node.Ints("kernel_shape")!);
        return (c[0], window, window.Windows(c[0].shape[2..], c.Node.Int("ceil_mode") != 0));
    }

    /// <summary>The indices count over the whole of the result.</summary>
    static Tensor MaxUnpool(TorchCall c)
    {
        var (x, indices) = (c[0], c[1]);
        var window = TorchWindow.Of(c, c.Node.Ints("kernel_shape")!);
        long[] shape = c.Ints(2) ?? [.. x.shape[..2], .. x.shape[2..].Select((s, i) => (s - 1) * window.Strides[i] + window.Kernel[i] - window.Begins[i] - window.Ends[i])];
        return x.new_zeros(shape.Aggregate(1L, (a, b) => a * b)).scatter(0, indices.flatten(), x.flatten()).reshape(shape);
    }
}
