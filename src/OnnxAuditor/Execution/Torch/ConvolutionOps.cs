using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Convolutions over one to three spatial axes.</summary>
static class ConvolutionOps
{
    /// <summary>The operators.</summary>
    internal static readonly TorchOp[] All =
    [
        TorchOp.Of("Conv", Conv),
        TorchOp.Of("ConvTranspose", ConvTranspose),
        TorchOp.Of("DeformConv", DeformConv),
        TorchOp.Of("Col2Im", Col2Im),
    ];

    static Tensor Conv(TorchCall c)
    {
        var (x, w, bias, group) = (c[0], c[1], c.Optional(2), c.Node.Int("group", 1));
        var window = TorchWindow.Of(c, w.shape[2..]);
        // libtorch pads both ends alike; other padding is put in before.
        var (padding, filled) = window.IsSymmetric ? (window.Begins, x) : ([0, 0, 0], TorchWindow.Pad(x, window.Begins, window.Ends));
        return window.Rank switch
        {
            1 => conv1d(filled, w, bias, window.Strides[0], padding[0], window.Dilations[0], group),
            2 => conv2d(filled, w, bias, window.Strides, padding[..2], window.Dilations, group),
            3 => conv3d(filled, w, bias, window.Strides, padding, window.Dilations, group),
            _ => throw c.Refuse("it has one to three spatial axes"),
        };
    }

    /// <summary>The whole result, of which the padding is cut off; output padding beyond what is there is zero.</summary>
    static Tensor ConvTranspose(TorchCall c)
    {
        var (x, w) = (c[0], c[1]);
        var whole = Transposed(c, x, w, c.Node.Int("group", 1));
        var begins = Begins(c, whole.shape[2..], out var sizes);
        var y = TorchWindow.Pad(whole, [.. begins.Select(b => -b)], [.. begins.Select((b, i) => sizes[i] + b - whole.shape[i + 2])]);
        return c.Optional(2) is { } bias ? y + bias.reshape([-1, .. sizes.Select(_ => 1L)]) : y;
    }

    static Tensor Transposed(TorchCall c, Tensor x, Tensor w, long group)
    {
        var rank = (int)w.dim() - 2;
        var (strides, dilations) = (TorchWindow.Given(c, "strides", rank, 1), TorchWindow.Given(c, "dilations", rank, 1));
        return rank switch
        {
            1 => conv_transpose1d(x, w, stride: strides[0], dilation: dilations[0], groups: group),
            2 => conv_transpose2d(x, w, strides: strides, dilation: dilations, groups: group),
            3 => conv_transpose3d(x, w, strides: strides, dilation: dilations, groups: group),
            _ => throw c.Refuse("it has one to three spatial axes"),
        };
    }

    /// <summary>The padding in front of each axis, and the sizes of the result.</summary>
    static long[] Begins(TorchCall c, long[] whole, out long[] sizes)
    {
        var (rank, mode) = (whole.Length, c.Node.String("auto_pad", "NOTSET"));
        var (given, pads, extra) = (c.Node.Ints("output_shape"), TorchWindow.Given(c, "pads", 2 * rank, 0), TorchWindow.Given(c, "output_padding", rank, 0));
        if (given is not { Length: > 0 } && mode is "NOTSET" or "VALID")
        {
            var explicitly = mode is "NOTSET" ? pads : new long[2 * rank];
            sizes = [.. whole.Select((s, i) => s + extra[i] - explicitly[i] - explicitly[i + rank])];
            return explicitly[..rank];
        }
        var strides = TorchWindow.Given(c, "strides", rank, 1);
        var wanted = given is { Length: > 0 } ? given[^rank..] : [.. c[0].shape[2..].Select((s, i) => s * strides[i])];
        sizes = wanted;
        long[] total = [.. whole.Select((s, i) => s + extra[i] - wanted[i])];
        if (given is not { Length: > 0 } && Array.Exists(total, p => p < 0))
            throw c.Refuse("its padding would be negative, which the specification and ONNX Runtime take differently");
        // A size wanted beyond what there is gets zeros at the end.
        return [.. total.Select(p => Math.Max(p, 0)).Select(p => mode is "SAME_UPPER" ? p / 2 : p - p / 2)];
    }

    /// <summary>The product of the kernel with what it reads at the moved places.</summary>
    static Tensor DeformConv(TorchCall c)
    {
        var (x, w, parts) = (c[0], c[1], c.Node.Int("offset_group", 1));
        var window = TorchWindow.Of(c, w.shape[2..]);
        var (n, positions, count) = (x.shape[0], window.Windows(x.shape[2..], ceil: false), window.Count);
        // [N * parts, K, axes, positions…]
        var offsets = c[2].reshape([n * parts, count, window.Rank, .. positions]);
        var taps = Enumerable.Range(0, window.Rank).Select(axis => SamplingOps.Linear(offsets.select(2, axis) + Regular(window, axis, positions, x))).ToArray();
        var read = SamplingOps.Read(x.reshape([n * parts, -1, .. x.shape[2..]]), taps).reshape(n, parts, -1, count, positions.Aggregate(1L, (a, b) => a * b));
        if (c.Optional(4) is { } mask) read = read * mask.reshape(n, parts, 1, count, -1);
        var group = c.Node.Int("group", 1);
        var y = w.reshape(group, w.shape[0] / group, -1).matmul(read.reshape(n, group, w.shape[1] * count, -1)).reshape([n, w.shape[0], .. positions]);
        return c.Optional(3) is { } bias ? y + bias.reshape([-1, .. positions.Select(_ => 1L)]) : y;
    }

    /// <summary>The places [K, positions…] along an axis that the kernel reads without offsets.</summary>
    static Tensor Regular(TorchWindow window, int axis, long[] positions, Tensor x)
    {
        Tensor Along(long count, long step, int rank) => (arange(count, x.dtype, x.device) * step).reshape([.. Enumerable.Range(0, rank).Select(i => i == axis ? -1L : 1L)]);
        var kernel = Along(window.Kernel[axis], window.Dilations[axis], window.Rank).expand(window.Kernel).reshape([-1, .. positions.Select(_ => 1L)]);
        return kernel + Along(positions[axis], window.Strides[axis], window.Rank) - window.Begins[axis];
    }

    /// <summary>A transposed convolution whose kernel puts each row of the columns at its own place of the block.</summary>
    static Tensor Col2Im(TorchCall c)
    {
        var (x, sizes, block) = (c[0], c.Ints(1)!, c.Ints(2)!);
        var window = TorchWindow.Of(c, block);
        var (n, count, blocks) = (x.shape[0], window.Count, window.Windows(sizes, ceil: false));
        var columns = x.reshape([-1, count, .. blocks]);
        var unit = eye(count, dtype: x.dtype, device: x.device).reshape([count, 1, .. block]);
        var whole = Transposed(c, columns, unit, 1);
        var y = TorchWindow.Pad(whole, [.. window.Begins.Select(b => -b)], [.. window.Begins.Select((b, i) => sizes[i] + b - whole.shape[i + 2])]);
        return y.reshape([n, -1, .. sizes]);
    }
}
