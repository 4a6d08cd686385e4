using System.Buffers.Binary;
using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>Makes the tensors that constant evaluation results in.</summary>
static class SmallTensor
{
    /// <summary>A tensor of an integer or bool type; numbers that do not fit lose their upper bits, as in the runtimes.</summary>
    public static TensorData OfIntegers(ElementType type, long[] dims, long[] numbers)
    {
        if (type == ElementType.Int64) return TensorData.FromInt64s(dims, numbers);
        var bytes = new byte[type.ByteCount(numbers.Length)];
        for (var i = 0; i < numbers.Length; i++)
        {
            switch (type)
            {
                case ElementType.Bool: bytes[i] = numbers[i] != 0 ? (byte)1 : (byte)0; break;
                case ElementType.Int8 or ElementType.UInt8: bytes[i] = unchecked((byte)numbers[i]); break;
                case ElementType.Int16 or ElementType.UInt16: BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(i * 2), unchecked((short)numbers[i])); break;
                case ElementType.Int32 or ElementType.UInt32: BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(i * 4), unchecked((int)numbers[i])); break;
                case ElementType.UInt64: BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(i * 8), numbers[i]); break;
                default: throw new NotSupportedException($"No conversion from integers to {type}.");
            }
        }
        return TensorData.FromBytes(type, dims, bytes);
    }

    /// <summary>A tensor whose elements are those of another at given places.</summary>
    public static TensorData Pick(TensorData source, long[] dims, int[] places)
    {
        var from = source.Bytes.Span;
        var width = source.Type.Bits / 8;
        var bytes = new byte[places.Length * width];
        for (var i = 0; i < places.Length; i++) from.Slice(places[i] * width, width).CopyTo(bytes.AsSpan(i * width));
        return TensorData.FromBytes(source.Type, dims, bytes);
    }

    /// <summary>The number of elements of a shape; more than <see cref="int.MaxValue"/> counts as that.</summary>
    public static int Count(ReadOnlySpan<long> dims)
    {
        Int128 count = 1;
        foreach (var d in dims)
        {
            if (d == 0) return 0;
            count = Int128.Min(count * d, int.MaxValue);
        }
        return (int)count;
    }

    /// <summary>How many elements lie between neighbours along each axis, row-major.</summary>
    public static int[] Strides(ReadOnlySpan<long> dims)
    {
        var strides = new int[dims.Length];
        var step = 1;
        for (var i = dims.Length - 1; i >= 0; i--)
        {
            strides[i] = step;
            step *= (int)Math.Max(1, dims[i]);
        }
        return strides;
    }

    /// <summary>For every element of a shape, row-major, the dot product of its coordinates with strides, counted from an offset.</summary>
    public static int[] Places(ReadOnlySpan<long> dims, ReadOnlySpan<int> strides, int offset = 0)
    {
        var places = new int[Count(dims)];
        var at = new long[dims.Length];
        var place = offset;
        for (var i = 0; i < places.Length; i++)
        {
            places[i] = place;
            for (var d = dims.Length - 1; d >= 0; d--)
            {
                place += strides[d];
                if (++at[d] < dims[d]) break;
                place -= strides[d] * (int)dims[d];
                at[d] = 0;
            }
        }
        return places;
    }

    /// <summary>For every element of a shape the place of the element of a smaller one that broadcasting puts there.</summary>
    public static int[] BroadcastPlaces(ReadOnlySpan<long> from, ReadOnlySpan<long> to)
    {
        var own = Strides(from);
        var strides = new int[to.Length];
        for (var i = 1; i <= from.Length; i++) strides[^i] = from[^i] == 1 ? 0 : own[^i];
        return Places(to, strides);
    }

    /// <summary>The shape two broadcast to; null where they do not.</summary>
    public static long[]? Broadcast(ReadOnlySpan<long> a, ReadOnlySpan<long> b)
    {
        var dims = new long[Math.Max(a.Length, b.Length)];
        for (var i = 1; i <= dims.Length; i++)
        {
            var (p, q) = (i <= a.Length ? a[^i] : 1, i <= b.Length ? b[^i] : 1);
            if (p != q && p != 1 && q != 1) return null;
            dims[^i] = p == 1 ? q : p;
        }
        return dims;
    }
}
