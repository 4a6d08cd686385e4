using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Gradients;

/// <summary>Gradients of operators that read a map at computed places.</summary>
static class SamplingRules
{
    /// <summary>The rules.</summary>
    internal static readonly GradientRule[] All =
    [
        Rule.LinearInData("AffineGrid",    20, "dθ = dYᵀ · (the grid of the unit transformation, 1)",            AffineGrid),
        Rule.ByDefinition("GridSample",    16, "through X read at the 1, 2 or 4 neighbours per axis, weighted",   GridSample),
        Rule.ByDefinition("RoiAlign",      10, "through Y = A · X[batch] · Bᵀ, A and B the means of linear interpolations", RoiAlign),
        Rule.ByDefinition("MaxRoiPool",    1,  "through the maxima over columns, then rows, of each bin",        MaxRoiPool),
        Rule.ByDefinition("DeformConv",    19, "through X read at the offset places, times mask, times W",       DeformConv),
        Rule.LinearInData("Col2Im",        18, "dX = the blocks of dY as columns",                               Col2Im),
    ];

    /// <summary>θ enters the grid as a product with base coordinates, which are what the operator makes of the unit transformation.</summary>
    static Value AffineGrid(Tape t, Node n, Value dy)
    {
        var theta = n.Inputs[0]!;
        var axes = dy.Rank - 2;
        var unit = new double[axes * (axes + 1)];
        for (var i = 0; i < axes; i++) unit[i * (axes + 2)] = 1;
        var size = t.Concat(0, t.Ints(1, 1), t.Slice(t.Cast(n.Inputs[1]!, ElementType.Int64), 0, 2, long.MaxValue));
        var grid = t.Op("AffineGrid", [Attribute.Of("align_corners", n.Int("align_corners"))], t.Numbers(theta.Type, [1, axes, axes + 1], unit), size);
        var places = t.Reshape(grid, -1, axes);
        var basis = t.Concat(1, places, t.Full(t.Concat(0, t.DimOf(places, 0), t.Ints(1)), 1, theta.Type));
        return t.ShapedLike(t.MatMul(t.TransposeLast(t.Reshape(dy, 0, -1, axes)), basis), theta);
    }

    static Value GridSample(Tape t, Node n)
    {
        var (x, grid) = (n.Inputs[0]!, n.Inputs[1]!);
        var (axes, align, padding) = (x.Rank - 2, n.Int("align_corners") != 0, n.String("padding_mode", "zeros"));
        var places = t.Reshape(grid, 0, -1, axes);
        var taps = new List<Tap>[axes];
        for (var axis = 0; axis < axes; axis++)
        {
            // The last axis comes first in the grid.
            var given = t.Squeeze(t.Slice(places, 2, axes - 1 - axis, axes - axis), 2);
            var size = t.Cast(t.DimOf(x, axis + 2), x.Type);
            var half = t.Div(align ? t.Sub(size, t.ScalarLike(1, size)) : size, 2);
            var place = t.Sub(t.Mul(t.Add(given, 1), half), t.ScalarLike(align ? 0 : 0.5, x));
            taps[axis] = n.String("mode", "linear") switch
            {
                "nearest" => Sampling.Nearest(t, place, size, padding, align),
                "cubic" or "bicubic" => Sampling.Cubic(t, place, size, padding, align),
                _ => Sampling.Linear(t, Sampling.Inside(t, place, size, padding, align), size),
            };
        }
        return t.ReshapeLike(Sampling.Read(t, x, taps), n.Output);
    }

    static Value RoiAlign(Tape t, Node n)
    {
        var (x, rois) = (n.Inputs[0]!, n.Inputs[1]!);
        var samples = n.Int("sampling_ratio");
        if (n.String("mode", "avg") is not "avg" || samples <= 0)
            throw new ModelException(ModelProblem.Unsupported, $"The gradient of {n} is known for mode 'avg' with a sampling_ratio above 0 only.");
        var maps = t.Gather(x, n.Inputs[2]!);
        var rows = Means(t, n, rois, 1, t.DimOf(x, 2), n.Int("output_height", 1), samples);
        var columns = Means(t, n, rois, 0, t.DimOf(x, 3), n.Int("output_width", 1), samples);
        return t.MatMul(t.MatMul(rows, maps), t.TransposeLast(columns));
    }

