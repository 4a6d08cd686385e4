using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>Operators that move constants about without computing.</summary>
static class ConstantMovement
{
    internal static readonly ConstantRule[] All =
    [
        new("Identity", 1, (in x) => x.Evaluated(0, x.Constant(0)!)),
        new("Reshape", 2, Reshaped),
        new("Flatten", 1, Reshaped),
        new("Squeeze", 1, Reshaped),
        new("Unsqueeze", 1, Reshaped),
        new("Transpose", 1, Transpose),
        new("Expand", 2, Expand),
        new("Tile", 2, Tile),
        new("Concat", 1, Concat),
        new("Split", 1, Split),
        new("Slice", 3, Slice),
        new("Gather", 2, Gather),
        new("GatherElements", 2, GatherElements),
        new("GatherND", 2, GatherNd),
        new("ScatterElements", 3, ScatterElements),
        new("ScatterND", 3, ScatterNd),
        new("Trilu", 1, Trilu),
    ];

    // The shape is known already; where it is not, neither are the contents' dimensions.
    static void Reshaped(in InferenceContext x)
    {
        if (x.Node.Output.Shape is { IsStatic: true } shape) x.Evaluated(0, x.Constant(0)!.Reshaped(shape.ToArray()));
    }

    static void Transpose(in InferenceContext x)
    {
        var data = x.Constant(0)!;
        long[] dims = [.. data.Dims];
        var own = SmallTensor.Strides(dims);
        var perm = x.Node.Ints("perm");
        var result = new long[dims.Length];
        var strides = new int[dims.Length];
        for (var i = 0; i < dims.Length; i++)
        {
            var from = perm is null ? dims.Length - 1 - i : x.Axis(perm[i], dims.Length);
            (result[i], strides[i]) = (dims[from], own[from]);
        }
        x.Evaluated(0, SmallTensor.Pick(data, result, SmallTensor.Places(result, strides)));
    }

    static void Expand(in InferenceContext x)
    {
        var data = x.Constant(0)!;
        if (x.Node.Output.Shape is not { IsStatic: true } shape) return;
        x.Evaluated(0, SmallTensor.Pick(data, shape.ToArray(), SmallTensor.BroadcastPlaces([.. data.Dims], shape.ToArray())));
    }

    static void Tile(in InferenceContext x)
    {
        var data = x.Constant(0)!;
        if (x.Node.Output.Shape is not { IsStatic: true } shape) return;
        long[] from = [.. data.Dims];
        var own = SmallTensor.Strides(from);
        Pick(x, data, shape.ToArray(), at =>
        {
            var place = 0L;
            for (var d = 0; d < from.Length; d++) place += at[d] % from[d] * own[d];
            return place;
        });
    }

    static void Concat(in InferenceContext x)
    {
        if (x.Node.Output.Shape is not { IsStatic: true } shape) return;
        var type = x.Constant(0)!.Type;
        var dims = shape.ToArray();
        var axis = x.Axis(x.Node.Int("axis"), dims.Length);
        var width = type.Bits / 8;
        var outer = SmallTensor.Count(dims.AsSpan(0, axis));
        var row = SmallTensor.Count(dims.AsSpan(axis)) * width;
        var bytes = new byte[outer * row];
        var offset = 0;
        for (var i = 0; i < x.InputCount; i++)
        {
            var part = x.Constant(i);
            if (part is null || part.Type != type) return;
            var piece = part.Bytes.Span;
            var length = outer == 0 ? 0 : piece.Length / outer;
            for (var o = 0; o < outer; o++) piece.Slice(o * length, length).CopyTo(bytes.AsSpan(o * row + offset));
            offset += length;
        }
        x.Evaluated(0, TensorData.FromBytes(type, dims, bytes));
    }

