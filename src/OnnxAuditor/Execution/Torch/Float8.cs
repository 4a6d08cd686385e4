using GraphRewriter.Ir;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Floats of 8 bits, which TorchSharp has no tensors of. They are held in float32 by their values.</summary>
static class Float8
{
    /// <summary>A layout of the bits.</summary>
    /// <param name="Mantissa">Bits of the mantissa.</param>
    /// <param name="Least">The exponent of the smallest normal number.</param>
    /// <param name="Greatest">The greatest finite number.</param>
    /// <param name="Unsigned">Whether zero has no sign; its negative code stands for NaN then.</param>
    /// <param name="Infinite">Whether there are infinities.</param>
    readonly record struct Layout(int Mantissa, int Least, float Greatest, bool Unsigned = false, bool Infinite = false);

    /// <summary>Whether the type is one of them.</summary>
    internal static bool Is(ElementType type) => type is ElementType.Float8E4M3FN or ElementType.Float8E4M3FNUZ or ElementType.Float8E5M2 or ElementType.Float8E5M2FNUZ;

    /// <summary>The nearest numbers of a type, of two equally near ones the even one. Floats of 8 bits carry no gradient.</summary>
    /// <param name="x">Floats.</param>
    /// <param name="type">The type.</param>
    /// <param name="saturate">Whether what is too large becomes the greatest number; else it becomes infinite, or NaN where the type has no infinity.</param>
    internal static Tensor Round(Tensor x, ElementType type, bool saturate)
    {
        var layout = LayoutOf(type);
        var wide = x.detach().to(ScalarType.Float32);
        var (_, exponent) = wide.frexp();
        var step = (exponent - 1).clamp_min(layout.Least).sub(layout.Mantissa).to(ScalarType.Float32).exp2();
        var y = where(wide.isinf(), wide, (wide / step).round() * step);
        // Adding zero takes the sign from a zero.
        if (layout.Unsigned) y = y + 0;
        if (saturate) return y.clamp(-layout.Greatest, layout.Greatest);
        return where(y.abs() > layout.Greatest, layout.Infinite ? y.sign() * double.PositiveInfinity : y.full_like(double.NaN), y);
    }

    /// <summary>The code of a number that the type has.</summary>
    internal static byte Encode(float value, ElementType type)
    {
        var layout = LayoutOf(type);
        if (float.IsNaN(value)) return layout.Unsigned ? (byte)0x80 : (byte)0x7F;
        var sign = float.IsNegative(value) ? 0x80 : 0;
        var magnitude = Math.Abs(value);
        if (float.IsInfinity(magnitude)) return (byte)(sign | 0x7C);
        var exponent = Math.Max(magnitude == 0 ? layout.Least : (int)Math.ILogB(magnitude), layout.Least);
        // The leading one of a normal number carries into the exponent field.
        return (byte)(sign | ((exponent - layout.Least) << layout.Mantissa) + (int)Math.ScaleB(magnitude, layout.Mantissa - exponent));
    }

    static Layout LayoutOf(ElementType type) => type switch
    {
        ElementType.Float8E4M3FN => new(3, -6, 448),
        ElementType.Float8E4M3FNUZ => new(3, -7, 240, Unsigned: true),
        ElementType.Float8E5M2 => new(2, -14, 57344, Infinite: true),
        ElementType.Float8E5M2FNUZ => new(2, -15, 57344, Unsigned: true),
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Not a float of 8 bits."),
    };
}