    /// <summary>For each region the matrix [1, bins, size] that takes the means of a few linear interpolations per bin along one axis.</summary>
    static Value Means(Tape t, Node n, Value rois, int coordinate, Value size, long bins, long samples)
    {
        var scale = n.Float("spatial_scale", 1);
        var isHalf = n.String("coordinate_transformation_mode", "half_pixel") is "half_pixel";
        Value Corner(int column) => t.Add(t.Mul(t.Slice(rois, 1, column, column + 1), scale), isHalf ? -0.5 : 0);
        var start = Corner(coordinate);
        var length = t.Sub(Corner(coordinate + 2), start);
        if (!isHalf) length = t.Max(length, t.ScalarLike(1, length));
        var fractions = Enumerable.Range(0, (int)(bins * samples)).Select(i => ((i / samples) + ((i % samples) + 0.5) / samples) / bins);
        // [regions, bins * samples]
        var places = t.Add(start, t.Mul(length, t.Numbers(rois.Type, [1, bins * samples], [.. fractions])));
        var count = t.Cast(size, rois.Type);
        var isRead = t.And(t.GreaterOrEqual(places, t.ScalarLike(-1, places)), t.LessOrEqual(places, count));
        var inside = t.Min(t.Max(places, t.ScalarLike(0, places)), t.Sub(count, t.ScalarLike(1, count)));
        var distance = t.Abs(t.Sub(t.Unsqueeze(inside, 2), t.Cast(t.Counting(size), rois.Type)));
        var weights = t.Mul(t.Relu(t.Sub(1, distance)), t.Unsqueeze(t.Cast(isRead, rois.Type), 2));
        return t.ReduceMean(t.Reshape(weights, t.Concat(0, t.Ints(-1, 1, bins, samples), size)), [3], keepDims: false);
    }

    /// <summary>Bins are bounded by whole numbers; an empty one gives 0.</summary>
    static Value MaxRoiPool(Tape t, Node n)
    {
        var (x, rois) = (n.Inputs[0]!, n.Inputs[1]!);
        var bins = n.Ints("pooled_shape")!;
        var maps = t.Gather(x, t.Cast(t.Squeeze(t.Slice(rois, 1, 0, 1), 1), ElementType.Int64));
        var (rowsIn, columnsIn) = (Bins(t, n, rois, 2, t.DimOf(x, 2), bins[0]), Bins(t, n, rois, 1, t.DimOf(x, 3), bins[1]));
        var lowest = t.ScalarLike(x.Type == ElementType.Float64 ? double.MinValue : x.Type == ElementType.Float16 ? -65504 : float.MinValue, x);
        // [regions, channels, bins, H, W] becomes [regions, channels, bins, W], and that [regions, channels, row bins, column bins].
        var overRows = t.ReduceMax(t.Where(t.Unsqueeze(rowsIn, 1, 4), t.Unsqueeze(maps, 2), lowest), [3], keepDims: false);
        var overColumns = t.ReduceMax(t.Where(t.Unsqueeze(columnsIn, 1, 2), t.Unsqueeze(overRows, 3), lowest), [4], keepDims: false);
        return t.Mask(t.Greater(overColumns, lowest), overColumns);
    }

    /// <summary>Which elements along an axis belong to each bin of each region: truth values [regions, bins, size].</summary>
    static Value Bins(Tape t, Node n, Value rois, int column, Value size, long bins)
    {
        var scale = n.Float("spatial_scale", 1);
        Value Corner(int at) => t.Op("Floor", t.Add(t.Mul(t.Slice(rois, 1, at, at + 1), scale), 0.5));
        var start = Corner(column);
        var length = t.Max(t.Add(t.Sub(Corner(column + 2), start), 1), t.ScalarLike(1, start));
        var number = t.Numbers(rois.Type, [1, bins], [.. Enumerable.Range(0, (int)bins).Select(i => (double)i)]);
        var width = t.Div(length, bins);
        var first = t.Add(start, t.Op("Floor", t.Mul(number, width)));
        var end = t.Add(start, t.Op("Ceil", t.Mul(t.Add(number, 1), width)));
        var places = t.Cast(t.Counting(size), rois.Type);
        return t.And(t.GreaterOrEqual(places, t.Unsqueeze(first, 2)), t.Less(places, t.Unsqueeze(end, 2)));
    }

