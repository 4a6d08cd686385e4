using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>The kernel, strides, dilations and padding of a convolution or pooling node.</summary>
readonly ref struct SlidingWindow
{
    readonly int rank;
    readonly long[]? kernel;
    readonly Shape? weight;
    readonly long[]? strides;
    readonly long[]? dilations;
    readonly long[]? pads;
    readonly long[]? outputPadding;
    readonly string autoPad;
    readonly bool ceil;

    /// <summary>Reads the attributes; the kernel's size comes from the weight [M, C, k…] where there is one.</summary>
    /// <exception cref="ModelException">An attribute has another number of entries than there are spatial dimensions, or a stride is not positive.</exception>
    public SlidingWindow(in InferenceContext x, int rank, Shape? weight)
    {
        this.rank = rank;
        this.weight = weight;
        kernel = Read(x, "kernel_shape", rank, 1);
        strides = Read(x, "strides", rank, 1);
        dilations = Read(x, "dilations", rank, 1);
        pads = Read(x, "pads", 2 * rank, long.MinValue);
        outputPadding = Read(x, "output_padding", rank, 0);
        autoPad = x.Node.Has("auto_pad") ? x.Node.String("auto_pad") : "NOTSET";
        ceil = x.Node.Int("ceil_mode") != 0;
    }

    /// <summary>The output size along a spatial dimension.</summary>
    public Dim Output(in InferenceContext x, int axis, Dim size)
    {
        var stride = At(strides, axis, 1);
        if (autoPad is "SAME_UPPER" or "SAME_LOWER") return size.IsKnown ? (size.Size + stride - 1) / stride : stride == 1 ? size : Dim.Unknown;
        var extent = Extent(axis);
        if (!extent.IsKnown) return Dim.Unknown;
        var padding = Padding(axis);
        // Padding that makes up for the kernel keeps even an unknown size.
        if (!size.IsKnown) return stride == 1 && padding == extent.Size - 1 ? size : Dim.Unknown;
        var free = size.Size + padding - extent.Size;
        if (free < 0) throw x.Conflict($"the window of {extent} is larger than dimension {axis + 2} with its padding");
        if (!ceil) return free / stride + 1;
        var windows = (free + stride - 1) / stride + 1;
        // A window that would start in the padding behind the data is left out.
        return (windows - 1) * stride >= size.Size + (autoPad is "VALID" ? 0 : At(pads, axis, 0)) ? windows - 1 : windows;
    }

    /// <summary>The output size of the transposed convolution along a spatial dimension.</summary>
    public Dim Transposed(in InferenceContext x, int axis, Dim size)
    {
        var stride = At(strides, axis, 1);
        var extent = Extent(axis);
        if (!extent.IsKnown) return Dim.Unknown;
        if (autoPad is "SAME_UPPER" or "SAME_LOWER")
        {
            // A kernel shorter than the stride would need negative padding: by the specification it gets it, ONNX Runtime gives none and a smaller output.
            return extent.Size + At(outputPadding, axis, 0) < stride ? Dim.Unknown : DimArithmetic.Multiply(size, stride);
        }
        var more = extent.Size + At(outputPadding, axis, 0) - Padding(axis) - stride;
        if (!size.IsKnown) return stride == 1 && more == 0 ? size : Dim.Unknown;
        var result = DimArithmetic.Add(DimArithmetic.Multiply(size, stride), more);
        return result.IsKnown ? result : throw x.Conflict($"the output would have a negative size along dimension {axis + 2}");
    }

    // The dilated kernel.
    Dim Extent(int axis)
    {
        var k = weight is not null && weight[axis + 2].IsKnown ? weight[axis + 2] : kernel is null ? Dim.Unknown : kernel[axis];
        return k.Size > 0 ? DimArithmetic.Add(DimArithmetic.Multiply(k.Size - 1, At(dilations, axis, 1)), 1L) : Dim.Unknown;
    }

    long Padding(int axis) => pads is null || autoPad is "VALID" ? 0 : pads[axis] + pads[axis + rank];

    static long At(long[]? values, int axis, long fallback) => values is null ? fallback : values[axis];

    static long[]? Read(in InferenceContext x, string name, int count, long least)
    {
        var values = x.Node.Ints(name);
        if (values is null) return null;
        // The format has the whole list or none; an empty one means the default.
        if (values.Length == 0) return null;
        if (values.Length != count) throw x.Conflict($"{name} has {values.Length} entries, {count} are needed");
        foreach (var v in values)
            if (v < least || v > int.MaxValue || v < -int.MaxValue) throw x.Conflict($"{name} holds {v}");
        return values;
    }
}
