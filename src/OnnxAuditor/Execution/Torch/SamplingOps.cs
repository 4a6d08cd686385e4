using System.Numerics;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Reading maps at computed places.</summary>
static class SamplingOps
{
    /// <summary>The operators.</summary>
    internal static readonly TorchOp[] All =
    [
        TorchOp.Of("AffineGrid", AffineGrid),
        TorchOp.Of("GridSample", GridSample),
    ];

    /// <summary>Maps read at fractional places by linear interpolation, zeros around them.</summary>
    /// <param name="maps">[N, C, d…] with two or three spatial axes.</param>
    /// <param name="places">The place along each axis, each [N, positions…] with as many positions as there are axes.</param>
    /// <returns>[N, C, positions…].</returns>
    internal static Tensor Read(Tensor maps, Tensor[] places)
    {
        // libtorch counts places from -1 to 1. Over maps as long as a power of two and one more, whole places stay whole on the way, and with them the side of the kink.
        long[] spans = [.. maps.shape[2..].Select(s => (long)BitOperations.RoundUpToPowerOf2((ulong)Math.Max(s, 2)))];
        var filled = TorchWindow.Pad(maps, [.. spans.Select(_ => 0L)], [.. spans.Select((s, i) => s + 1 - maps.shape[i + 2])]);
        var grid = stack([.. places.Select((p, i) => p * (2.0 / spans[i]) - 1).Reverse()], -1);
        return grid_sample(filled, grid, GridSampleMode.Bilinear, GridSamplePaddingMode.Zeros, align_corners: true);
    }

    static Tensor AffineGrid(TorchCall c)
    {
        var (size, align) = (c.Ints(1)!, c.Node.Int("align_corners") != 0);
        if (align && size.AsSpan(2).Contains(1)) throw c.Refuse("where the only element of an axis lies when corners are aligned, PyTorch, ONNX Runtime and the specification say differently");
        return affine_grid(c[0], size, align);
    }

    static Tensor GridSample(TorchCall c)
    {
        var (x, grid, align) = (c[0], c[1], c.Node.Int("align_corners") != 0);
        var padding = c.Node.String("padding_mode", "zeros") switch
        {
            "border" => GridSamplePaddingMode.Border,
            "reflection" => GridSamplePaddingMode.Reflection,
            _ => GridSamplePaddingMode.Zeros,
        };
        return c.Node.String("mode", "linear") switch
        {
            "nearest" => grid_sample(x, grid, GridSampleMode.Nearest, padding, align),
            "linear" or "bilinear" => grid_sample(x, grid, GridSampleMode.Bilinear, padding, align),
            _ => Cubic(x, grid, padding, align),
        };
    }

    /// <summary>libtorch has the cubic mode as well, but TorchSharp has no way to it. The coefficient is -0.75; each of the neighbours is moved into the map by itself.</summary>
    static Tensor Cubic(Tensor x, Tensor grid, GridSamplePaddingMode padding, bool align)
    {
        var (axes, flat) = ((int)x.dim() - 2, x.flatten(2));
        return Sum(0, null, null).reshape([x.shape[0], x.shape[1], .. grid.shape[1..^1]]);

        Tensor Sum(int axis, Tensor? index, Tensor? weight)
        {
            if (axis == axes) return flat.gather(2, index!.flatten(1).unsqueeze(1).expand(-1, x.shape[1], -1)) * weight!.flatten(1).unsqueeze(1);
            var size = x.shape[axis + 2];
            // The last axis comes first in the grid.
            var place = align ? (grid.select(-1, axes - 1 - axis) + 1) * ((size - 1) / 2.0) : ((grid.select(-1, axes - 1 - axis) + 1) * size - 1) / 2;
            var below = place.detach().floor();
            Tensor? sum = null;
            for (var k = -1; k <= 2; k++)
            {
                var neighbour = Inside(below + k, size, padding, align);
                var isInside = (neighbour >= 0).logical_and(neighbour < size).to(x.dtype);
                var here = neighbour.clamp(0, size - 1).to(ScalarType.Int64);
                var part = Sum(axis + 1, index is null ? here : index * size + here, Times(weight, Kernel((place - below - k).abs()) * isInside));
                sum = sum is null ? part : sum + part;
            }
            return sum!;
        }
    }

    static Tensor Times(Tensor? a, Tensor b) => a is null ? b : a * b;

    /// <summary>The cubic convolution of coefficient -0.75 at a distance of up to two.</summary>
    static Tensor Kernel(Tensor distance)
    {
        const double A = -0.75;
        var near = ((A + 2) * distance - (A + 3)) * distance * distance + 1;
        var far = ((A * distance - 5 * A) * distance + 8 * A) * distance - 4 * A;
        return where(distance <= 1, near, far);
    }

    /// <summary>Whole places moved into a map of that size; zeros as padding move nothing.</summary>
    static Tensor Inside(Tensor place, long size, GridSamplePaddingMode padding, bool align)
    {
        if (padding == GridSamplePaddingMode.Zeros) return place;
        if (padding == GridSamplePaddingMode.Border) return place.clamp(0, size - 1);
        // Thrown back at the outermost elements, or at their outer edges, as often as needed.
        var (first, span) = align ? (0.0, size - 1.0) : (-0.5, size);
        if (span == 0) return zeros_like(place);
        var beyond = (place - first).remainder(2 * span);
        return (first + span - (beyond - span).abs()).clamp(0, size - 1);
    }
}