    static Value DeformConv(Tape t, Node n)
    {
        var (x, w, offset) = (n.Inputs[0]!, n.Inputs[1]!, n.Inputs[2]!);
        var window = Window.OfConv(t, n);
        if (window.Rank != 2 || window.Begins.Constant is not { } begins) throw new ModelException(ModelProblem.Unsupported, $"The gradient of {n} is known for two spatial axes with explicit padding only.");
        var (group, parts, kernel) = (n.Int("group", 1), n.Int("offset_group", 1), window.KernelCount);
        var positions = Window.Sizes(t, n.Output, 2);
        var each = t.Reshape(offset, t.Concat(0, t.Ints(-1, kernel, 2), t.Product(positions)));
        var taps = new List<Tap>[2];
        for (var axis = 0; axis < 2; axis++)
        {
            // [N * parts, K, positions] flattened: where each kernel element would read, plus its offset.
            var moved = t.Squeeze(t.Slice(each, 2, axis, axis + 1), 2);
            var place = t.Add(moved, Regular(t, window, begins.ToInt64s(), axis, positions, x.Type));
            taps[axis] = Sampling.Linear(t, t.Reshape(place, 0, -1), t.Cast(t.DimOf(x, axis + 2), x.Type));
        }
        var maps = t.Reshape(x, t.Concat(0, t.Mul(t.DimOf(x, 0), t.Ints(parts)), t.Ints(-1), Window.Sizes(t, x, 2)));
        var read = t.Reshape(Sampling.Read(t, maps, taps), 0, 0, kernel, -1);
        if (n.Input(4) is { } mask) read = t.Mul(read, t.Reshape(mask, t.Concat(0, t.Ints(-1, 1, kernel), t.Product(positions))));
        var (output, input) = (w.Shape![0].Size / group, w.Shape[1].Size);
        var columns = t.Reshape(read, t.Concat(0, t.DimOf(x, 0), t.Ints(group, input * kernel, -1)));
        var y = t.ReshapeLike(t.MatMul(t.Reshape(w, group, output, input * kernel), columns), n.Output);
        return n.Input(3) is { } bias ? t.Add(y, t.Reshape(bias, 1, -1, 1, 1)) : y;
    }

    /// <summary>The places [K, positions] along an axis that the kernel reads without offsets.</summary>
    static Value Regular(Tape t, Window window, long[] begins, int axis, Value positions, ElementType type)
    {
        var kernel = ConvolutionWeights.Grid(window.Kernel).Select(k => (double)(k[axis] * window.Dilations[axis] - begins[axis])).ToArray();
        var along = t.Mul(t.Cast(t.Counting(t.Slice(positions, 0, axis, axis + 1)), type), window.Strides[axis]);
        var spread = t.Reshape(t.Expand(t.Reshape(along, axis == 0 ? [-1, 1] : [1, -1]), positions), 1, -1);
        return t.Add(t.Numbers(type, [kernel.Length, 1], kernel), spread);
    }

    /// <summary>For each element of the block the elements of dY that it was added to.</summary>
    static Value Col2Im(Tape t, Node n, Value dy)
    {
        var x = n.Inputs[0]!;
        var window = Window.OfBlocks(t, n, AxisOps.Known(n, 2, "block sizes"));
        var padded = Window.PadAxes(t, dy, window.Begins, window.Ends);
        var free = t.Sub(Window.Sizes(t, padded, window.Rank), t.Ints([.. window.Reach.Select(r => r + 1)]));
        var last = t.Mul(t.Div(free, t.Ints(window.Strides)), t.Ints(window.Strides));
        var parts = ConvolutionWeights.Grid(window.Kernel).Select(k =>
        {
            var starts = k.Select((e, i) => e * window.Dilations[i]).ToArray();
            var read = t.Op("Slice", padded, t.Ints(starts), t.Add(last, t.Ints([.. starts.Select(s => s + 1)])), t.Ints(window.Axes), t.Ints(window.Strides));
            return t.Reshape(read, 0, 0, 1, -1);
        });
        return t.ReshapeLike(t.Concat(2, [.. parts]), x);
    }
}
