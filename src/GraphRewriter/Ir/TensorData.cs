using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace GraphRewriter.Ir;

/// <summary>
/// The contents of a constant tensor: element type, dimensions and little-endian row-major bytes, sub-byte types packed as the format packs them.
/// The bytes may be a view of a memory-mapped file; they are never written to.
/// </summary>
public sealed class TensorData
{
    readonly ReadOnlyMemory<byte> bytes;
    readonly byte[][]? strings;

    TensorData(ElementType type, long[] dims, ReadOnlyMemory<byte> bytes, byte[][]? strings, string? unavailable)
    {
        Type = type;
        Dims = dims;
        this.bytes = bytes;
        this.strings = strings;
        Unavailable = unavailable;
    }

    /// <summary>The element type.</summary>
    public ElementType Type { get; }

    /// <summary>The dimensions; empty for a scalar.</summary>
    public IReadOnlyList<long> Dims { get; }

    /// <summary>Why the contents cannot be had (external data missing, refused or of the wrong size); null where they can.</summary>
    public string? Unavailable { get; }

    /// <summary>The number of elements.</summary>
    public long Count => Dims.Aggregate(1L, (a, b) => checked(a * b));

    /// <summary>The shape.</summary>
    public Shape Shape => Shape.Of([.. Dims]);

    /// <summary>Little-endian row-major contents.</summary>
    /// <exception cref="ModelException">The contents are unavailable, or are strings.</exception>
    public ReadOnlyMemory<byte> Bytes => Unavailable is { } why
        ? throw new ModelException(ModelProblem.ExternalData, why)
        : strings is null ? bytes : throw new InvalidOperationException("A string tensor has no byte image.");

    /// <summary>UTF-8 strings of a string tensor.</summary>
    public IReadOnlyList<byte[]> Strings => strings ?? throw new InvalidOperationException($"A {Type} tensor has no strings.");

    /// <summary>Wraps bytes without copying them.</summary>
    /// <exception cref="ArgumentException">The byte count is not what type and dimensions say.</exception>
    public static TensorData FromBytes(ElementType type, ReadOnlySpan<long> dims, ReadOnlyMemory<byte> bytes)
    {
        var count = 1L;
        foreach (var d in dims) count = checked(count * d);
        var expected = type.ByteCount(count);
        return expected == bytes.Length
            ? new TensorData(type, dims.ToArray(), bytes, null, null)
            : throw new ArgumentException($"{type} tensor of {count} elements needs {expected} bytes, given {bytes.Length}.", nameof(bytes));
    }

    /// <summary>Makes a string tensor.</summary>
    public static TensorData FromStrings(ReadOnlySpan<long> dims, byte[][] strings) => new(ElementType.String, dims.ToArray(), default, strings, null);

    /// <summary>Makes a tensor whose contents cannot be had, with the reason.</summary>
    public static TensorData Missing(ElementType type, ReadOnlySpan<long> dims, string reason) => new(type, dims.ToArray(), default, null, reason);

    /// <summary>Makes a float32 tensor; the array is wrapped, not copied.</summary>
    public static TensorData FromFloats(ReadOnlySpan<long> dims, float[] values) => FromBytes(ElementType.Float32, dims, Wrap(values));

    /// <summary>Makes a float64 tensor; the array is wrapped, not copied.</summary>
    public static TensorData FromDoubles(ReadOnlySpan<long> dims, double[] values) => FromBytes(ElementType.Float64, dims, Wrap(values));

    /// <summary>Makes an int64 tensor; the array is wrapped, not copied.</summary>
    public static TensorData FromInt64s(ReadOnlySpan<long> dims, long[] values) => FromBytes(ElementType.Int64, dims, Wrap(values));

    /// <summary>Makes a bool tensor.</summary>
    public static TensorData FromBools(ReadOnlySpan<long> dims, bool[] values) => FromBytes(ElementType.Bool, dims, Wrap(values));

    /// <summary>Makes a rank-1 int64 tensor.</summary>
    public static TensorData Vector(params ReadOnlySpan<long> values) => FromInt64s([values.Length], values.ToArray());

    /// <summary>Makes an int64 scalar.</summary>
    public static TensorData Scalar(long value) => FromInt64s([], [value]);

    /// <summary>Makes a float scalar of the given float type, rounded to it.</summary>
    public static TensorData Scalar(double value, ElementType type = ElementType.Float32) => FromNumbers(type, [], [value]);

