using GraphRewriter.Ir;
using static GraphRewriter.Ir.Attribute;
using static GraphRewriter.Tests.Gradients.Domain;
using static GraphRewriter.Tests.Gradients.SampleInput;

namespace GraphRewriter.Tests.Gradients.Samples;

/// <summary>Samples of the dequantisation rule.</summary>
static class QuantizationSamples
{
    internal static readonly OpSample[] All =
    [
        new("DequantizeLinear", "one scale", [Quantized(3, 4), F()], Domain: Positive) { Linear = true },
        new("DequantizeLinear", "one scale as vector, zero point", [Quantized(3, 4), F(1), I([1], 3).As(ElementType.Int8)], Domain: Positive) { Linear = true },
        new("DequantizeLinear", "scale per channel, zero points", [Quantized(2, 3, 2), F(3), I([3], 1, -2, 0).As(ElementType.Int8)], Domain: Positive) { Linear = true },
        new("DequantizeLinear", "negative axis", [Quantized(2, 3), F(3)], [Of("axis", -1L)], Positive) { Linear = true },
        new("DequantizeLinear", "blocks", [Quantized(2, 6, 2), F(2, 3, 2)], [Of("axis", 1L), Of("block_size", 2L)], Positive) { Linear = true },
        new("DequantizeLinear", "blocks, the last shorter", [Quantized(2, 5), F(2, 3)], [Of("axis", 1L), Of("block_size", 2L)], Positive) { Linear = true },
    ];

    static SampleInput Quantized(params long[] dims) => F(dims).As(ElementType.Int8).In(Integers(-100, 100)).NoGradient();
}
