using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Pad in each of its modes. Negative amounts cut; what is left is what the modes copy from.</summary>
static class PadOp
{
    /// <summary>Computes the operator.</summary>
    internal static Tensor Run(TorchCall c)
    {
        var (x, pads, mode) = (c[0], c.Ints(1)!, c.Node.String("mode", "constant"));
        var axes = c.Ints(3) ?? [.. Enumerable.Range(0, (int)x.dim()).Select(i => (long)i)];
        var isData = mode is "constant" && c.Optional(2) is not null ? ones_like(x, ScalarType.Bool) : null;
        for (var i = 0; i < axes.Length; i++)
        {
            var (axis, before, after) = (x.AxisOf(axes[i]), pads[i], pads[i + axes.Length]);
            x = mode is "constant" ? Constant(x, axis, before, after) : Copied(x, axis, before, after, mode);
            if (isData is not null) isData = Constant(isData, axis, before, after);
        }
        return isData is null ? x : where(isData, x, c[2].reshape([]));
    }

    /// <summary>An axis with zeros before and behind, or cut there.</summary>
    internal static Tensor Constant(Tensor x, int axis, long before, long after)
    {
        x = Cut(x, axis, before, after);
        if (before > 0) x = cat([x.new_zeros(x.ShapeWith(axis, before)), x], axis);
        return after > 0 ? cat([x, x.new_zeros(x.ShapeWith(axis, after))], axis) : x;
    }

    static Tensor Copied(Tensor x, int axis, long before, long after, string mode)
    {
        x = Cut(x, axis, before, after);
        if (before <= 0 && after <= 0) return x;
        var n = x.Length(axis);
        var places = arange(-Math.Max(before, 0), n + Math.Max(after, 0), ScalarType.Int64, x.device);
        return x.index_select(axis, mode switch
        {
            "edge" => places.clamp(0, n - 1),
            "wrap" => places.remainder(n),
            // Forwards and backwards again over the period 2 (n - 1), the ends not repeated.
            _ => n - 1 - (places.remainder(Math.Max(2 * (n - 1), 1)) - (n - 1)).abs(),
        });
    }

    static Tensor Cut(Tensor x, int axis, long before, long after)
    {
        var (front, back) = (Math.Max(-before, 0), Math.Max(-after, 0));
        return front + back == 0 ? x : x.narrow(axis, front, x.Length(axis) - front - back);
    }
}
