using System.Collections.Frozen;
using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;

namespace OnnxAuditor.Rules;

/// <summary>Where operators, in the model as read, take what training would change.</summary>
static class WeightSlots
{
    /// <summary>Per operator, the inputs that are weights with their role; the domain is left out: the names are distinct.</summary>
    static readonly FrozenDictionary<string, (int Input, ParameterRole Role)[]> Slots = new Dictionary<string, (int, ParameterRole)[]>(StringComparer.Ordinal)
    {
        ["Conv"] = [(1, ParameterRole.ConvolutionWeight), (2, ParameterRole.Bias)],
        ["ConvTranspose"] = [(1, ParameterRole.ConvolutionWeight), (2, ParameterRole.Bias)],
        ["DeformConv"] = [(1, ParameterRole.ConvolutionWeight), (3, ParameterRole.Bias)],
        ["FusedConv"] = [(1, ParameterRole.ConvolutionWeight), (2, ParameterRole.Bias)],
        ["Gemm"] = [(0, ParameterRole.LinearWeight), (1, ParameterRole.LinearWeight), (2, ParameterRole.Bias)],
        ["FusedGemm"] = [(0, ParameterRole.LinearWeight), (1, ParameterRole.LinearWeight), (2, ParameterRole.Bias)],
        ["MatMul"] = [(0, ParameterRole.LinearWeight), (1, ParameterRole.LinearWeight)],
        ["FusedMatMul"] = [(0, ParameterRole.LinearWeight), (1, ParameterRole.LinearWeight)],
        ["Einsum"] = [(0, ParameterRole.LinearWeight), (1, ParameterRole.LinearWeight)],
        ["BatchNormalization"] =
            [(1, ParameterRole.NormalizationScale), (2, ParameterRole.NormalizationShift), (3, ParameterRole.RunningMean), (4, ParameterRole.RunningVariance)],
        ["InstanceNormalization"] = [(1, ParameterRole.NormalizationScale), (2, ParameterRole.NormalizationShift)],
        ["LayerNormalization"] = [(1, ParameterRole.NormalizationScale), (2, ParameterRole.NormalizationShift)],
        ["GroupNormalization"] = [(1, ParameterRole.NormalizationScale), (2, ParameterRole.NormalizationShift)],
        ["RMSNormalization"] = [(1, ParameterRole.NormalizationScale)],
        ["SimplifiedLayerNormalization"] = [(1, ParameterRole.NormalizationScale)],
        ["SkipLayerNormalization"] = [(2, ParameterRole.NormalizationScale), (3, ParameterRole.NormalizationShift), (4, ParameterRole.Bias)],
        ["PRelu"] = [(1, ParameterRole.Slope)],
        ["Gather"] = [(0, ParameterRole.Embedding)],
        ["Attention"] = [(1, ParameterRole.LinearWeight), (2, ParameterRole.Bias)],
        ["BiasGelu"] = [(1, ParameterRole.Bias)],
        ["FastGelu"] = [(1, ParameterRole.Bias)],
        ["LSTM"] = Recurrent,
        ["GRU"] = Recurrent,
        ["RNN"] = Recurrent,
        ["ConvInteger"] = [(1, ParameterRole.ConvolutionWeight)],
        ["MatMulInteger"] = [(0, ParameterRole.LinearWeight), (1, ParameterRole.LinearWeight)],
        ["DynamicQuantizeMatMul"] = [(1, ParameterRole.LinearWeight)],
        ["MatMulIntegerToFloat"] = [(1, ParameterRole.LinearWeight)],
        ["QLinearConv"] = [(3, ParameterRole.ConvolutionWeight)],
        ["QLinearMatMul"] = [(3, ParameterRole.LinearWeight)],
        ["MatMulNBits"] = [(1, ParameterRole.LinearWeight)],
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Operators that hand a weight on in another form.</summary>
    static readonly FrozenSet<string> HandsOn = FrozenSet.Create(StringComparer.Ordinal,
        "Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Cast", "CastLike", "DequantizeLinear", "Expand", "Slice");

    static (int Input, ParameterRole Role)[] Recurrent =>
        [(1, ParameterRole.RecurrentInputWeight), (2, ParameterRole.RecurrentHiddenWeight), (3, ParameterRole.RecurrentBias)];

    /// <summary>Whether the role is one of the large tensors that do a layer's work, not a bias, scale or statistic.</summary>
    public static bool IsKernel(ParameterRole role) => role is ParameterRole.ConvolutionWeight or ParameterRole.LinearWeight or ParameterRole.Embedding
        or ParameterRole.RecurrentInputWeight or ParameterRole.RecurrentHiddenWeight;

    /// <summary>The role that an operator's input has; null where it takes no weight there.</summary>
    public static ParameterRole? RoleOf(Use use)
    {
        if (!Slots.TryGetValue(use.Node.OpType, out var slots)) return null;
        foreach (var (input, role) in slots) if (input == use.Input) return role;
        return null;
    }

    /// <summary>The first weight slot that a constant reaches, directly or through operators that hand it on; null for none.</summary>
    public static (Use Use, ParameterRole Role)? Reached(ModelView view, Value constant, int steps = 8)
    {
        foreach (var use in view.UsesOf(constant))
        {
            if (RoleOf(use) is { } role) return (use, role);
            if (steps > 0 && use.Input == 0 && HandsOn.Contains(use.Node.OpType) && use.Node.OutputAt(0) is { } next && Reached(view, next, steps - 1) is { } found)
                return found;
        }
        return null;
    }
}
