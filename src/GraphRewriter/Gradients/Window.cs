using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.Gradients;

/// <summary>
/// The window that a convolution or pooling node moves over the spatial axes of its input, auto_pad resolved. Kernel, strides and dilations are numbers;
/// the paddings are vectors in the graph, constants wherever the sizes they follow from are known.
/// </summary>
sealed class Window
{
    Window(long[] kernel, Node node, Value begins, Value ends)
    {
        Kernel = kernel;
        Strides = node.Ints("strides") is { Length: > 0 } s ? s : Filled(kernel.Length, 1);
        Dilations = node.Ints("dilations") is { Length: > 0 } d ? d : Filled(kernel.Length, 1);
        Begins = begins;
        Ends = ends;
    }

    /// <summary>The number of spatial axes.</summary>
    public int Rank => Kernel.Length;

    /// <summary>Kernel sizes.</summary>
    public long[] Kernel { get; }

    /// <summary>Strides.</summary>
    public long[] Strides { get; }

    /// <summary>Dilations.</summary>
    public long[] Dilations { get; }

    /// <summary>Padding in front of each spatial axis: an int64 vector.</summary>
    public Value Begins { get; }

    /// <summary>Padding behind each spatial axis: an int64 vector.</summary>
    public Value Ends { get; }

    /// <summary>The spatial axes of a tensor [N, C, d…].</summary>
    public long[] Axes => [.. Enumerable.Range(2, Rank).Select(i => (long)i)];

    /// <summary>The number of elements of the kernel.</summary>
    public long KernelCount => Kernel.Aggregate(1L, (a, b) => a * b);

    /// <summary>The length the dilated kernel spans, less one, per axis.</summary>
    public long[] Reach => [.. Kernel.Select((k, i) => (k - 1) * Dilations[i])];

    /// <summary>Whether neighbouring windows are one element apart on every axis.</summary>
    public bool IsDense => Array.TrueForAll(Strides, s => s == 1);

    /// <summary>Whether there is certainly no padding.</summary>
    public bool IsUnpadded => IsZero(Begins) && IsZero(Ends);

    /// <summary>The window of a Conv node.</summary>
    public static Window OfConv(Tape t, Node node) => Of(t, node, KernelOf(node, node.Inputs[1]!), node.Inputs[0]!, node.Output);

    /// <summary>The window that a pooling node moves over its input.</summary>
    public static Window OfPool(Tape t, Node node) => Of(t, node, node.Ints("kernel_shape")!, node.Inputs[0]!, node.Output);

    /// <summary>The blocks that a Col2Im node puts into its output.</summary>
    public static Window OfBlocks(Tape t, Node node, long[] block) => Explicit(t, node, block);

    /// <summary>The window of a ConvTranspose node: it moves over the node's output, and what it reads there is summed into the input.</summary>
    public static Window OfConvTranspose(Tape t, Node node)
    {
        var kernel = KernelOf(node, node.Inputs[1]!);
        var mode = node.String("auto_pad", "NOTSET");
        var rank = kernel.Length;
        if (mode is "VALID") return new Window(kernel, node, Zeros(t, rank), Zeros(t, rank));
        if (mode is "NOTSET" && node.Ints("output_shape") is not { Length: > 0 }) return Explicit(t, node, kernel);
        // The padding is what is left of the whole result when the wanted size is cut out of it; an odd element goes to the end for SAME_UPPER only.
        var w = new Window(kernel, node, Zeros(t, rank), Zeros(t, rank));
        var extra = node.Ints("output_padding") is { Length: > 0 } p ? p : Filled(rank, 0);
        var whole = t.Add(w.Extent(t, node.Inputs[0]!), t.Ints(extra));
        var total = t.Max(t.Sub(whole, Sizes(t, node.Output, rank)), t.Ints(0));
        return Halved(t, node, kernel, total, smallerFirst: mode is "SAME_UPPER");
    }

    /// <summary>The sizes of the spatial axes: an int64 vector, constant where they are known.</summary>
    public static Value Sizes(Tape t, Value x, int rank) => t.Concat(0, [.. Enumerable.Range(2, rank).Select(i => t.DimOf(x, i))]);

    /// <summary>Pads the last axes of x but <paramref name="trailing"/> ones; nothing is emitted where there is certainly nothing to pad.</summary>
    public static Value PadAxes(Tape t, Value x, Value begins, Value ends, int trailing = 0)
    {
        if (IsZero(begins) && IsZero(ends)) return x;
        var rank = (int)begins.Shape![0].Size;
        var front = Zeros(t, x.Rank - rank - trailing);
        var back = Zeros(t, trailing);
        return t.Op("Pad", x, t.Concat(0, [.. new[] { front, begins, back, front, ends, back }.Where(v => v.Shape![0].Size > 0)]));
    }

    /// <summary>How far windows at all the positions of a tensor [N, C, positions…] reach, padding in front included: an int64 vector.</summary>
    public Value Extent(Tape t, Value positions) =>
        t.Add(t.Mul(t.Sub(Sizes(t, positions, Rank), t.Ints(1)), t.Ints(Strides)), t.Ints([.. Reach.Select(r => r + 1)]));

    /// <summary>Whether a vector is constant and zero.</summary>
    public static bool IsZero(Value v) => v.Constant is { } known && Array.TrueForAll(known.ToInt64s(), e => e == 0);

    static Window Of(Tape t, Node node, long[] kernel, Value x, Value y)
    {
        var mode = node.String("auto_pad", "NOTSET");
        if (mode is not ("SAME_UPPER" or "SAME_LOWER")) return mode is "VALID" ? new Window(kernel, node, Zeros(t, kernel.Length), Zeros(t, kernel.Length)) : Explicit(t, node, kernel);
        var w = new Window(kernel, node, Zeros(t, kernel.Length), Zeros(t, kernel.Length));
        if (w.IsDense) return Halved(t, node, kernel, t.Ints(w.Reach), mode is "SAME_UPPER");
        return Halved(t, node, kernel, t.Max(t.Sub(w.Extent(t, y), Sizes(t, x, w.Rank)), t.Ints(0)), mode is "SAME_UPPER");
    }

    static Window Explicit(Tape t, Node node, long[] kernel)
    {
        var pads = node.Ints("pads") is { Length: > 0 } p ? p : Filled(2 * kernel.Length, 0);
        return new Window(kernel, node, t.Ints(pads.AsSpan(0, kernel.Length)), t.Ints(pads.AsSpan(kernel.Length)));
    }

    static Window Halved(Tape t, Node node, long[] kernel, Value total, bool smallerFirst)
    {
        var smaller = t.Div(total, t.Ints(2));
        var larger = t.Sub(total, smaller);
        return smallerFirst ? new Window(kernel, node, smaller, larger) : new Window(kernel, node, larger, smaller);
    }

    static long[] KernelOf(Node node, Value weight)
    {
        if (weight.Shape is { } s && s.Skip(2).All(d => d.IsKnown)) return [.. s.Skip(2).Select(d => d.Size)];
        return node.Ints("kernel_shape") is { Length: > 0 } k
            ? k
            : throw new ModelException(ModelProblem.Unsupported, $"The kernel size of {node} is not known.");
    }

    static Value Zeros(Tape t, int count) => t.Ints(Filled(count, 0));

    static long[] Filled(int count, long value)
    {
        var result = new long[count];
        result.AsSpan().Fill(value);
        return result;
    }
}
