using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Pooling of regions of interest.</summary>
static class RegionOps
{
    /// <summary>The operators.</summary>
    internal static readonly TorchOp[] All =
    [
        TorchOp.Of("RoiAlign", RoiAlign),
        TorchOp.Of("MaxRoiPool", MaxRoiPool),
    ];

    /// <summary>Regions of one image with as many samples per bin are read at once, so that no image is copied for each of its regions.</summary>
    static Tensor RoiAlign(TorchCall c)
    {
        var (x, batch) = (c[0], c.Ints(2)!);
        var (rows, columns) = (c.Node.Int("output_height", 1), c.Node.Int("output_width", 1));
        var isHalf = c.Node.String("coordinate_transformation_mode", "half_pixel") is "half_pixel";
        var corners = c[1] * c.Node.Float("spatial_scale", 1) - (isHalf ? 0.5 : 0);
        var (starts, lengths) = (corners.narrow(1, 0, 2), corners.narrow(1, 2, 2) - corners.narrow(1, 0, 2));
        if (!isHalf) lengths = lengths.clamp_min(1);
        // [regions, 2]: x, y.
        var perBin = c.Node.Int("sampling_ratio") is > 0 and var given ? full_like(lengths, given)
            : (lengths / tensor(new[] { columns, rows }, device: x.device)).ceil().clamp_min(0);
        long[] counts = [.. perBin.to(ScalarType.Int64).cpu().contiguous().data<long>()];

        var pooled = new List<Tensor>();
        var order = new List<long>();
        foreach (var group in Enumerable.Range(0, batch.Length).GroupBy(r => (Image: batch[r], Across: counts[2 * r], Down: counts[2 * r + 1])))
        {
            var regions = tensor(group.Select(r => (long)r).ToArray(), device: x.device);
            var (start, length) = (starts.index_select(0, regions), lengths.index_select(0, regions));
            var down = Places(start.select(1, 1), length.select(1, 1), rows, group.Key.Down);
            var across = Places(start.select(1, 0), length.select(1, 0), columns, group.Key.Across);
            pooled.Add(Pooled(c, x.narrow(0, group.Key.Image, 1), down, across, [group.Count(), rows, group.Key.Down, columns, group.Key.Across]));
            order.AddRange(group.Select(r => (long)r));
        }
        if (pooled.Count == 0) return x.new_zeros([0, x.shape[1], rows, columns]);
        return cat(pooled, 0).index_select(0, tensor(order.ToArray(), device: x.device).argsort());
    }

    /// <summary>The places [regions, bins * samples] along an axis.</summary>
    static Tensor Places(Tensor start, Tensor length, long bins, long samples)
    {
        var fractions = (arange(bins * samples, start.dtype, start.device) + 0.5) / Math.Max(bins * samples, 1);
        return start.unsqueeze(1) + length.unsqueeze(1) * fractions;
    }

    /// <summary>The regions of one image [1, C, H, W], pooled to [regions, C, rows, columns]; the shape is that of the samples [regions, rows, down, columns, across].</summary>
    static Tensor Pooled(TorchCall c, Tensor image, Tensor down, Tensor across, long[] shape)
    {
        var (channels, height, width) = (image.shape[1], image.shape[2], image.shape[3]);
        if (shape[2] * shape[4] == 0) return image.new_zeros([shape[0], channels, shape[1], shape[3]]);
        // More than an element outside of the map nothing is read.
        var isRead = IsRead(down, height).unsqueeze(2).logical_and(IsRead(across, width).unsqueeze(1)).to(image.dtype);
        long[] grid = [shape[0], down.shape[1], across.shape[1]];
        var y = down.clamp(0, height - 1).unsqueeze(2).expand(grid).flatten(0, 1).unsqueeze(0);
        var x = across.clamp(0, width - 1).unsqueeze(1).expand(grid).flatten(0, 1).unsqueeze(0);
        var isMean = c.Node.String("mode", "avg") is "avg";
        // ONNX takes the maximum not of what is interpolated, but of what each of the four neighbours adds to it.
        var read = SamplingOps.Read(image, [SamplingOps.Linear(y), SamplingOps.Linear(x)], isMean ? null : (a, b) => a.maximum(b)) * isRead.flatten(0, 1);
        var samples = read.reshape([channels, .. shape]);
        return (isMean ? samples.mean([3, 5]) : samples.amax([3, 5])).transpose(0, 1);
    }

    static Tensor IsRead(Tensor place, long size) => (place >= -1).logical_and(place <= size);

    /// <summary>The bins of libtorch's adaptive pooling, over the region with nothing where it leaves the map; a bin of nothing gives 0.</summary>
    static Tensor MaxRoiPool(TorchCall c)
    {
        var (x, bins, scale) = (c[0], c.Node.Ints("pooled_shape")!, c.Node.Float("spatial_scale", 1));
        var rois = c.Numbers(1)!;
        var pooled = new List<Tensor>();
        for (var r = 0; r < rois.Length; r += 5)
        {
            // Rounded half away from zero, in the precision of the input.
            var (left, top, right, bottom) = (Corner(1), Corner(2), Corner(3), Corner(4));
            var (rows, columns) = (Part(top, Math.Max(bottom - top + 1, 1), x.shape[2]), Part(left, Math.Max(right - left + 1, 1), x.shape[3]));
            var map = x.narrow(0, (long)rois[r], 1);
            var inside = map.narrow(2, rows.First, rows.Count).narrow(3, columns.First, columns.Count);
            var region = TorchWindow.Pad(inside, [rows.Before, columns.Before], [rows.After, columns.After], double.NegativeInfinity);
            var largest = adaptive_max_pool2d(region, bins);
            pooled.Add(largest.masked_fill(largest.isneginf(), 0));

            long Corner(int i) => (long)MathF.Round((float)rois[r + i] * scale, MidpointRounding.AwayFromZero);
        }
        return pooled.Count == 0 ? x.new_zeros([0, x.shape[1], .. bins]) : cat(pooled, 0);
    }

    /// <summary>The part of an axis that lies inside of the map, and how much of the region lies before and after it.</summary>
    static (long First, long Count, long Before, long After) Part(long start, long length, long size)
    {
        var (first, end) = (Math.Clamp(start, 0, size), Math.Clamp(start + length, 0, size));
        var before = Math.Clamp(-start, 0, length);
        return (first, end - first, before, length - before - (end - first));
    }
}