    /// <summary>Makes a tensor of any numeric type of at least 8 bits from doubles, rounding floats to nearest even and truncating integers.</summary>
    /// <exception cref="NotSupportedException">The type is a string, complex, sub-byte or 8-bit float type.</exception>
    public static TensorData FromNumbers(ElementType type, ReadOnlySpan<long> dims, ReadOnlySpan<double> values)
    {
        var buffer = new byte[type.ByteCount(values.Length)];
        for (var i = 0; i < values.Length; i++)
        {
            var v = values[i];
            switch (type)
            {
                case ElementType.Float32: Put<float>(buffer, i, (float)v); break;
                case ElementType.Float64: Put<double>(buffer, i, v); break;
                case ElementType.Float16: Put<Half>(buffer, i, (Half)v); break;
                case ElementType.BFloat16: Put<ushort>(buffer, i, ToBFloat16((float)v)); break;
                case ElementType.Int64: Put<long>(buffer, i, (long)v); break;
                case ElementType.Int32: Put<int>(buffer, i, (int)v); break;
                case ElementType.Int16: Put<short>(buffer, i, (short)v); break;
                case ElementType.Int8: buffer[i] = (byte)(sbyte)v; break;
                case ElementType.UInt64: Put<ulong>(buffer, i, (ulong)v); break;
                case ElementType.UInt32: Put<uint>(buffer, i, (uint)v); break;
                case ElementType.UInt16: Put<ushort>(buffer, i, (ushort)v); break;
                case ElementType.UInt8: buffer[i] = (byte)v; break;
                case ElementType.Bool: buffer[i] = v != 0 ? (byte)1 : (byte)0; break;
                default: throw new NotSupportedException($"No conversion from numbers to {type}.");
            }
        }
        return FromBytes(type, dims, buffer);
    }

    /// <summary>The contents as float32 without copying.</summary>
    /// <exception cref="InvalidOperationException">The type is not float32.</exception>
    public ReadOnlySpan<float> Float32Span => Type == ElementType.Float32
        ? MemoryMarshal.Cast<byte, float>(Bytes.Span)
        : throw new InvalidOperationException($"Expected float32, the tensor is {Type}.");

    /// <summary>The contents converted to float32, from any float, integer or bool type (narrow floats are widened exactly, float64 and wide integers rounded).</summary>
    /// <exception cref="NotSupportedException">The type is a string or complex type.</exception>
    public float[] ToFloats()
    {
        var n = checked((int)Count);
        var result = new float[n];
        if (Type == ElementType.Float32)
        {
            Float32Span.CopyTo(result);
            return result;
        }
        var source = Bytes.Span;
        for (var i = 0; i < n; i++) result[i] = (float)NumberCodec.Read(Type, source, i);
        return result;
    }

    /// <summary>The contents converted to float64, from any float, integer or bool type.</summary>
    /// <exception cref="NotSupportedException">The type is a string or complex type.</exception>
    public double[] ToDoubles()
    {
        var n = checked((int)Count);
        var result = new double[n];
        var source = Bytes.Span;
        for (var i = 0; i < n; i++) result[i] = NumberCodec.Read(Type, source, i);
        return result;
    }

    /// <summary>The contents of an integer or bool tensor as int64.</summary>
    /// <exception cref="NotSupportedException">The type is not an integer or bool.</exception>
    public long[] ToInt64s()
    {
        if (Type == ElementType.Int64) return MemoryMarshal.Cast<byte, long>(Bytes.Span).ToArray();
        if (!Type.IsInteger && Type != ElementType.Bool) throw new NotSupportedException($"A {Type} tensor does not hold integers.");
        var n = checked((int)Count);
        var result = new long[n];
        var source = Bytes.Span;
        for (var i = 0; i < n; i++) result[i] = Type == ElementType.UInt64 ? BinaryPrimitives.ReadInt64LittleEndian(source[(i * 8)..]) : (long)NumberCodec.Read(Type, source, i);
        return result;
    }

    /// <summary>The same bytes under other dimensions.</summary>
    /// <exception cref="ArgumentException">The element count differs.</exception>
    public TensorData Reshaped(params ReadOnlySpan<long> dims) => strings is not null ? FromStrings(dims, strings)
        : Unavailable is { } why ? Missing(Type, dims, why)
        : FromBytes(Type, dims, bytes);

    /// <summary>Element type and dimensions, without contents.</summary>
    public override string ToString() => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Type}[{string.Join(',', Dims)}]");

    /// <summary>Rounds a float32 to bfloat16, to nearest, ties to even; NaN stays NaN.</summary>
    internal static ushort ToBFloat16(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    static void Put<T>(Span<byte> buffer, int index, T value) where T : unmanaged => MemoryMarshal.Cast<byte, T>(buffer)[index] = value;

    static ReadOnlyMemory<byte> Wrap<T>(T[] values) where T : unmanaged => new ArrayBytes<T>(values).Memory;
}
