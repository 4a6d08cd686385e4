using GraphRewriter.Ir;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Conversions between element types.</summary>
static class TypeOps
{
    /// <summary>The operators.</summary>
    internal static readonly TorchOp[] All =
    [
        TorchOp.Of("Cast", c => Convert(c[0], c.TypeOf(0), (ElementType)c.Node.Int("to"), Saturates(c))),
        TorchOp.Of("CastLike", c => Convert(c[0], c.TypeOf(0), c.TypeOf(1), Saturates(c))),
    ];

    /// <summary>
    /// Converts a tensor. Floats are rounded to nearest even, and cut towards zero to become integers. An integer beyond the range of the new type loses its higher bits, as
    /// in ONNX Runtime; a float beyond it gives what the processor's conversion gives, which ONNX leaves open.
    /// </summary>
    /// <param name="x">The tensor.</param>
    /// <param name="from">Its declared type.</param>
    /// <param name="to">The new type.</param>
    /// <param name="saturate">Whether a number too large for a float of 8 bits becomes the greatest of them.</param>
    internal static Tensor Convert(Tensor x, ElementType from, ElementType to, bool saturate = true)
    {
        if (Float8.Is(to)) return Float8.Round(Real(x, from), to, saturate);
        var held = TorchTensors.ScalarTypeOf(to);
        if (from == ElementType.UInt64 && to.IsFloat) x = UInt64Bits.ToDouble(x);
        if (to == ElementType.UInt64 && x.is_floating_point()) return UInt64Bits.FromReal(x);
        // To four bits ONNX Runtime rounds, halves away from zero.
        if (to.Bits == 4 && x.is_floating_point()) x = (x.to(ScalarType.Float64).abs() + 0.5).floor() * x.sign();
        return x.to(held).Wrapped(to);
    }

    /// <summary>What the attribute of that name says; it is for floats of 8 bits only.</summary>
    internal static bool Saturates(TorchCall c) => c.Node.Int("saturate", 1) == 1;

    /// <summary>Integers as float64, to be computed with there; floats as they are.</summary>
    internal static Tensor Real(Tensor x, ElementType type) => x.is_floating_point() ? x : Convert(x, type, ElementType.Float64);

    /// <summary>What was computed of <see cref="Real"/> numbers in their own type again.</summary>
    internal static Tensor FromReal(Tensor y, ElementType type) => type.IsInteger ? Convert(y, ElementType.Float64, type) : y;
}
