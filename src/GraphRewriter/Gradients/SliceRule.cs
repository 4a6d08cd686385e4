using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.Gradients;

/// <summary>The gradient of Slice, with steps of either sign and bounds known or not.</summary>
static class SliceRule
{
    internal static Value Gradient(Tape t, Node n, Value dy)
    {
        var (x, starts) = (n.Inputs[0]!, n.Inputs[1]!);
        if (dy.Shape is { } s && s.Any(d => d.Size == 0)) return t.ZerosLike(x);
        if (starts.Shape is not [{ IsKnown: true } count]) throw new ModelException(ModelProblem.Unsupported, $"The number of axes that {n} cuts is not known.");
        var axes = n.Input(3) is null ? [.. Enumerable.Range(0, (int)count.Size).Select(i => (long)i)] : AxisOps.Known(n, 3, "axes");
        var steps = n.Input(4) is null ? null : AxisOps.Known(n, 4, "steps");
        var (befores, afters, padded) = (new List<Value>(), new List<Value>(), new List<int>());
        for (var i = 0; i < axes.Length; i++)
        {
            var axis = AxisOps.Normalized(axes[i], x.Rank);
            var step = steps?[i] ?? 1;
            var (size, length) = (t.DimOf(x, axis), t.DimOf(dy, axis));
            var first = First(t, starts, i, size, step);
            // Going backwards, the lowest element is the last.
            var lowest = step > 0 ? first : t.Add(first, t.Mul(t.Sub(length, t.Ints(1)), t.Ints(step)));
            if (step < 0) dy = t.Reverse(dy, axis);
            dy = t.Spread(dy, axis, Math.Abs(step));
            befores.Add(lowest);
            afters.Add(t.Sub(t.Sub(size, lowest), t.DimOf(dy, axis)));
            padded.Add(axis);
        }
        return t.PadAxes(dy, padded, befores, afters);
    }

    /// <summary>The first index taken, counted from the front and clamped to the axis, as a vector of one element.</summary>
    static Value First(Tape t, Value starts, int index, Value size, long step)
    {
        var last = step > 0 ? size : t.Sub(size, t.Ints(1));
        if (starts.Constant is { } known)
        {
            var start = known.ToInt64s()[index];
            if (start == 0) return t.Ints(0);
            return start > 0 ? t.Min(t.Ints(start), last) : t.Max(t.Add(size, t.Ints(Math.Max(start, -int.MaxValue))), t.Ints(0));
        }
        var given = t.Cast(t.Slice(starts, 0, index, index + 1L), ElementType.Int64);
        var fromFront = t.Where(t.Op("Less", given, t.Ints(0)), t.Add(given, size), given);
        return t.Max(t.Min(fromFront, last), t.Ints(0));
    }
}
