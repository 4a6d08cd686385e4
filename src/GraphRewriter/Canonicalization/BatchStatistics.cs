using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>The statistics of the batch at a BatchNormalization that was written out, and the running ones that it had.</summary>
/// <param name="X">The layer's input.</param>
/// <param name="Axes">What is averaged over.</param>
/// <param name="RunningMean">The running mean.</param>
/// <param name="RunningVariance">The running variance.</param>
/// <param name="Momentum">The share of a running statistic that a step keeps, as ONNX has it; PyTorch's momentum is what is left to 1.</param>
public sealed record BatchStatistics(Value X, long[] Axes, Value RunningMean, Value RunningVariance, double Momentum)
{
    /// <summary>The batch's mean a channel, of the rank of <see cref="X"/>.</summary>
    public Value Mean { get; internal set; } = null!;

    /// <summary>The batch's variance a channel, divided by the number of values; of the rank of <see cref="X"/>.</summary>
    public Value Variance { get; internal set; } = null!;
}
