using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>A constant that training would change, or a statistic or table kept beside such constants.</summary>
/// <param name="Value">The initializer in the canonical graph.</param>
/// <param name="Name">The name the model gives it.</param>
/// <param name="Role">The role of its first use.</param>
/// <param name="Trainable">Whether training changes it; false for running statistics and front-end tables.</param>
/// <param name="Uses">The slots it reaches, in graph order; more than one for a tied parameter.</param>
public sealed record Parameter(Value Value, string Name, ParameterRole Role, bool Trainable, IReadOnlyList<ParameterUse> Uses)
{
    /// <summary>The number of elements.</summary>
    public long Count => Value.Shape?.ElementCount ?? 0;

    /// <summary>Whether one tensor serves several slots.</summary>
    public bool IsTied => Uses.Count > 1;

    /// <inheritdoc/>
    public override string ToString() => $"{Name} {Role} {Value.Shape}";
}

/// <summary>A slot that a parameter reaches.</summary>
/// <param name="Node">The operator that takes it.</param>
/// <param name="Input">The index of the operator's input.</param>
/// <param name="Role">What the slot makes of it.</param>
/// <param name="Direct">Whether the initializer itself is the input; false where it passes through Transpose, Reshape and their like.</param>
public sealed record ParameterUse(Node Node, int Input, ParameterRole Role, bool Direct);

/// <summary>What a parameter is for; decided by the slot it reaches.</summary>
public enum ParameterRole
{
    /// <summary>The kernel of a convolution or transposed convolution.</summary>
    ConvolutionWeight,
    /// <summary>The matrix of a Gemm, MatMul or Einsum.</summary>
    LinearWeight,
    /// <summary>A vector added by or right after a convolution or matrix product.</summary>
    Bias,
    /// <summary>The scale of a normalisation.</summary>
    NormalizationScale,
    /// <summary>The shift of a normalisation.</summary>
    NormalizationShift,
    /// <summary>The running mean of a batch normalisation: a statistic.</summary>
    RunningMean,
    /// <summary>The running variance of a batch normalisation: a statistic.</summary>
    RunningVariance,
    /// <summary>The slope of a PRelu.</summary>
    Slope,
    /// <summary>A table whose rows are looked up.</summary>
    Embedding,
    /// <summary>The input weights of a recurrent layer.</summary>
    RecurrentInputWeight,
    /// <summary>The hidden-to-hidden weights of a recurrent layer.</summary>
    RecurrentHiddenWeight,
    /// <summary>The biases of a recurrent layer.</summary>
    RecurrentBias,
    /// <summary>The peephole weights of an LSTM.</summary>
    RecurrentPeephole,
    /// <summary>The initial state of a recurrent layer.</summary>
    RecurrentState,
    /// <summary>A learned elementwise factor.</summary>
    Scale,
    /// <summary>A learned elementwise summand, positional embeddings among them.</summary>
    Shift,
    /// <summary>A learned element of a sequence, concatenated to it (a class token).</summary>
    Token,
    /// <summary>A fixed table in front of the learned layers: transform bases, filter banks, normalisation constants; or a sinusoidal position table.</summary>
    FrontEnd,
}
