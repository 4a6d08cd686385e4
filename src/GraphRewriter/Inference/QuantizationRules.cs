using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>Conversion between floats and scaled integers.</summary>
static class QuantizationRules
{
    internal static readonly ShapeRule[] All =
    [
        new("QuantizeLinear", QuantizeLinear),
        new("DequantizeLinear", (in x) => x.Out(0, x.Node.Int("output_dtype") != 0 ? (ElementType)x.Node.Int("output_dtype") : x.TypeOf(1), x.ShapeOf(0))),
        new("DynamicQuantizeLinear", DynamicQuantizeLinear),
    ];

    static void QuantizeLinear(in InferenceContext x)
    {
        var type = x.HasInput(2) ? x.TypeOf(2) : x.Node.Int("output_dtype") != 0 ? (ElementType)x.Node.Int("output_dtype") : ElementType.UInt8;
        x.Out(0, type, x.ShapeOf(0));
    }

    static void DynamicQuantizeLinear(in InferenceContext x)
    {
        x.Out(0, ElementType.UInt8, x.ShapeOf(0));
        x.Out(1, ElementType.Float32, Shape.Scalar);
        x.Out(2, ElementType.UInt8, Shape.Scalar);
    }
}
