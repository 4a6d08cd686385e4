using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.Gradients;

/// <summary>The gradient of Pad in each of its modes, into the data and into the value padded with.</summary>
static class PadRule
{
    internal static Value?[] Gradients(Tape t, Node n, Value dy)
    {
        var result = new Value?[n.Inputs.Count];
        var mode = n.String("mode", "constant");
        if (mode is not "constant")
        {
            result[0] = t.ShapedLike(Copied(t, n, dy, mode), n.Inputs[0]!);
            return result;
        }
        var x = n.Inputs[0]!;
        var pads = Pads(t, n, x);
        result[0] = t.ShapedLike(t.Op("Pad", dy, t.Neg(pads)), x);
        if (n.Input(2) is { IsFloat: true } value)
        {
            var isPadding = t.Op("Pad", t.ZerosLike(x), pads, t.ScalarLike(1, x));
            result[2] = t.ReshapeLike(t.ReduceAll("ReduceSum", t.Mul(dy, isPadding)), value);
        }
        return result;
    }

    /// <summary>The amounts for all axes, those in front first.</summary>
    static Value Pads(Tape t, Node n, Value x)
    {
        var given = t.Cast(n.Inputs[1]!, ElementType.Int64);
        if (n.Input(3) is null) return given;
        var axes = AxisOps.Known(n, 3, "axes").Select(a => AxisOps.Normalized(a, x.Rank)).ToArray();
        Value At(int index) => t.Slice(given, 0, index, index + 1L);
        return t.Concat(0, t.ForAllAxes(x, axes, [.. axes.Select((_, i) => At(i))]), t.ForAllAxes(x, axes, [.. axes.Select((_, i) => At(i + axes.Length))]));
    }

    /// <summary>Modes that copy data into the padding: axis by axis, what was copied is added where it came from.</summary>
    static Value Copied(Tape t, Node n, Value dy, string mode)
    {
        var x = n.Inputs[0]!;
        var pads = AxisOps.Known(n, 1, "pads");
        var axes = n.Input(3) is null ? [.. Enumerable.Range(0, x.Rank).Select(i => (long)i)] : AxisOps.Known(n, 3, "axes");
        for (var i = 0; i < axes.Length; i++)
        {
            var (before, after) = (pads[i], pads[i + axes.Length]);
            if (before == 0 && after == 0) continue;
            var axis = AxisOps.Normalized(axes[i], x.Rank);
            // Negative amounts cut the data first, what is left is copied.
            var (cutBefore, cutAfter) = (Math.Min(before, 0), Math.Min(after, 0));
            var kept = t.Add(t.DimOf(x, axis), t.Ints(cutBefore + cutAfter));
            dy = t.PadAxis(Folded(t, n, dy, axis, Math.Max(before, 0), Math.Max(after, 0), kept, mode), axis, t.Ints(-cutBefore), t.Ints(-cutAfter));
        }
        return dy;
    }

    static Value Folded(Tape t, Node n, Value dy, int axis, long before, long after, Value size, string mode)
    {
        var longest = mode is "reflect" ? -1 : 0;
        if (mode is not "edge" && size.Constant is { } known && Math.Max(before, after) > known.ToInt64s()[0] + longest)
            throw new ModelException(ModelProblem.Unsupported, $"{n} copies its data into the padding more than once, which its gradient rule cannot follow.");
        var result = t.Slice(dy, axis, before, after == 0 ? long.MaxValue : -after);
        if (before > 0)
        {
            var front = t.Slice(dy, axis, 0, before);
            var moved = mode switch
            {
                "edge" => At(t, t.ReduceSum(front, [axis]), axis, t.Ints(0), 1, size),
                "reflect" => At(t, t.Reverse(front, axis), axis, t.Ints(1), before, size),
                _ => At(t, front, axis, t.Sub(size, t.Ints(before)), before, size),
            };
            result = t.Add(result, moved);
        }
        if (after > 0)
        {
            var back = t.Slice(dy, axis, -after, long.MaxValue);
            var moved = mode switch
            {
                "edge" => At(t, t.ReduceSum(back, [axis]), axis, t.Sub(size, t.Ints(1)), 1, size),
                "reflect" => At(t, t.Reverse(back, axis), axis, t.Sub(size, t.Ints(after + 1)), after, size),
                _ => At(t, back, axis, t.Ints(0), after, size),
            };
            result = t.Add(result, moved);
        }
        return result;
    }

    /// <summary>x between zeros: from the given place on, in an axis of the given size.</summary>
    static Value At(Tape t, Value x, int axis, Value place, long length, Value size) => t.PadAxis(x, axis, place, t.Sub(t.Sub(size, place), t.Ints(length)));
}