    static void Split(in InferenceContext x)
    {
        var data = x.Constant(0)!;
        long[] dims = [.. data.Dims];
        var axis = x.Axis(x.Node.Int("axis"), dims.Length);
        var strides = SmallTensor.Strides(dims);
        var offset = 0;
        for (var i = 0; i < x.Node.Outputs.Count; i++)
        {
            if (x.Node.OutputAt(i) is not { Shape: { IsStatic: true } shape }) return;
            var part = shape.ToArray();
            if (SmallTensor.Count(part) > 0) x.Evaluated(i, SmallTensor.Pick(data, part, SmallTensor.Places(part, strides, offset)));
            offset += (int)part[axis] * strides[axis];
        }
    }

    static void Slice(in InferenceContext x)
    {
        var data = x.Constant(0)!;
        long[] dims = [.. data.Dims];
        if (x.Integers(1) is not { } starts || x.Integers(2) is not { } ends) return;
        var (axes, steps) = (x.Integers(3), x.Integers(4));
        if ((x.HasInput(3) && axes is null) || (x.HasInput(4) && steps is null)) return;
        var strides = SmallTensor.Strides(dims);
        var result = dims.ToArray();
        var offset = 0L;
        for (var i = 0; i < starts.Length; i++)
        {
            var axis = x.Axis(axes is null ? i : axes[i], dims.Length);
            var step = steps is null ? 1 : steps[i];
            if (step == 0) return;
            var (first, count) = SliceRange.Indices(starts[i], ends[i], step, dims[axis]);
            result[axis] = count;
            offset += first * strides[axis];
            // A step beyond the axis leaves one element, whatever it is.
            strides[axis] = count > 1 ? strides[axis] * (int)step : 0;
        }
        x.Evaluated(0, SmallTensor.Pick(data, result, SmallTensor.Places(result, strides, (int)offset)));
    }

    static void Gather(in InferenceContext x)
    {
        var data = x.Constant(0)!;
        if (x.Integers(1) is not { } indices || x.Node.Output.Shape is not { IsStatic: true } shape) return;
        long[] dims = [.. data.Dims];
        var axis = x.Axis(x.Node.Int("axis"), dims.Length);
        var inner = SmallTensor.Count(dims.AsSpan(axis + 1));
        var outer = SmallTensor.Count(dims.AsSpan(0, axis));
        var places = new int[outer * indices.Length * inner];
        var p = 0;
        for (var o = 0; o < outer; o++)
        {
            foreach (var index in indices)
            {
                var at = x.Axis(index, (int)dims[axis]);
                for (var i = 0; i < inner; i++) places[p++] = (o * (int)dims[axis] + at) * inner + i;
            }
        }
        x.Evaluated(0, SmallTensor.Pick(data, shape.ToArray(), places));
    }

    static void GatherElements(in InferenceContext x)
    {
        var data = x.Constant(0)!;
        if (x.Integers(1) is not { } indices) return;
        long[] dims = [.. data.Dims];
        var axis = x.Axis(x.Node.Int("axis"), dims.Length);
        var strides = SmallTensor.Strides(dims);
        long[] result = [.. x.Constant(1)!.Dims];
        var along = strides[axis];
        strides[axis] = 0;
        var places = SmallTensor.Places(result, strides);
        for (var i = 0; i < places.Length; i++) places[i] += x.Axis(indices[i], (int)dims[axis]) * along;
        x.Evaluated(0, SmallTensor.Pick(data, result, places));
    }

    static void GatherNd(in InferenceContext x)
    {
        var data = x.Constant(0)!;
        if (x.Constant(1) is not { Dims.Count: > 0 } || x.Integers(1) is not { } indices) return;
        if (x.Node.Int("batch_dims") != 0 || x.Node.Output.Shape is not { IsStatic: true } shape) return;
        var starts = Starts(x, data, indices, out var inner);
        var places = new int[starts.Length * inner];
        for (var i = 0; i < places.Length; i++) places[i] = starts[i / inner] + i % inner;
        x.Evaluated(0, SmallTensor.Pick(data, shape.ToArray(), places));
    }

