using GraphRewriter.Ir;
using GraphRewriter.Tests.Gradients;

namespace OnnxAuditor.Tests.Execution.Torch.Samples;

/// <summary>Inputs of samples by element type.</summary>
static class Inputs
{
    /// <summary>A vector that is fed.</summary>
    public static SampleInput V(ElementType type, params double[] values) => V(type, [values.Length], values);

    /// <summary>A tensor that is fed.</summary>
    public static SampleInput V(ElementType type, long[] dims, params double[] values) => new(dims, type, Values: values, HasGradient: false);

    /// <summary>A tensor of float32 that is fed.</summary>
    public static SampleInput F(long[] dims, params double[] values) => V(ElementType.Float32, dims, values);

    /// <summary>A vector of float32 that is fed.</summary>
    public static SampleInput F(params double[] values) => V(ElementType.Float32, values);

    /// <summary>A tensor of the numbers 0, 1, … less an offset.</summary>
    public static SampleInput Counting(ElementType type, long[] dims, double offset = 0) => V(type, dims, [.. Enumerable.Range(0, (int)dims.Aggregate(1L, (a, b) => a * b)).Select(i => i - offset)]);
}
