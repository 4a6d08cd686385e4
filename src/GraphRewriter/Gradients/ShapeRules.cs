using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Gradients;

/// <summary>Gradients of operators that move data without computing with it.</summary>
static class ShapeRules
{
    /// <summary>The rules.</summary>
    internal static readonly GradientRule[] All =
    [
        Moved("Reshape",         1,  "dX = reshape(dY, shape of X)",                       (t, n, dy) => t.ReshapeLike(dy, n.Inputs[0]!)),
        Moved("Flatten",         1,  "dX = reshape(dY, shape of X)",                       (t, n, dy) => t.ReshapeLike(dy, n.Inputs[0]!)),
        Moved("Squeeze",         1,  "dX = reshape(dY, shape of X)",                       (t, n, dy) => t.ReshapeLike(dy, n.Inputs[0]!)),
        Moved("Unsqueeze",       1,  "dX = reshape(dY, shape of X)",                       (t, n, dy) => t.ReshapeLike(dy, n.Inputs[0]!)),
        Moved("Transpose",       1,  "dX = transpose(dY, inverse permutation)",            Transpose),
        Moved("Tile",            1,  "dX = dY summed over the copies",                     Tile),
        Moved("Slice",           1,  "dX = dY between zeros, spread and turned as step says", SliceRule.Gradient),
        Moved("Trilu",           14, "dX = trilu(dY)",                                     (t, n, dy) => t.Op("Trilu", [Attribute.Of("upper", n.Int("upper", 1))], dy, n.Input(1))),
        Moved("DepthToSpace",    1,  "dX = the blocks of dY put back into channels",       DepthToSpace),
        Moved("SpaceToDepth",    1,  "dX = depth_to_space(dY)",                            (t, n, dy) => t.Op("DepthToSpace", [Attribute.Of("blocksize", n.Int("blocksize"))], dy)),
        Moved("CenterCropPad",   18, "dX = dY between zeros where Y was cut, cut where it was padded", CenterCropPad),
        Moved("ReverseSequence", 10, "dX = reverse_sequence(dY)",                          ReverseSequence),
        Moved("Compress",        9,  "dX = zeros with dY added where the condition holds", Compress),
        Rule.LinearInData("Expand", 8, "dX = dY summed over the broadcast axes", (t, n, dy) => dy),
        new("Concat", 1, "dXᵢ = the part of dY that came from Xᵢ",  Concat),
        new("Split",  1, "dX = the dYᵢ concatenated",              Split),
        new("Pad",    1, "dX = dY without the padding, plus what was copied into it; dvalue = Σ dY over the padding", PadRule.Gradients),
    ];

    /// <summary>An operator that moves the elements of its first input, whose gradient has exactly that input's shape.</summary>
    static GradientRule Moved(string opType, int since, string formula, Func<Tape, Node, Value, Value> gradient) =>
        Rule.LinearInData(opType, since, formula, (t, n, dy) => t.ShapedLike(gradient(t, n, dy), n.Inputs[0]!));

    static Value Transpose(Tape t, Node n, Value dy)
    {
        var rank = n.Inputs[0]!.Rank;
        var permutation = n.Ints("perm") ?? [.. Enumerable.Range(0, rank).Reverse().Select(i => (long)i)];
        var inverse = new long[rank];
        for (var i = 0; i < rank; i++) inverse[permutation[i]] = i;
        return t.Transpose(dy, inverse);
    }

    /// <summary>dY as [r₀, d₀, r₁, d₁, …], summed over the repeats rᵢ.</summary>
    static Value Tile(Tape t, Node n, Value dy)
    {
        var (x, repeats) = (n.Inputs[0]!, n.Inputs[1]!);
        if (x.Rank == 0) return dy;
        var pairs = t.Concat(1, t.Unsqueeze(repeats, 1), t.Unsqueeze(t.ShapeOf(x), 1));
        var split = t.Reshape(dy, t.Reshape(pairs, -1));
        split.Shape ??= Shape.OfRank(2 * x.Rank);
        var summed = t.ReduceSum(split, [.. Enumerable.Range(0, x.Rank).Select(i => 2L * i)], keepDims: false);
        return t.ReshapeLike(summed, x);
    }

    static Value DepthToSpace(Tape t, Node n, Value dy)
    {
        var block = n.Int("blocksize");
        if (n.String("mode", "DCR") is not "CRD") return t.Op("SpaceToDepth", [Attribute.Of("blocksize", block)], dy);
        // [N, C, H, b, W, b] back to [N, C, b, b, H, W].
        var (x, b) = (n.Inputs[0]!, t.Ints(block));
        var split = t.Reshape(dy, t.Concat(0, t.DimOf(dy, 0), t.DimOf(dy, 1), t.DimOf(x, 2), b, t.DimOf(x, 3), b));
        return t.ReshapeLike(t.Transpose(split, 0, 1, 3, 5, 2, 4), x);
    }

    static Value CenterCropPad(Tape t, Node n, Value dy)
    {
        var x = n.Inputs[0]!;
        var axes = n.Ints("axes") ?? [.. Enumerable.Range(0, x.Rank).Select(i => (long)i)];
        foreach (var each in axes)
        {
            var axis = AxisOps.Normalized(each, x.Rank);
            var difference = t.Sub(t.DimOf(x, axis), t.DimOf(dy, axis));
            // Of an odd difference the smaller half lies in front, whether it is cut off or added.
            var before = t.Div(difference, t.Ints(2));
            dy = t.PadAxis(dy, axis, before, t.Sub(difference, before));
        }
        return dy;
    }

    static Value ReverseSequence(Tape t, Node n, Value dy) =>
        t.Op("ReverseSequence", [Attribute.Of("batch_axis", n.Int("batch_axis", 1)), Attribute.Of("time_axis", n.Int("time_axis", 0))], dy, n.Inputs[1]);

    static Value Compress(Tape t, Node n, Value dy)
    {
        var x = n.Inputs[0]!;
        var indices = t.Squeeze(t.Op("NonZero", n.Inputs[1]), 0);
        if (!n.Has("axis")) return t.ReshapeLike(t.AddAlong(dy, 0, indices, t.Unsqueeze(t.SizeOf(x), 0)), x);
        var axis = AxisOps.Normalized(n.Int("axis"), x.Rank);
        return t.AddAlong(dy, axis, indices, t.DimOf(x, axis));
    }

    static Value?[] Concat(Tape t, Node n, Value dy)
    {
        if (n.Inputs.Count == 1) return [dy];
        var axis = AxisOps.Normalized(n.Int("axis"), dy.Rank);
        var sizes = t.Concat(0, [.. n.Inputs.Select(x => t.DimOf(x!, axis))]);
        var parts = t.Ops("Split", n.Inputs.Count, [Attribute.Of("axis", (long)axis)], dy, sizes).Outputs;
        return [.. parts.Select((part, i) => t.ShapedLike(part!, n.Inputs[i]!))];
    }

    static Value?[] Split(Tape t, Node n, IReadOnlyList<Value?> dy)
    {
        var result = new Value?[n.Inputs.Count];
        result[0] = t.Concat(n.Int("axis"), [.. n.Outputs.Select((y, i) => dy[i] ?? t.ZerosLike(y!))]);
        return result;
    }
}
