using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>Operators that join, cut, repeat or extend tensors along axes.</summary>
static class JoiningRules
{
    internal static readonly ShapeRule[] All =
    [
        new("Concat", Concat),
        new("Split", Split),
        new("Slice", Slice),
        new("Expand", Expand),
        new("Tile", Tile),
        new("Pad", Pad),
        new("CenterCropPad", CenterCropPad),
    ];

    static void Concat(in InferenceContext x)
    {
        Dim[]? dims = null;
        var known = true;
        var type = ElementType.Undefined;
        var axis = -1;
        for (var i = 0; i < x.InputCount; i++)
        {
            if (type == ElementType.Undefined) type = x.TypeOf(i);
            if (x.ShapeOf(i) is not { } shape)
            {
                known = false;
                continue;
            }
            if (dims is null)
            {
                dims = [.. shape];
                axis = x.Axis(x.Node.Int("axis", 1), shape.Rank);
                continue;
            }
            if (shape.Rank != dims.Length) throw x.Conflict("the ranks differ");
            for (var d = 0; d < dims.Length; d++)
            {
                if (d == axis) dims[d] = DimArithmetic.Add(dims[d], shape[d]);
                else if (!DimArithmetic.TryUnify(dims[d], shape[d], out dims[d])) throw x.Conflict($"dimension {d} differs, and the axis is {axis}");
            }
        }
        if (dims is not null && !known) dims[axis] = Dim.Unknown;
        x.Out(0, type, dims is null ? null : new Shape(dims));
    }

    static void Split(in InferenceContext x)
    {
        var count = x.Node.Outputs.Count;
        var type = x.TypeOf(0);
        if (x.ShapeOf(0) is not { } shape)
        {
            for (var i = 0; i < count; i++) x.Out(i, type, null);
            return;
        }
        var axis = x.Axis(x.Node.Int("axis"), shape.Rank);
        var whole = shape[axis];
        if (x.HasInput(1) || x.Node.Has("split"))
        {
            var sizes = x.HasInput(1) ? x.Integers(1) : x.Node.Ints("split");
            if (sizes is not null && sizes.Length != count) throw x.Conflict($"{sizes.Length} sizes for {count} outputs");
            if (sizes is not null && !AddsUp(sizes, whole)) throw x.Conflict($"the sizes {string.Join(", ", sizes)} do not add up to {whole}");
            for (var i = 0; i < count; i++) x.Out(i, type, shape.With(axis, sizes is null ? Dim.Unknown : sizes[i]));
            return;
        }
        // Equal parts, the last one smaller where they do not divide.
        var parts = x.Node.Int("num_outputs", count);
        if (parts != count) throw x.Conflict($"num_outputs is {parts}, and there are {count}");
        if (!whole.IsKnown)
        {
            for (var i = 0; i < count; i++) x.Out(i, type, shape.With(axis, DimArithmetic.Divide(whole, parts)));
            return;
        }
        var part = whole.Size / parts + (whole.Size % parts == 0 ? 0 : 1);
        for (var (i, left) = (0, whole.Size); i < count; i++, left -= Math.Min(left, part)) x.Out(i, type, shape.With(axis, Math.Min(left, part)));
    }

    static bool AddsUp(long[] sizes, Dim whole)
    {
        Int128 sum = 0;
        foreach (var size in sizes)
        {
            if (size < 0) return false;
            sum += size;
        }
        return !whole.IsKnown || sum == whole.Size;
    }

    static void Slice(in InferenceContext x)
    {
        if (x.ShapeOf(0) is not { } shape)
        {
            x.Out(0, x.TypeOf(0), null);
            return;
        }
        var starts = x.Contents(1);
        var axes = x.HasInput(3) ? x.Integers(3) : null;
        if (starts.IsDefault || (x.HasInput(3) && axes is null))
        {
            x.Out(0, x.TypeOf(0), Shape.OfRank(shape.Rank));
            return;
        }
        Dim[] dims = [.. shape];
        var range = new SliceRange(x);
        if (!range.IsConsistent || (axes is not null && axes.Length != starts.Length)) throw x.Conflict("starts, ends, axes and steps have different lengths");
        for (var i = 0; i < starts.Length; i++)
        {
            var axis = x.Axis(axes is null ? i : axes[i], shape.Rank);
            dims[axis] = range.Length(i, shape[axis]);
        }
        x.Out(0, x.TypeOf(0), new Shape(dims));
    }

    static void Expand(in InferenceContext x)
    {
        var target = x.Contents(1);
        if (x.ShapeOf(0) is not { } shape || target.IsDefault)
        {
            x.Out(0, x.TypeOf(0), null);
            return;
        }
        var dims = new Dim[target.Length];
        for (var i = 0; i < dims.Length; i++) dims[i] = DimArithmetic.AsSize(target[i]);
        var expanded = DimArithmetic.Broadcast(shape, new Shape(dims)) ?? throw x.Conflict($"the input does not expand to [{string.Join(", ", target)}]");
        x.Out(0, x.TypeOf(0), expanded);
    }

    static void Tile(in InferenceContext x)
    {
        if (x.ShapeOf(0) is not { } shape)
        {
            x.Out(0, x.TypeOf(0), x.Contents(1) is { IsDefault: false } r ? Shape.OfRank(r.Length) : null);
            return;
        }
        var repeats = x.Contents(1);
        if (!repeats.IsDefault && repeats.Length != shape.Rank) throw x.Conflict($"{repeats.Length} repeats");
        var dims = new Dim[shape.Rank];
        for (var i = 0; i < dims.Length; i++) dims[i] = repeats.IsDefault ? Dim.Unknown : DimArithmetic.Multiply(shape[i], DimArithmetic.AsSize(repeats[i]));
        x.Out(0, x.TypeOf(0), new Shape(dims));
    }

    static void Pad(in InferenceContext x)
    {
        if (x.ShapeOf(0) is not { } shape)
        {
            x.Out(0, x.TypeOf(0), null);
            return;
        }
        var pads = x.HasInput(1) ? x.Integers(1) : x.Node.Ints("pads");
        var axes = x.HasInput(3) ? x.Integers(3) : null;
        if (pads is null || (x.HasInput(3) && axes is null))
        {
            x.Out(0, x.TypeOf(0), Shape.OfRank(shape.Rank));
            return;
        }
        var count = axes?.Length ?? shape.Rank;
        if (pads.Length != 2 * count) throw x.Conflict($"{pads.Length} pads for {count} axes");
        Dim[] dims = [.. shape];
        for (var i = 0; i < count; i++)
        {
            var axis = x.Axis(axes is null ? i : axes[i], shape.Rank);
            dims[axis] = DimArithmetic.Add(shape[axis], pads[i] + pads[i + count]);
        }
        x.Out(0, x.TypeOf(0), new Shape(dims));
    }

    static void CenterCropPad(in InferenceContext x)
    {
        if (x.ShapeOf(0) is not { } shape)
        {
            x.Out(0, x.TypeOf(0), null);
            return;
        }
        var sizes = x.Contents(1);
        var axes = x.Node.Ints("axes");
        if (!sizes.IsDefault && sizes.Length != (axes?.Length ?? shape.Rank)) throw x.Conflict($"{sizes.Length} sizes");
        Dim[] dims = [.. shape];
        for (var i = 0; i < (axes?.Length ?? shape.Rank); i++)
            dims[x.Axis(axes is null ? i : axes[i], shape.Rank)] = sizes.IsDefault ? Dim.Unknown : DimArithmetic.AsSize(sizes[i]);
        x.Out(0, x.TypeOf(0), new Shape(dims));
    }
}
