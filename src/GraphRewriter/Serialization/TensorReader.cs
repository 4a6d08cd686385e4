using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Google.Protobuf.Collections;
using GraphRewriter.Ir;
using GraphRewriter.Onnx;

namespace GraphRewriter.Serialization;

/// <summary>Turns stored tensors into <see cref="TensorData"/>; raw and external contents are not copied, typed fields once.</summary>
sealed class TensorReader(ReadContext context)
{
    /// <summary>The tensor. Where it breaks the rules an error is noted and a tensor without contents returned, so that reading goes on to the next error.</summary>
    /// <param name="proto">The stored tensor.</param>
    /// <param name="where">How messages name it.</param>
    /// <exception cref="ModelException">The declared size exceeds the budget.</exception>
    public TensorData Read(TensorProto proto, string where)
    {
        var type = (ElementType)proto.DataType;
        var dims = UnsafeCollectionOperations.AsSpan(proto.Dims).ToArray();
        if (!Enum.IsDefined(type) || type == ElementType.Undefined)
            return Broken(ElementType.Undefined, [], where, $"has the unknown element type {proto.DataType}");
        if (Array.Exists(dims, d => d < 0))
            return Broken(type, [], where, $"has negative dimensions [{string.Join(',', dims)}]");

        var size = SizeOf(type, dims, where);
        context.Reserve(size, where);
        if (proto.DataLocation == TensorProto.Types.DataLocation.External) return ReadExternal(proto, type, dims, size, where);
        return type == ElementType.String ? ReadStrings(proto, dims, where) : ReadNumbers(proto, type, dims, size, where);
    }

    /// <summary>The sparse tensor, checked like a dense one; null where it breaks the rules and an error was noted.</summary>
    public SparseTensorData? ReadSparse(SparseTensorProto proto, string where)
    {
        if (proto.Values is null || (proto.Indices is null && proto.Values.Dims.Any(d => d != 0)))
        {
            context.Errors.Add($"{where}: the sparse tensor has no values or no indices");
            return null;
        }
        var values = Read(proto.Values, where + " (values)");
        var indices = proto.Indices is null ? TensorData.FromInt64s([0], []) : Read(proto.Indices, where + " (indices)");
        long[] dims = [.. proto.Dims];
        if (Array.Exists(dims, d => d <= 0))
        {
            context.Errors.Add($"{where}: the sparse tensor has dimensions [{string.Join(',', dims)}], all must be positive");
            return null;
        }
        context.Reserve(SizeOf(values.Type, dims, where), where);
        if (values.Unavailable is null && indices.Unavailable is null && SparseFault(values, indices, dims) is { } fault)
        {
            context.Errors.Add($"{where}: {fault}");
            return null;
        }
        return new SparseTensorData(values, indices, dims);
    }

    static string? SparseFault(TensorData values, TensorData indices, long[] dims)
    {
        if (values.Dims.Count != 1) return $"the values of a sparse tensor must have rank 1, not {values.Dims.Count}";
        if (indices.Type != ElementType.Int64) return $"the indices of a sparse tensor must be Int64, not {indices.Type}";
        var count = values.Dims[0];
        var linear = indices.Dims.Count == 1 && indices.Dims[0] == count;
        if (!linear && !(indices.Dims.Count == 2 && indices.Dims[0] == count && indices.Dims[1] == dims.Length))
            return $"{count} sparse values need indices [{count}] or [{count},{dims.Length}], given [{string.Join(',', indices.Dims)}]";
        var total = dims.Aggregate(1L, (a, b) => a * b);
        var at = MemoryMarshal.Cast<byte, long>(indices.Bytes.Span);
        for (var i = 0; i < at.Length; i++)
            if (at[i] < 0 || at[i] >= (linear ? total : dims[i % dims.Length])) return $"the sparse index {at[i]} lies outside dimensions [{string.Join(',', dims)}]";
        return null;
    }

    static long SizeOf(ElementType type, long[] dims, string where)
    {
        try
        {
            var count = 1L;
            foreach (var d in dims) count = checked(count * d);
            return type.ByteCount(count);
        }
        catch (OverflowException)
        {
            ReadContext.Exhausted(where, $"dimensions [{string.Join(',', dims)}] whose size does not fit 64 bits");
            throw;
        }
    }

