using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Operators that move data without computing with it.</summary>
static class ShapeOps
{
    /// <summary>The operators.</summary>
    internal static readonly TorchOp[] All =
    [
        TorchOp.Unary("Identity", x => x),
        TorchOp.Of("Reshape", Reshape),
        TorchOp.Of("Flatten", Flatten),
        TorchOp.Of("Squeeze", Squeeze),
        TorchOp.Of("Unsqueeze", Unsqueeze),
        TorchOp.Of("Transpose", c => c[0].permute(c.Node.Ints("perm") ?? [.. Enumerable.Range(0, (int)c[0].dim()).Reverse().Select(i => (long)i)])),
        TorchOp.Of("Concat", c => cat([.. c.Given], c.Axis("axis", 0, c[0].dim()))),
        new("Split", Split),
        TorchOp.Of("Slice", Slice),
        TorchOp.Of("Expand", Expand),
        TorchOp.Of("Tile", c => c[0].repeat(c.Ints(1)!)),
        TorchOp.Of("Pad", PadOp.Run),
        TorchOp.Of("CenterCropPad", CenterCropPad),
        TorchOp.Of("ReverseSequence", ReverseSequence),
        TorchOp.Of("DepthToSpace", DepthToSpace),
        TorchOp.Of("SpaceToDepth", SpaceToDepth),
        TorchOp.Of("Shape", Shape),
        TorchOp.Unary("Size", x => full([], x.numel(), ScalarType.Int64, x.device)),
    ];

    static Tensor Reshape(TorchCall c)
    {
        var (x, shape) = (c[0], c.Ints(1)!);
        if (c.Node.Int("allowzero") == 0) shape = [.. shape.Select((d, i) => d == 0 ? x.shape[i] : d)];
        var rest = shape.Where(d => d >= 0).Aggregate(1L, (a, b) => a * b);
        // libtorch does not infer a dimension beside one of zero.
        return x.reshape([.. shape.Select(d => d >= 0 ? d : rest == 0 ? 0 : x.numel() / rest)]);
    }

    static Tensor Flatten(TorchCall c)
    {
        var axis = c.Axis("axis", 1, c[0].dim());
        var shape = c[0].shape;
        return c[0].reshape(Count(shape[..axis]), Count(shape[axis..]));
    }

    static Tensor Squeeze(TorchCall c)
    {
        var shape = c[0].shape;
        var axes = c.Ints(1) is { } given ? [.. given.Select(a => c[0].AxisOf(a))] : Enumerable.Range(0, shape.Length).Where(i => shape[i] == 1).ToArray();
        return c[0].reshape([.. shape.Where((_, i) => !axes.Contains(i))]);
    }

    static Tensor Unsqueeze(TorchCall c)
    {
        var (x, given) = (c[0], c.Ints(1)!);
        var rank = x.dim() + given.Length;
        foreach (var axis in given.Select(a => a < 0 ? a + rank : a).Order()) x = x.unsqueeze(axis);
        return x;
    }

    /// <summary>Without sizes all parts are equal, but the last, which may be smaller.</summary>
    static Tensor[] Split(TorchCall c)
    {
        var axis = c.Axis("axis", 0, c[0].dim());
        var (length, parts) = (c[0].Length(axis), c.Node.Outputs.Count);
        var size = (length + parts - 1) / parts;
        var sizes = c.Ints(1) ?? [.. Enumerable.Range(0, parts).Select(i => Math.Clamp(length - i * size, 0, size))];
        return c[0].split(sizes, axis);
    }

    static Tensor Slice(TorchCall c)
    {
        var (x, starts, ends) = (c[0], c.Ints(1)!, c.Ints(2)!);
        var axes = c.Ints(3) ?? [.. Enumerable.Range(0, starts.Length).Select(i => (long)i)];
        for (var i = 0; i < axes.Length; i++) x = SliceAxis(x, x.AxisOf(axes[i]), starts[i], ends[i], c.Ints(4)?[i] ?? 1);
        return x;
    }

