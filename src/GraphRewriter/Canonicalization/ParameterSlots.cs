using System.Collections.Frozen;
using GraphRewriter.Ir;
using static GraphRewriter.Canonicalization.ParameterRole;

namespace GraphRewriter.Canonicalization;

/// <summary>Which inputs of which operators take parameters, and the operators a parameter may pass through on its way.</summary>
static class ParameterSlots
{
    /// <summary>Slots by operator. Operators whose slot depends on the rest of the graph (Add, Mul, Gather, Concat, …) are <see cref="ParameterFinder"/>'s.</summary>
    internal static readonly FrozenDictionary<string, (int Input, ParameterRole Role)[]> Fixed = new Dictionary<string, (int, ParameterRole)[]>(StringComparer.Ordinal)
    {
        ["Conv"] = [(1, ConvolutionWeight), (2, Bias)],
        ["ConvTranspose"] = [(1, ConvolutionWeight), (2, Bias)],
        ["DeformConv"] = [(1, ConvolutionWeight), (3, Bias)],
        ["Gemm"] = [(0, LinearWeight), (1, LinearWeight), (2, Bias)],
        ["MatMul"] = [(0, LinearWeight), (1, LinearWeight)],
        ["BatchNormalization"] = [(1, NormalizationScale), (2, NormalizationShift), (3, RunningMean), (4, RunningVariance)],
        ["InstanceNormalization"] = [(1, NormalizationScale), (2, NormalizationShift)],
        ["LayerNormalization"] = [(1, NormalizationScale), (2, NormalizationShift)],
        ["GroupNormalization"] = [(1, NormalizationScale), (2, NormalizationShift)],
        ["PRelu"] = [(1, Slope)],
        ["RNN"] = [(1, RecurrentInputWeight), (2, RecurrentHiddenWeight), (3, RecurrentBias), (5, RecurrentState)],
        ["GRU"] = [(1, RecurrentInputWeight), (2, RecurrentHiddenWeight), (3, RecurrentBias), (5, RecurrentState)],
        ["LSTM"] = [(1, RecurrentInputWeight), (2, RecurrentHiddenWeight), (3, RecurrentBias), (5, RecurrentState), (6, RecurrentState), (7, RecurrentPeephole)],
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Operators whose result holds elements of its first input (of every input for Concat), each as it was.</summary>
    static readonly FrozenSet<string> Views = new[]
    {
        "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Cast", "CastLike", "Expand", "Tile", "Slice", "Split", "Gather", "GatherElements", "Pad", "DequantizeLinear",
    }.ToFrozenSet(StringComparer.Ordinal);

    /// <summary>
    /// The initializers whose elements make up a value, in order: the value itself where it is one; none where anything else goes into it.
    /// </summary>
    internal static IReadOnlyList<Value> Roots(Value value)
    {
        if (value.Data is not null) return [value];
        if (value.Producer is not { Domain.Length: 0 } producer) return [];
        if (producer.Is("Concat"))
        {
            var all = new List<Value>();
            foreach (var input in producer.Inputs)
            {
                var part = input is null ? [] : Roots(input);
                if (part.Count == 0) return [];
                all.AddRange(part);
            }
            return all;
        }
        if (!Views.Contains(producer.OpType) || producer.Inputs.Count == 0 || producer.Inputs[0] is not { } viewed) return [];
        // Picking rows by indices that only a run knows is a lookup, not a view.
        return producer.OpType is "Gather" or "GatherElements" && producer.Input(1)?.Constant is null ? [] : Roots(viewed);
    }

    /// <summary>
    /// The float initializers of more than one element from which a weight is computed (weight normalisation, products of factors); none where the value depends on an input.
    /// </summary>
    internal static IReadOnlyList<Value> Factors(Value value)
    {
        var factors = new List<Value>();
        return Collect(value, factors, []) ? factors : [];
    }

    static bool Collect(Value value, List<Value> factors, HashSet<Value> seen)
    {
        if (!seen.Add(value)) return true;
        if (value.Data is { } data)
        {
            if (value.IsFloat && data.Count > 1) factors.Add(value);
            return true;
        }
        return value.Producer is { } producer && !producer.Subgraphs.Any() && producer.Inputs.All(i => i is null || Collect(i, factors, seen));
    }

    /// <summary>Whether a value reaches its consumers unchanged but for its look; used to look behind Transpose, Reshape and their like on the data path.</summary>
    internal static Value BehindViews(Value value)
    {
        while (value.Producer is { Domain.Length: 0 } p && p.OpType is "Transpose" or "Reshape" or "Flatten" or "Squeeze" or "Unsqueeze" or "Identity" or "Cast" && p.Inputs[0] is { } inner) value = inner;
        return value;
    }
}
