using GraphRewriter.Ir;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Conversions between element types.</summary>
static class TypeOps
{
    /// <summary>The operators.</summary>
    internal static readonly TorchOp[] All =
    [
        TorchOp.Of("Cast", c => Cast(c, c[0], c.TypeOf(0), (ElementType)c.Node.Int("to"))),
        TorchOp.Of("CastLike", c => Cast(c, c[0], c.TypeOf(0), c.TypeOf(1))),
    ];

    /// <summary>
    /// Converts a tensor. Floats are rounded to nearest even, and cut towards zero to become integers; a float beyond an integer type's range gives what the processor's
    /// own conversion gives, and an integer beyond it loses its higher bits, both as in ONNX Runtime.
    /// </summary>
    internal static Tensor Cast(TorchCall c, Tensor x, ElementType from, ElementType to)
    {
        if (from is ElementType.String) throw c.Refuse("it reads numbers from text");
        var held = TorchTensors.ScalarTypeOf(to);
        if (from == ElementType.UInt64 && held is ScalarType.Float16 or ScalarType.BFloat16 or ScalarType.Float32 or ScalarType.Float64) x = UInt64Bits.ToDouble(x);
        if (to == ElementType.UInt64 && x.is_floating_point()) return UInt64Bits.FromReal(x);
        // To four bits ONNX Runtime rounds, halves away from zero.
        if (to.Bits == 4 && x.is_floating_point()) x = (x.to(ScalarType.Float64).abs() + 0.5).floor() * x.sign();
        return x.to(held).Wrapped(to);
    }
}
