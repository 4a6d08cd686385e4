using System.Collections.Frozen;

namespace GraphRewriter.Gradients;

/// <summary>All gradient rules and stops, by operator. An operator is in one of the two tables or in neither ("not yet"), never in both.</summary>
static class GradientRules
{
    /// <summary>The rules, in the order of the documentation.</summary>
    public static readonly GradientRule[] All =
    [
        .. ElementwiseRules.All,
        .. ActivationRules.All,
        .. ReductionRules.All,
        .. NormalizationRules.All,
        .. LossRules.All,
        .. QuantizationRules.All,
        .. LinearRules.All,
        .. ConvolutionRules.All,
        .. ShapeRules.All,
        .. IndexRules.All,
        .. PoolingRules.All,
        .. ResampleRules.All,
        .. SamplingRules.All,
        .. FrontEndRules.All,
        .. RecurrentRules.All,
        .. ControlFlowRules.All,
    ];

    /// <summary>The rules by operator.</summary>
    public static FrozenDictionary<string, GradientRule> ByOp { get; } = All.ToFrozenDictionary(r => r.OpType, StringComparer.Ordinal);

    /// <summary>The stops by operator.</summary>
    public static FrozenDictionary<string, GradientStop> Stops { get; } = StopGradients.All.ToFrozenDictionary(s => s.OpType, StringComparer.Ordinal);

    /// <summary>Rules and stops as they are.</summary>
    public static RuleSet Exact { get; } = new(ByOp, Stops);

    /// <summary>The same with <see cref="StraightThroughRules"/> in the place of the stops that they replace.</summary>
    public static RuleSet StraightThrough { get; } = new(
        All.Concat(StraightThroughRules.All).ToFrozenDictionary(r => r.OpType, StringComparer.Ordinal),
        StopGradients.All.ExceptBy(StraightThroughRules.All.Select(r => r.OpType), s => s.OpType, StringComparer.Ordinal).ToFrozenDictionary(s => s.OpType, StringComparer.Ordinal));
}

/// <summary>What a sweep looks operators up in.</summary>
/// <param name="ByOp">The rules.</param>
/// <param name="Stops">The stops.</param>
sealed record RuleSet(FrozenDictionary<string, GradientRule> ByOp, FrozenDictionary<string, GradientStop> Stops);