    /// <summary>Bounds below zero count from the end, and all are brought into the axis; a negative step runs from start down to end.</summary>
    static Tensor SliceAxis(Tensor x, int axis, long start, long end, long step)
    {
        var n = x.Length(axis);
        if (start < 0) start += n;
        if (end < 0) end += n;
        if (step > 0)
        {
            start = Math.Clamp(start, 0, n);
            return x.slice(axis, start, Math.Clamp(end, start, n), Math.Min(step, Math.Max(n, 1)));
        }
        // libtorch steps forwards only: the axis is turned round.
        start = n - 1 - Math.Clamp(start, -1, n - 1);
        end = n - 1 - Math.Clamp(end, -1, n - 1);
        return x.flip(axis).slice(axis, start, Math.Max(end, start), -Math.Max(step, -Math.Max(n, 1)));
    }

    /// <summary>A dimension of one in the shape asked for leaves that of X.</summary>
    static Tensor Expand(TorchCall c)
    {
        var (x, shape) = (c[0], c.Ints(1)!);
        var own = shape.Length - (int)x.dim();
        if (own < 0) return x.expand([.. x.shape[..-own], .. shape.Select((d, i) => d == 1 ? x.shape[i - own] : d)]);
        return x.expand([.. shape.Select((d, i) => d == 1 && i >= own ? x.shape[i - own] : d)]);
    }

    /// <summary>Of an odd difference the smaller half lies in front, whether it is cut off or added.</summary>
    static Tensor CenterCropPad(TorchCall c)
    {
        var (x, sizes) = (c[0], c.Ints(1)!);
        var axes = c.Node.Ints("axes") ?? [.. Enumerable.Range(0, (int)x.dim()).Select(i => (long)i)];
        for (var i = 0; i < axes.Length; i++)
        {
            var axis = x.AxisOf(axes[i]);
            var more = sizes[i] - x.Length(axis);
            x = PadOp.Constant(x, axis, more / 2, more - more / 2);
        }
        return x;
    }

    /// <summary>Turns the first elements of each sequence round, as many as its length says.</summary>
    static Tensor ReverseSequence(TorchCall c)
    {
        var x = c[0];
        var (batch, time) = (c.Axis("batch_axis", 1, x.dim()), c.Axis("time_axis", 0, x.dim()));
        var lengths = c[1].to(ScalarType.Int64).Along(batch, x.dim());
        var steps = x.Counting(x.Length(time)).Along(time, x.dim());
        return x.gather(time, where(steps < lengths, lengths - 1 - steps, steps).expand(x.shape));
    }

    static Tensor DepthToSpace(TorchCall c)
    {
        var b = c.Node.Int("blocksize");
        var (n, d, h, w) = (c[0].shape[0], c[0].shape[1] / (b * b), c[0].shape[2], c[0].shape[3]);
        var blocks = c.Node.String("mode", "DCR") is "CRD" ? c[0].reshape(n, d, b, b, h, w).permute(0, 1, 4, 2, 5, 3) : c[0].reshape(n, b, b, d, h, w).permute(0, 3, 4, 1, 5, 2);
        return blocks.reshape(n, d, h * b, w * b);
    }

    static Tensor SpaceToDepth(TorchCall c)
    {
        var b = c.Node.Int("blocksize");
        var (n, d, h, w) = (c[0].shape[0], c[0].shape[1], c[0].shape[2] / b, c[0].shape[3] / b);
        return c[0].reshape(n, d, h, b, w, b).permute(0, 3, 5, 1, 2, 4).reshape(n, d * b * b, h, w);
    }

    static Tensor Shape(TorchCall c)
    {
        var (shape, rank) = (c[0].shape, c[0].dim());
        var start = Math.Clamp(c.Axis("start", 0, rank), 0, (int)rank);
        var end = Math.Clamp(c.Axis("end", rank, rank), start, (int)rank);
        return c[0].Vector(shape[start..end]);
    }

    static long Count(long[] dims) => dims.Aggregate(1L, (a, b) => a * b);
}
