using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.Gradients;

/// <summary>A neighbour that is read along one axis.</summary>
/// <param name="Index">Its index, a float tensor [N, places], inside the axis.</param>
/// <param name="Weight">Its weight, zero where the neighbour lies outside and counts as zero.</param>
sealed record Tap(Value Index, Value Weight);

/// <summary>Reading maps at fractional places. The weights are differentiable in the places, the indices are not.</summary>
static class Sampling
{
    /// <summary>The places moved into the map as the padding mode says; 'zeros' moves nothing.</summary>
    internal static Value Inside(Tape t, Value place, Value size, string padding, bool align) => padding switch
    {
        "border" => Clamped(t, place, size),
        "reflection" => Clamped(t, Reflected(t, place, size, align), size),
        _ => place,
    };

    /// <summary>The two neighbours, with zeros outside the map.</summary>
    internal static List<Tap> Linear(Tape t, Value place, Value size)
    {
        var below = t.Op("Floor", place);
        var fraction = t.Sub(place, below);
        return [Within(t, below, t.Sub(1, fraction), size), Within(t, t.Add(below, 1), fraction, size)];
    }

    /// <summary>The nearest element, halves rounded to even.</summary>
    internal static List<Tap> Nearest(Tape t, Value place, Value size, string padding, bool align)
    {
        var index = Inside(t, t.Op("Round", place), size, padding, align);
        // Its weight is one; it does not depend on the place.
        return [Within(t, t.Op("Round", index), t.FullLike(place, 1), size)];
    }

    /// <summary>The four neighbours of the cubic convolution with coefficient -0.75, each moved into the map by itself.</summary>
    internal static List<Tap> Cubic(Tape t, Value place, Value size, string padding, bool align)
    {
        const double A = -0.75;
        if (padding is "reflection") place = Reflected(t, place, size, align);
        var below = t.Op("Floor", place);
        var f = t.Sub(place, below);
        Value Near(Value d) => t.Add(t.Mul(t.Mul(t.Add(t.Mul(d, A + 2), -(A + 3)), d), d), 1);
        Value Far(Value d) => t.Add(t.Mul(t.Add(t.Mul(t.Add(t.Mul(d, A), -5 * A), d), 8 * A), d), -4 * A);
        Value[] weights = [Far(t.Add(f, 1)), Near(f), Near(t.Sub(1, f)), Far(t.Sub(2, f))];
        return [.. weights.Select((w, i) => Within(t, t.Op("Round", Inside(t, t.Add(below, i - 1), size, padding, align)), w, size))];
    }

    /// <summary>The weighted sum over all combinations of neighbours: x [N, C, axes…] at [N, places] gives [N, C, places].</summary>
    internal static Value Read(Tape t, Value x, List<Tap>[] taps)
    {
        var combinations = new List<(Value Index, Value Weight)>();
        foreach (var choice in ConvolutionWeights.Grid([.. taps.Select(a => (long)a.Count)]))
        {
            Value? index = null, weight = null;
            for (var axis = 0; axis < taps.Length; axis++)
            {
                var tap = taps[axis][(int)choice[axis]];
                var i = t.Cast(tap.Index, ElementType.Int64);
                index = index is null ? i : t.Add(t.Mul(index, t.DimOf(x, axis + 2)), i);
                weight = weight is null ? tap.Weight : t.Mul(weight, tap.Weight);
            }
            combinations.Add((index!, weight!));
        }
        var indices = t.Unsqueeze(t.Concat(1, [.. combinations.Select(c => c.Index)]), 1);
        var everywhere = t.Expand(indices, t.Concat(0, t.Ints(1), t.DimOf(x, 1), t.Ints(1)));
        var read = t.GatherElements(t.Reshape(x, 0, 0, -1), everywhere, 2);
        var weights = t.Unsqueeze(t.Concat(1, [.. combinations.Select(c => t.Unsqueeze(c.Weight, 1))]), 1);
        return t.ReduceSum(t.Mul(t.Reshape(read, 0, 0, combinations.Count, -1), weights), [2], keepDims: false);
    }

    static Tap Within(Tape t, Value index, Value weight, Value size)
    {
        var inside = Clamped(t, index, size);
        return new Tap(inside, t.Mul(weight, t.CastLike(t.Equal(inside, index), weight)));
    }

    static Value Clamped(Tape t, Value place, Value size) => t.Min(t.Max(place, t.ScalarLike(0, place)), t.Sub(size, t.ScalarLike(1, size)));

    /// <summary>Thrown back at the outermost elements, or at their outer edges, as often as needed.</summary>
    static Value Reflected(Tape t, Value place, Value size, bool align)
    {
        var span = align ? t.Sub(size, t.ScalarLike(1, size)) : size;
        // A map of one element between its ends has no extent; any positive span gives its only index then.
        if (align) span = t.Max(span, t.ScalarLike(0.5, span));
        var edge = align ? 0 : -0.5;
        var period = t.Mul(span, 2);
        var from = t.Add(place, -edge);
        var within = t.Sub(from, t.Mul(t.Op("Floor", t.Div(from, period)), period));
        return t.Add(t.Sub(span, t.Abs(t.Sub(within, span))), edge);
    }
}
