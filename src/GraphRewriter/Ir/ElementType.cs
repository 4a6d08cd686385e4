namespace GraphRewriter.Ir;

/// <summary>The element types of ONNX tensors; the numbers are those of the format (TensorProto.DataType).</summary>
public enum ElementType
{
    /// <summary>Not stated by the model and not inferred.</summary>
    Undefined = 0,
    /// <summary>IEEE 754 binary32.</summary>
    Float32 = 1,
    /// <summary>Unsigned 8-bit integer.</summary>
    UInt8 = 2,
    /// <summary>Signed 8-bit integer.</summary>
    Int8 = 3,
    /// <summary>Unsigned 16-bit integer.</summary>
    UInt16 = 4,
    /// <summary>Signed 16-bit integer.</summary>
    Int16 = 5,
    /// <summary>Signed 32-bit integer.</summary>
    Int32 = 6,
    /// <summary>Signed 64-bit integer.</summary>
    Int64 = 7,
    /// <summary>UTF-8 strings of any length.</summary>
    String = 8,
    /// <summary>One byte, 0 or 1.</summary>
    Bool = 9,
    /// <summary>IEEE 754 binary16.</summary>
    Float16 = 10,
    /// <summary>IEEE 754 binary64.</summary>
    Float64 = 11,
    /// <summary>Unsigned 32-bit integer.</summary>
    UInt32 = 12,
    /// <summary>Unsigned 64-bit integer.</summary>
    UInt64 = 13,
    /// <summary>Two binary32 numbers: real, imaginary.</summary>
    Complex64 = 14,
    /// <summary>Two binary64 numbers: real, imaginary.</summary>
    Complex128 = 15,
    /// <summary>The upper 16 bits of binary32.</summary>
    BFloat16 = 16,
    /// <summary>8-bit float: 4 exponent bits, 3 mantissa bits, finite, with NaN.</summary>
    Float8E4M3FN = 17,
    /// <summary>As <see cref="Float8E4M3FN"/>, bias 8, no negative zero.</summary>
    Float8E4M3FNUZ = 18,
    /// <summary>8-bit float: 5 exponent bits, 2 mantissa bits, with infinities.</summary>
    Float8E5M2 = 19,
    /// <summary>As <see cref="Float8E5M2"/>, bias 16, finite, no negative zero.</summary>
    Float8E5M2FNUZ = 20,
    /// <summary>Unsigned 4-bit integer, two to a byte, the first in the low bits.</summary>
    UInt4 = 21,
    /// <summary>Signed 4-bit integer, two to a byte, the first in the low bits.</summary>
    Int4 = 22,
    /// <summary>4-bit float: 2 exponent bits, 1 mantissa bit, two to a byte.</summary>
    Float4E2M1 = 23,
    /// <summary>8-bit power-of-two scale: an exponent without sign or mantissa.</summary>
    Float8E8M0 = 24,
    /// <summary>Unsigned 2-bit integer, four to a byte.</summary>
    UInt2 = 25,
    /// <summary>Signed 2-bit integer, four to a byte.</summary>
    Int2 = 26,
}

/// <summary>Facts about element types.</summary>
public static class ElementTypes
{
    extension(ElementType type)
    {
        /// <summary>Storage of one element in bits; 0 for strings and undefined types, which have no fixed size.</summary>
        public int Bits => type switch
        {
            ElementType.UInt2 or ElementType.Int2 => 2,
            ElementType.UInt4 or ElementType.Int4 or ElementType.Float4E2M1 => 4,
            ElementType.UInt8 or ElementType.Int8 or ElementType.Bool
                or ElementType.Float8E4M3FN or ElementType.Float8E4M3FNUZ
                or ElementType.Float8E5M2 or ElementType.Float8E5M2FNUZ or ElementType.Float8E8M0 => 8,
            ElementType.UInt16 or ElementType.Int16 or ElementType.Float16 or ElementType.BFloat16 => 16,
            ElementType.Float32 or ElementType.Int32 or ElementType.UInt32 => 32,
            ElementType.Float64 or ElementType.Int64 or ElementType.UInt64 or ElementType.Complex64 => 64,
            ElementType.Complex128 => 128,
            _ => 0,
        };

        /// <summary>Whether the type is one that gradients flow through: float32, float64, float16 or bfloat16.</summary>
        public bool IsFloat => type is ElementType.Float32 or ElementType.Float64 or ElementType.Float16 or ElementType.BFloat16;

        /// <summary>Whether the type holds whole numbers (signed or unsigned, bool not counted).</summary>
        public bool IsInteger => type is ElementType.UInt2 or ElementType.Int2 or ElementType.UInt4 or ElementType.Int4
            or ElementType.UInt8 or ElementType.Int8 or ElementType.UInt16 or ElementType.Int16
            or ElementType.UInt32 or ElementType.Int32 or ElementType.UInt64 or ElementType.Int64;

        /// <summary>Bytes that <paramref name="count"/> elements take when packed as the format does.</summary>
        /// <exception cref="OverflowException">The size does not fit 64 bits.</exception>
        public long ByteCount(long count) => checked((count * type.Bits + 7) / 8);
    }
}