    static void ScatterNd(in InferenceContext x)
    {
        var (data, updates) = (x.Constant(0)!, x.Constant(2)!);
        if (x.Constant(1) is not { Dims.Count: > 0 } || x.Integers(1) is not { } indices) return;
        if (updates.Type != data.Type || x.Node.String("reduction", "none") is not "none") return;
        var starts = Starts(x, data, indices, out var inner);
        var width = inner * data.Type.Bits / 8;
        var bytes = data.Bytes.ToArray();
        if (updates.Bytes.Length != starts.Length * width) throw x.Conflict("the updates do not fit the indices");
        for (var i = 0; i < starts.Length; i++) updates.Bytes.Span.Slice(i * width, width).CopyTo(bytes.AsSpan(starts[i] * data.Type.Bits / 8));
        x.Evaluated(0, TensorData.FromBytes(data.Type, [.. data.Dims], bytes));
    }

    // The place of the first element that each row of coordinates points to, and how many elements it points to.
    static int[] Starts(in InferenceContext x, TensorData data, long[] indices, out int inner)
    {
        long[] dims = [.. data.Dims];
        var depth = (int)x.Constant(1)!.Dims[^1];
        if (depth < 1 || depth > dims.Length) throw x.Conflict($"indices of {depth} coordinates do not fit");
        var strides = SmallTensor.Strides(dims);
        inner = SmallTensor.Count(dims.AsSpan(depth));
        var starts = new int[indices.Length / depth];
        for (var i = 0; i < indices.Length; i++) starts[i / depth] += x.Axis(indices[i], (int)dims[i % depth]) * strides[i % depth];
        return starts;
    }

    static void ScatterElements(in InferenceContext x)
    {
        var (data, updates) = (x.Constant(0)!, x.Constant(2)!);
        if (x.Integers(1) is not { } indices || updates.Type != data.Type || x.Node.String("reduction", "none") is not "none") return;
        if (!updates.Dims.SequenceEqual(x.Constant(1)!.Dims)) throw x.Conflict("the updates are not shaped like the indices");
        long[] dims = [.. data.Dims];
        var axis = x.Axis(x.Node.Int("axis"), dims.Length);
        var strides = SmallTensor.Strides(dims);
        var along = strides[axis];
        strides[axis] = 0;
        var places = SmallTensor.Places([.. updates.Dims], strides);
        var width = data.Type.Bits / 8;
        var bytes = data.Bytes.ToArray();
        for (var i = 0; i < places.Length; i++)
            updates.Bytes.Span.Slice(i * width, width).CopyTo(bytes.AsSpan((places[i] + x.Axis(indices[i], (int)dims[axis]) * along) * width));
        x.Evaluated(0, TensorData.FromBytes(data.Type, dims, bytes));
    }

    static void Trilu(in InferenceContext x)
    {
        var data = x.Constant(0)!;
        if (data.Dims.Count < 2 || (x.HasInput(1) && x.Integers(1) is not { Length: 1 })) return;
        var k = x.Integers(1)?[0] ?? 0;
        var upper = x.Node.Int("upper", 1) != 0;
        var (rows, columns) = (data.Dims[^2], data.Dims[^1]);
        var width = data.Type.Bits / 8;
        var bytes = data.Bytes.ToArray();
        for (var i = 0; i < bytes.Length / width; i++)
        {
            var (row, column) = (i / columns % rows, i % columns);
            if (upper ? column - row < k : column - row > k) bytes.AsSpan(i * width, width).Clear();
        }
        x.Evaluated(0, TensorData.FromBytes(data.Type, [.. data.Dims], bytes));
    }

    static void Pick(in InferenceContext x, TensorData data, long[] dims, Func<long[], long> place)
    {
        var places = new int[SmallTensor.Count(dims)];
        var at = new long[dims.Length];
        for (var i = 0; i < places.Length; i++)
        {
            places[i] = (int)place(at);
            for (var d = dims.Length - 1; d >= 0 && ++at[d] == dims[d]; d--) at[d] = 0;
        }
        x.Evaluated(0, SmallTensor.Pick(data, dims, places));
    }
}
