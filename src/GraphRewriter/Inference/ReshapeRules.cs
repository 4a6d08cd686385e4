using System.Collections.Immutable;
using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>Operators that give the same elements another shape.</summary>
static class ReshapeRules
{
    internal static readonly ShapeRule[] All =
    [
        new("Reshape", Reshape),
        new("Flatten", Flatten),
        new("Squeeze", Squeeze),
        new("Unsqueeze", Unsqueeze),
        new("Transpose", Transpose),
        new("DepthToSpace", DepthToSpace),
        new("SpaceToDepth", SpaceToDepth),
    ];

    static void Reshape(in InferenceContext x)
    {
        var target = x.Contents(1);
        x.Out(0, x.TypeOf(0), target.IsDefault ? null : Reshaped(x, target));
    }

    static Shape Reshaped(in InferenceContext x, ImmutableArray<Dim> target)
    {
        var input = x.ShapeOf(0);
        var zeroIsZero = x.Node.Int("allowzero") != 0;
        var dims = new Dim[target.Length];
        var open = -1;
        var count = new ElementBalance(input);
        for (var i = 0; i < dims.Length; i++)
        {
            var dim = target[i];
            if (dim.Size == 0 && !zeroIsZero)
            {
                if (input is not null && i >= input.Rank) throw x.Conflict($"the target {Text(target)} keeps dimension {i}, which the input does not have");
                dims[i] = input is null ? Dim.Unknown : input[i];
                if (input is not null) count.TakeAxis(i);
                continue;
            }
            dims[i] = DimArithmetic.AsSize(dim);
            if (!count.Take(dims[i])) open = open == -1 ? i : -2;
        }
        // Where one dimension is left over, -1 or one that is not known, the rest of the elements are its.
        if (open >= 0 && count.Rest is { } rest)
        {
            if (rest == Dim.Unknown && !count.Divides) throw x.Conflict($"the elements do not fill the target {Text(target)}");
            dims[open] = rest;
        }
        else if (open == -1 && count.Differs) throw x.Conflict($"the target {Text(target)} has another number of elements");
        return new Shape(dims);
    }

    static string Text(ImmutableArray<Dim> target) => $"[{string.Join(", ", target)}]";

    static void Flatten(in InferenceContext x)
    {
        if (x.ShapeOf(0) is not { } shape)
        {
            x.Out(0, x.TypeOf(0), Shape.OfRank(2));
            return;
        }
        var axis = x.Node.Int("axis", 1);
        if (axis < -shape.Rank || axis > shape.Rank) throw x.Conflict($"axis {axis} is out of range");
        var split = (int)(axis < 0 ? axis + shape.Rank : axis);
        x.Out(0, x.TypeOf(0), new Shape(DimArithmetic.Product(shape, 0, split), DimArithmetic.Product(shape, split, shape.Rank)));
    }

    static void Squeeze(in InferenceContext x)
    {
        var axes = x.HasInput(1) ? x.Integers(1) : x.Node.Ints("axes");
        var known = x.ShapeOf(0) is { } shape && (axes is not null || !x.HasInput(1)) ? Squeezed(x, shape, axes) : null;
        x.Out(0, x.TypeOf(0), known);
    }

    static Shape? Squeezed(in InferenceContext x, Shape shape, long[]? axes)
    {
        Span<bool> gone = shape.Rank <= 32 ? stackalloc bool[32] : new bool[shape.Rank];
        gone.Clear();
        var left = shape.Rank;
        if (axes is null)
        {
            for (var i = 0; i < shape.Rank; i++)
            {
                // Whether an unknown dimension is 1 decides the rank.
                if (!shape[i].IsKnown) return null;
                if (shape[i].Size != 1) continue;
                gone[i] = true;
                left--;
            }
        }
        foreach (var axis in axes ?? [])
        {
            var i = x.Axis(axis, shape.Rank);
            if (shape[i] is { IsKnown: true, Size: not 1 }) throw x.Conflict($"axis {axis} is not of size 1");
            if (!gone[i]) left--;
            gone[i] = true;
        }
        var dims = new Dim[left];
        for (int i = 0, o = 0; i < shape.Rank; i++) if (!gone[i]) dims[o++] = shape[i];
        return new Shape(dims);
    }

