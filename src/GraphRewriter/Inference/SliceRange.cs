using System.Collections.Immutable;
using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>The starts, ends and steps of a Slice node, as far as they are known.</summary>
readonly ref struct SliceRange
{
    /// <summary>From here on an end means that of the axis: tf2onnx writes 10⁹, others the largest int32 or int64. No axis is as long.</summary>
    const long Endless = 1_000_000_000;

    readonly long[]? starts;
    readonly long[]? ends;
    readonly long[]? steps;
    readonly ImmutableArray<Dim> startContents;
    readonly ImmutableArray<Dim> endContents;
    readonly bool stepsKnown;

    /// <summary>Reads the inputs of a Slice node.</summary>
    public SliceRange(in InferenceContext x)
    {
        starts = x.Integers(1);
        ends = x.Integers(2);
        steps = x.HasInput(4) ? x.Integers(4) : null;
        stepsKnown = !x.HasInput(4) || steps is not null;
        startContents = x.Contents(1);
        endContents = x.Contents(2);
    }

    /// <summary>Whether starts, ends and steps have one entry for each axis, as far as they are known.</summary>
    public bool IsConsistent =>
        (endContents.IsDefault || endContents.Length == startContents.Length) && (steps is null || steps.Length == startContents.Length);

    /// <summary>The length that an axis is cut to by the entry of the given index.</summary>
    public Dim Length(int index, Dim size)
    {
        if (!stepsKnown) return Dim.Unknown;
        var step = steps is null ? 1 : steps[index];
        if (step == 0) return Dim.Unknown;
        if (starts is null || ends is null) return PartlyKnown(index, size, step);
        var (start, end) = (starts[index], ends[index]);
        if (size.IsKnown) return Count(start, end, step, size.Size);
        return UnknownSize(start, end, step, size);
    }

    /// <summary>The first index taken, and the number of indices, along an axis of known size.</summary>
    public static (long First, long Count) Indices(long start, long end, long step, long size)
    {
        if (start < 0) start += size;
        if (end < 0) end += size;
        // Going backwards, -1 is the end before the first element: an end below -size means it.
        start = step > 0 ? Math.Clamp(start, 0, size) : Math.Clamp(start, 0, Math.Max(size - 1, 0));
        end = step > 0 ? Math.Clamp(end, 0, size) : Math.Clamp(end, -1, size - 1);
        var distance = (Int128)end - start;
        var count = distance == 0 || distance > 0 != step > 0 ? 0 : (distance + step - Math.Sign(step)) / step;
        return (start, size == 0 ? 0 : (long)count);
    }

    static Dim Count(long start, long end, long step, long size) => Indices(start, end, step, size).Count;

    static Dim UnknownSize(long start, long end, long step, Dim size)
    {
        // The whole axis, forwards or backwards.
        if (start == 0 && end >= Endless && step == 1) return size;
        if (start == -1 && end <= -Endless && step == -1) return size;
        // A single element from either end: an axis that is sliced so has it, in every model that means to run.
        return step == 1 && start == -1 && end >= Endless ? 1 : Dim.Unknown;
    }

    Dim PartlyKnown(int index, Dim size, long step)
    {
        if (step != 1 || endContents.IsDefault || startContents.IsDefault) return Dim.Unknown;
        // [0, N) of an axis of N.
        return startContents[index].Size == 0 && endContents[index].Symbol is not null && Dim.SurelyEqual(endContents[index], size) ? size : Dim.Unknown;
    }
}
