using System.Numerics.Tensors;
using GraphRewriter.Ir;

namespace OnnxAuditor.Numerics;

/// <summary>Norms of constant tensors.</summary>
static class TensorNorm
{
    /// <summary>The L2 norm, accumulated in double by blocks; null where the contents are missing, are no floats or are not finite.</summary>
    public static double? L2(TensorData? data)
    {
        if (data is null || data.Unavailable is not null || !data.Type.IsFloat) return null;
        var values = data.Type == ElementType.Float32 ? data.Float32Span : data.ToFloats();
        var sum = 0.0;
        // A block's sum of squares in float32 is exact enough; the sum over blocks is not left to float32.
        const int Block = 4096;
        for (var i = 0; i < values.Length; i += Block) sum += TensorPrimitives.SumOfSquares(values.Slice(i, Math.Min(Block, values.Length - i)));
        return double.IsFinite(sum) ? Math.Sqrt(sum) : null;
    }
}
