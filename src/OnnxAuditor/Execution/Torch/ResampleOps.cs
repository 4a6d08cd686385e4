using System.Globalization;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>
/// Resampling. libtorch's own knows few of ONNX's many coordinate transformations, so each axis is multiplied with the matrix of its weights, which follows from the
/// specification alone.
/// </summary>
static class ResampleOps
{
    /// <summary>The operators.</summary>
    internal static readonly TorchOp[] All = [TorchOp.Of("Resize", Resize)];

    static Tensor Resize(TorchCall c)
    {
        var (x, rank) = (c[0], (int)c[0].dim());
        int[] axes = [.. c.Node.Ints("axes")?.Select(a => (int)(a < 0 ? a + rank : a)) ?? Enumerable.Range(0, rank)];
        var (isNearest, isCropped) = (c.Node.String("mode", "nearest") is "nearest", c.Node.String("coordinate_transformation_mode", "half_pixel") is "tf_crop_and_resize");
        var lines = Lines(c, axes);
        if (!x.is_floating_point() && (c.Node.String("mode") is "cubic" || c.Node.Int("antialias") != 0)) throw c.Refuse("how it rounds to integers is not specified");
        var y = isNearest || x.is_floating_point() ? x : x.to(ScalarType.Float32);
        for (var i = 0; i < axes.Length; i++)
        {
            if (lines[i].IsKept && !isCropped) continue;
            y = isNearest
                ? y.index_select(axes[i], tensor(lines[i].Nearest(c.Node.String("nearest_mode", "round_prefer_floor")), device: x.device))
                : y.transpose(axes[i], -1).matmul(tensor(lines[i].Weights(ResizeKernel.Of(c.Node)), y.dtype, x.device)).transpose(axes[i], -1);
        }
        if (!isCropped) return y.to(x.dtype);
        for (var i = 0; i < axes.Length; i++)
            if (lines[i].Outside() is { Length: > 0 } outside) y = y.index_fill(axes[i], tensor(outside, device: x.device), c.Node.Float("extrapolation_value"));
        return y.to(x.dtype);
    }

    static ResizeLine[] Lines(TorchCall c, int[] axes)
    {
        var (x, roi, mode) = (c[0], c.Numbers(1) is { Length: > 0 } given ? given : null, c.Node.String("coordinate_transformation_mode", "half_pixel"));
        (double, double) Region(int i) => roi is null ? (0, 1) : (Meant(roi[i]), Meant(roi[i + axes.Length]));
        if (c.Numbers(2) is { Length: > 0 } scales)
            return [.. axes.Select((a, i) => new ResizeLine(x.shape[a], (long)MathF.Floor(x.shape[a] * (float)scales[i]), Meant(scales[i]), mode, Region(i)))];
        var sizes = c.Ints(3) ?? throw c.Refuse("it has neither scales nor sizes");
        var ratios = axes.Select((a, i) => (double)sizes[i] / x.shape[a]).ToArray();
        double? common = c.Node.String("keep_aspect_ratio_policy", "stretch") switch { "not_larger" => ratios.Min(), "not_smaller" => ratios.Max(), _ => null };
        if (common is { } scale) return [.. axes.Select((a, i) => new ResizeLine(x.shape[a], (long)Math.Floor(scale * x.shape[a] + 0.5), scale, mode, Region(i)))];
        return [.. axes.Select((a, i) => new ResizeLine(x.shape[a], sizes[i], ratios[i], mode, Region(i)))];
    }

    /// <summary>The number that was rounded to float32: of 2.2 a place lies just on an element, of the nearest float32 just before it.</summary>
    static double Meant(double number) => double.Parse(((float)number).ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
}
