using System.Buffers.Binary;

namespace GraphRewriter.Ir;

/// <summary>Reads single elements of any numeric type. The narrow float formats follow the ONNX specification of float stored in 8 and 4 bits.</summary>
static class NumberCodec
{
    /// <summary>The element at an index as a double; exact for every type but 64-bit integers beyond 2^53.</summary>
    public static double Read(ElementType type, ReadOnlySpan<byte> bytes, int index) => type switch
    {
        ElementType.Float32 => BinaryPrimitives.ReadSingleLittleEndian(bytes[(index * 4)..]),
        ElementType.Float64 => BinaryPrimitives.ReadDoubleLittleEndian(bytes[(index * 8)..]),
        ElementType.Float16 => (double)BinaryPrimitives.ReadHalfLittleEndian(bytes[(index * 2)..]),
        ElementType.BFloat16 => BitConverter.UInt32BitsToSingle((uint)BinaryPrimitives.ReadUInt16LittleEndian(bytes[(index * 2)..]) << 16),
        ElementType.UInt8 or ElementType.Bool => bytes[index],
        ElementType.Int8 => (sbyte)bytes[index],
        ElementType.UInt16 => BinaryPrimitives.ReadUInt16LittleEndian(bytes[(index * 2)..]),
        ElementType.Int16 => BinaryPrimitives.ReadInt16LittleEndian(bytes[(index * 2)..]),
        ElementType.UInt32 => BinaryPrimitives.ReadUInt32LittleEndian(bytes[(index * 4)..]),
        ElementType.Int32 => BinaryPrimitives.ReadInt32LittleEndian(bytes[(index * 4)..]),
        ElementType.UInt64 => BinaryPrimitives.ReadUInt64LittleEndian(bytes[(index * 8)..]),
        ElementType.Int64 => BinaryPrimitives.ReadInt64LittleEndian(bytes[(index * 8)..]),
        ElementType.UInt4 => Nibble(bytes, index),
        ElementType.Int4 => (Nibble(bytes, index) ^ 8) - 8,
        ElementType.UInt2 => Crumb(bytes, index),
        ElementType.Int2 => (Crumb(bytes, index) ^ 2) - 2,
        ElementType.Float4E2M1 => Float4(Nibble(bytes, index)),
        ElementType.Float8E4M3FN => Float8(bytes[index], 4, 7, unsignedZero: false, infinities: false),
        ElementType.Float8E4M3FNUZ => Float8(bytes[index], 4, 8, unsignedZero: true, infinities: false),
        ElementType.Float8E5M2 => Float8(bytes[index], 5, 15, unsignedZero: false, infinities: true),
        ElementType.Float8E5M2FNUZ => Float8(bytes[index], 5, 16, unsignedZero: true, infinities: false),
        ElementType.Float8E8M0 => bytes[index] == 0xFF ? double.NaN : Math.ScaleB(1, bytes[index] - 127),
        _ => throw new NotSupportedException($"Elements of type {type} are not numbers."),
    };

    static int Nibble(ReadOnlySpan<byte> bytes, int index) => (bytes[index / 2] >> (index % 2 * 4)) & 15;

    static int Crumb(ReadOnlySpan<byte> bytes, int index) => (bytes[index / 4] >> (index % 4 * 2)) & 3;

    static double Float4(int code)
    {
        ReadOnlySpan<double> magnitudes = [0, 0.5, 1, 1.5, 2, 3, 4, 6];
        return (code & 8) != 0 ? -magnitudes[code & 7] : magnitudes[code & 7];
    }

    static double Float8(byte code, int exponentBits, int bias, bool unsignedZero, bool infinities)
    {
        var mantissaBits = 7 - exponentBits;
        var mantissa = code & ((1 << mantissaBits) - 1);
        var exponent = (code >> mantissaBits) & ((1 << exponentBits) - 1);
        var sign = (code & 0x80) != 0 ? -1.0 : 1.0;
        var top = (1 << exponentBits) - 1;
        if (unsignedZero && code == 0x80) return double.NaN;
        if (infinities && exponent == top) return mantissa == 0 ? sign * double.PositiveInfinity : double.NaN;
        if (!unsignedZero && !infinities && (code & 0x7F) == 0x7F) return double.NaN;
        var scale = 1 << mantissaBits;
        return exponent == 0
            ? sign * Math.ScaleB((double)mantissa / scale, 1 - bias)
            : sign * Math.ScaleB(1 + (double)mantissa / scale, exponent - bias);
    }
}