    static void Unsqueeze(in InferenceContext x)
    {
        var axes = x.HasInput(1) ? x.Integers(1) : x.Node.Ints("axes");
        var shape = x.ShapeOf(0);
        if (axes is null || shape is null)
        {
            // The number of axes alone gives the rank.
            var count = shape is not null && x.Contents(1) is { IsDefault: false } contents ? contents.Length : -1;
            x.Out(0, x.TypeOf(0), count < 0 ? null : Shape.OfRank(shape!.Rank + count));
            return;
        }
        var dims = new Dim[shape.Rank + axes.Length];
        Array.Fill(dims, Dim.Unknown);
        foreach (var axis in axes)
        {
            ref var dim = ref dims[x.Axis(axis, dims.Length)];
            if (dim.Size == 1) throw x.Conflict($"axis {axis} is given twice");
            dim = 1;
        }
        for (int i = 0, o = 0; i < dims.Length; i++) if (dims[i].Size != 1) dims[i] = shape[o++];
        x.Out(0, x.TypeOf(0), new Shape(dims));
    }

    static void Transpose(in InferenceContext x)
    {
        var shape = x.ShapeOf(0);
        if (shape is null)
        {
            x.Out(0, x.TypeOf(0), x.Node.Ints("perm") is { } known ? Shape.OfRank(known.Length) : null);
            return;
        }
        var perm = x.Node.Ints("perm");
        if (perm is not null && !IsPermutation(x, perm, shape.Rank)) throw x.Conflict($"[{string.Join(", ", perm)}] is no permutation of the axes");
        var dims = new Dim[shape.Rank];
        for (var i = 0; i < dims.Length; i++) dims[i] = perm is null ? shape[dims.Length - 1 - i] : shape[x.Axis(perm[i], dims.Length)];
        x.Out(0, x.TypeOf(0), new Shape(dims));
    }

    static bool IsPermutation(in InferenceContext x, long[] perm, int rank)
    {
        if (perm.Length != rank) return false;
        Span<bool> seen = rank <= 32 ? stackalloc bool[32] : new bool[rank];
        seen.Clear();
        foreach (var axis in perm)
        {
            ref var flag = ref seen[x.Axis(axis, rank)];
            if (flag) return false;
            flag = true;
        }
        return true;
    }

    static void DepthToSpace(in InferenceContext x)
    {
        if (Blocks(x, out var block) is not { } shape) return;
        if (shape[1].IsKnown && shape[1].Size % (block * block) != 0) throw x.Conflict($"blocks of {block} do not divide the channels");
        var (height, width) = (DimArithmetic.Multiply(shape[2], block), DimArithmetic.Multiply(shape[3], block));
        x.Out(0, x.TypeOf(0), new Shape(shape[0], DimArithmetic.Divide(shape[1], block * block), height, width));
    }

    static void SpaceToDepth(in InferenceContext x)
    {
        if (Blocks(x, out var block) is not { } shape) return;
        for (var i = 2; i < 4; i++) if (shape[i].IsKnown && shape[i].Size % block != 0) throw x.Conflict($"blocks of {block} do not divide dimension {i}");
        var (height, width) = (DimArithmetic.Divide(shape[2], block), DimArithmetic.Divide(shape[3], block));
        x.Out(0, x.TypeOf(0), new Shape(shape[0], DimArithmetic.Multiply(shape[1], block * block), height, width));
    }

    // The input's shape, checked; null where it is not known, and then the rank at least is stated.
    static Shape? Blocks(in InferenceContext x, out long block)
    {
        block = x.Node.Int("blocksize");
        var shape = x.ShapeOf(0);
        if (shape is { Rank: not 4 } || block is <= 0 or > int.MaxValue) throw x.Conflict($"blocks of {block} do not fit");
        if (shape is null) x.Out(0, x.TypeOf(0), Shape.OfRank(4));
        return shape;
    }
}
