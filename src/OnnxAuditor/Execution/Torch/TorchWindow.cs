using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>The window that a node moves over the spatial axes of its input, in numbers: auto_pad resolved, windows counted.</summary>
/// <param name="Kernel">Kernel sizes.</param>
/// <param name="Strides">Strides.</param>
/// <param name="Dilations">Dilations.</param>
/// <param name="Begins">Padding in front of each axis.</param>
/// <param name="Ends">Padding behind each axis.</param>
sealed record TorchWindow(long[] Kernel, long[] Strides, long[] Dilations, long[] Begins, long[] Ends)
{
    /// <summary>The number of spatial axes.</summary>
    public int Rank => Kernel.Length;

    /// <summary>The number of elements of the kernel.</summary>
    public long Count => Kernel.Aggregate(1L, (a, b) => a * b);

    /// <summary>The lengths the dilated kernel spans.</summary>
    public long[] Extents => [.. Kernel.Select((k, i) => (k - 1) * Dilations[i] + 1)];

    /// <summary>Whether each axis is padded by as much in front as behind.</summary>
    public bool IsSymmetric => Begins.AsSpan().SequenceEqual(Ends);

    /// <summary>Whether the kernel reads neighbouring elements.</summary>
    public bool IsDense => Array.TrueForAll(Dilations, d => d == 1);

    /// <summary>The spatial axes of a tensor [N, C, d…].</summary>
    public long[] Axes => [.. Enumerable.Range(2, Rank).Select(i => (long)i)];

    /// <summary>The window of a node.</summary>
    /// <param name="call">The node; its first input is [N, C, d…].</param>
    /// <param name="kernel">Kernel sizes.</param>
    public static TorchWindow Of(TorchCall call, long[] kernel)
    {
        var (node, sizes, zeros) = (call.Node, call[0].shape[2..], Filled(kernel.Length, 0));
        var plain = new TorchWindow(kernel, Given(call, "strides", kernel.Length, 1), Given(call, "dilations", kernel.Length, 1), zeros, zeros);
        var mode = node.String("auto_pad", "NOTSET");
        if (mode is "VALID") return plain;
        if (mode is "SAME_UPPER" or "SAME_LOWER")
        {
            long Missing(int i) => (DivideUp(sizes[i], plain.Strides[i]) - 1) * plain.Strides[i] + plain.Extents[i] - sizes[i];
            return plain.Padded([.. kernel.Select((_, i) => Math.Max(Missing(i), 0))], atEnd: mode is "SAME_UPPER");
        }
        var pads = Given(call, "pads", 2 * kernel.Length, 0);
        return plain with { Begins = pads[..kernel.Length], Ends = pads[kernel.Length..] };
    }

    /// <summary>The window with a total padding split between both ends of each axis.</summary>
    /// <param name="total">The padding of each axis.</param>
    /// <param name="atEnd">Whether an odd element goes to the end.</param>
    public TorchWindow Padded(long[] total, bool atEnd)
    {
        long[] smaller = [.. total.Select(p => p / 2)], larger = [.. total.Select(p => p - p / 2)];
        return atEnd ? this with { Begins = smaller, Ends = larger } : this with { Begins = larger, Ends = smaller };
    }

    /// <summary>How many windows there are along each axis. One that would start in the padding behind the data is left out.</summary>
    public long[] Windows(long[] sizes, bool ceil)
    {
        var extents = Extents;
        return [.. sizes.Select((size, i) =>
        {
            var free = size + Begins[i] + Ends[i] - extents[i];
            var windows = (ceil ? DivideUp(free, Strides[i]) : free / Strides[i]) + 1;
            return ceil && (windows - 1) * Strides[i] >= size + Begins[i] ? windows - 1 : windows;
        })];
    }

    /// <summary>The data with just the padding that so many windows read, or without what they do not read.</summary>
    /// <param name="x">[N, C, d…].</param>
    /// <param name="windows">Their number along each axis.</param>
    /// <param name="value">What is put in.</param>
    public Tensor Fill(Tensor x, long[] windows, double value = 0) =>
        Pad(x, Begins, [.. Extents.Select((e, i) => (windows[i] - 1) * Strides[i] + e - Begins[i] - x.shape[i + 2])], value);

    /// <summary>What each window reads: [N, C, windows…, kernel…], a view of data filled with padding.</summary>
    public Tensor Read(Tensor filled)
    {
        for (var i = 0; i < Rank; i++) filled = filled.unfold(i + 2, Extents[i], Strides[i]);
        for (var i = 0; i < Rank; i++) filled = filled.slice(i + 2 + Rank, 0, Extents[i], Dilations[i]);
        return filled;
    }

    /// <summary>Pads the last axes, or cuts off where the number is negative.</summary>
    public static Tensor Pad(Tensor x, long[] begins, long[] ends, double value = 0)
    {
        if (Array.TrueForAll(begins, p => p == 0) && Array.TrueForAll(ends, p => p == 0)) return x;
        // libtorch counts the axes from the last.
        return nn.functional.pad(x, [.. Enumerable.Range(0, begins.Length).Reverse().SelectMany(i => new[] { begins[i], ends[i] })], value: value);
    }

    /// <summary>A list attribute; filled with one number where it is not given.</summary>
    public static long[] Given(TorchCall call, string attribute, int count, long fallback) => call.Node.Ints(attribute) is { Length: > 0 } given ? given : Filled(count, fallback);

    static long DivideUp(long a, long b) => (a + b - 1) / b;

    static long[] Filled(int count, long value) => [.. Enumerable.Repeat(value, count)];
}
