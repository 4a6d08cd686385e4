using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace OnnxAuditor.Execution.Torch;

/// <summary>A neighbour that is read along one axis of a map.</summary>
/// <param name="Index">Its index, a whole number [N, positions…]; outside of the map it counts as zero.</param>
/// <param name="Weight">Its weight.</param>
readonly record struct Tap(Tensor Index, Tensor Weight);

/// <summary>Reading maps at computed places. libtorch's own cannot be differentiated twice, and TorchSharp has no way to its cubic mode.</summary>
static class SamplingOps
{
    /// <summary>The operators.</summary>
    internal static readonly TorchOp[] All =
    [
        TorchOp.Of("AffineGrid", AffineGrid),
        TorchOp.Of("GridSample", GridSample),
    ];

    /// <summary>What all combinations of neighbours give, value times weights, added up or put together otherwise.</summary>
    /// <param name="maps">[N, C, d…].</param>
    /// <param name="taps">The neighbours along each axis.</param>
    /// <param name="combine">Puts two together; null for the sum.</param>
    /// <returns>[N, C, positions…].</returns>
    internal static Tensor Read(Tensor maps, Tap[][] taps, Func<Tensor, Tensor, Tensor>? combine = null)
    {
        var flat = maps.flatten(2);
        return Combined(0, null, null).reshape([.. maps.shape[..2], .. taps[0][0].Index.shape[1..]]);

        Tensor Combined(int axis, Tensor? index, Tensor? weight)
        {
            if (axis == taps.Length) return flat.gather(2, index!.flatten(1).unsqueeze(1).expand(-1, maps.shape[1], -1)) * weight!.flatten(1).unsqueeze(1);
            var size = maps.shape[axis + 2];
            return taps[axis].Select(tap =>
            {
                var isInside = (tap.Index >= 0).logical_and(tap.Index < size);
                // No number reads the first element, with no number as its weight.
                var here = tap.Index.clamp(0, size - 1).nan_to_num().to(ScalarType.Int64);
                var part = tap.Weight * isInside.to(maps.dtype);
                return Combined(axis + 1, index is null ? here : index * size + here, weight is null ? part : weight * part);
            }).Aggregate(combine ?? ((a, b) => a + b));
        }
    }

    /// <summary>The two neighbours of linear interpolation. At a whole place the derivative is that to the right.</summary>
    internal static Tap[] Linear(Tensor place)
    {
        var below = place.detach().floor();
        return [new(below, 1 - (place - below)), new(below + 1, place - below)];
    }

    static Tensor AffineGrid(TorchCall c)
    {
        var (size, align) = (c.Ints(1)!, c.Node.Int("align_corners") != 0);
        if (align && size.AsSpan(2).Contains(1))
            throw c.Refuse("where the only element of an axis lies when corners are aligned, PyTorch, ONNX Runtime and the specification say differently");
        return affine_grid(c[0], size, align);
    }

    static Tensor GridSample(TorchCall c)
    {
        var (x, grid, align, padding, mode) = (c[0], c[1], c.Node.Int("align_corners") != 0, c.Node.String("padding_mode", "zeros"), c.Node.String("mode", "linear"));
        var axes = (int)x.dim() - 2;
        return Read(x, [.. Enumerable.Range(0, axes).Select(axis =>
        {
            // The last axis comes first in the grid.
            var (given, size) = (grid.select(-1, axes - 1 - axis), x.shape[axis + 2]);
            var place = align ? (given + 1) * ((size - 1) / 2.0) : ((given + 1) * size - 1) / 2;
            return mode switch
            {
                "nearest" => [new(Inside(place.detach(), size, padding, align).round(), ones_like(place))],
                "cubic" or "bicubic" => Cubic(place, size, padding, align),
                _ => Linear(Inside(place, size, padding, align)),
            };
        })]);
    }

    /// <summary>The four neighbours of the cubic convolution, each moved into the map by itself.</summary>
    static Tap[] Cubic(Tensor place, long size, string padding, bool align)
    {
        var below = place.detach().floor();
        return [.. Enumerable.Range(-1, 4).Select(k => new Tap(Inside(below + k, size, padding, align), Kernel((place - below - k).abs())))];
    }

    /// <summary>The cubic convolution of coefficient -0.75 at a distance of up to two.</summary>
    static Tensor Kernel(Tensor distance)
    {
        const double A = -0.75;
        var near = ((A + 2) * distance - (A + 3)) * distance * distance + 1;
        var far = ((A * distance - 5 * A) * distance + 8 * A) * distance - 4 * A;
        return where(distance <= 1, near, far);
    }

    /// <summary>Places moved into a map of that size; zeros as padding move nothing.</summary>
    static Tensor Inside(Tensor place, long size, string padding, bool align)
    {
        if (padding is not ("border" or "reflection")) return place;
        if (padding is "border") return place.clamp(0, size - 1);
        // Thrown back at the outermost elements, or at their outer edges, as often as needed.
        var (first, span) = align ? (0.0, size - 1.0) : (-0.5, size);
        if (span == 0) return place * 0;
        var beyond = (place - first).remainder(2 * span);
        return (first + span - (beyond - span).abs()).clamp(0, size - 1);
    }
}