    TensorData ReadExternal(TensorProto proto, ElementType type, long[] dims, long size, string where)
    {
        if (type == ElementType.String) return Broken(type, dims, where, "is a string tensor with external data, which the format does not allow");
        var (bytes, problem) = context.External.Resolve(proto.ExternalData, size, where);
        if (problem is null) return TensorData.FromBytes(type, dims, bytes);
        context.Problems.Add(problem);
        return TensorData.Missing(type, dims, $"{problem.Where}: {problem.Message}");
    }

    TensorData ReadStrings(TensorProto proto, long[] dims, string where)
    {
        var count = dims.Aggregate(1L, (a, b) => a * b);
        if (proto.HasRawData && proto.RawData.Length > 0) return Broken(ElementType.String, dims, where, "is a string tensor with raw data, which the format does not allow");
        return proto.StringData.Count == count
            ? TensorData.FromStrings(dims, [.. proto.StringData.Select(s => s.ToByteArray())])
            : Broken(ElementType.String, dims, where, $"declares dimensions [{string.Join(',', dims)}] ({count} strings) and holds {proto.StringData.Count}");
    }

    TensorData ReadNumbers(TensorProto proto, ElementType type, long[] dims, long size, string where)
    {
        var isRaw = proto.HasRawData && (proto.RawData.Length > 0 || size == 0);
        var typed = TypedField(proto, type);
        // Compared before anything is converted: the field may hold far more than the dimensions declare.
        var held = isRaw ? proto.RawData.Length : typed.Length;
        if (held != size || size > Array.MaxLength)
            return Broken(type, dims, where, $"declares {type} [{string.Join(',', dims)}], which takes {size} bytes, and holds {held}{(held == size ? ", more than can be read" : "")}");
        return TensorData.FromBytes(type, dims, isRaw ? proto.RawData.Memory : typed.ToBytes());
    }

    /// <summary>The bytes that a type's field holds, counted, and how to get them.</summary>
    static (long Length, Func<byte[]> ToBytes) TypedField(TensorProto proto, ElementType type) => type switch
    {
        ElementType.Float32 or ElementType.Complex64 => (4L * proto.FloatData.Count, () => Copied(proto.FloatData)),
        ElementType.Float64 or ElementType.Complex128 => (8L * proto.DoubleData.Count, () => Copied(proto.DoubleData)),
        ElementType.Int64 => (8L * proto.Int64Data.Count, () => Copied(proto.Int64Data)),
        ElementType.UInt64 => (8L * proto.Uint64Data.Count, () => Copied(proto.Uint64Data)),
        ElementType.UInt32 => (4L * proto.Uint64Data.Count, () => Narrowed(proto.Uint64Data, v => (uint)v)),
        ElementType.Int32 => (4L * proto.Int32Data.Count, () => Copied(proto.Int32Data)),
        // The narrow types are stored one number (sub-byte types: one packed byte) to an int32; narrow floats by their bits.
        _ when type.Bits == 16 => (2L * proto.Int32Data.Count, () => Narrowed(proto.Int32Data, v => (ushort)v)),
        _ => (proto.Int32Data.Count, () => Narrowed(proto.Int32Data, v => (byte)v)),
    };

    static byte[] Copied<T>(RepeatedField<T> field) where T : unmanaged => MemoryMarshal.AsBytes(UnsafeCollectionOperations.AsSpan(field)).ToArray();

    static byte[] Narrowed<TWide, TNarrow>(RepeatedField<TWide> field, Func<TWide, TNarrow> narrow) where TWide : unmanaged where TNarrow : unmanaged
    {
        var result = new byte[field.Count * Marshal.SizeOf<TNarrow>()];
        var target = MemoryMarshal.Cast<byte, TNarrow>(result.AsSpan());
        for (var i = 0; i < field.Count; i++) target[i] = narrow(field[i]);
        return result;
    }

    TensorData Broken(ElementType type, long[] dims, string where, string fault)
    {
        var message = string.Create(CultureInfo.InvariantCulture, $"{where} {fault}");
        context.Errors.Add(message);
        return TensorData.Missing(type, dims, message);
    }
}
