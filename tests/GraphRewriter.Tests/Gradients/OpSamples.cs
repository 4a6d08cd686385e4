using System.Collections.Frozen;
using GraphRewriter.Tests.Gradients.Samples;

namespace GraphRewriter.Tests.Gradients;

/// <summary>
/// The samples of every gradient rule: one file of rows per rule family, under Samples. At least three per rule: typical, broadcast or another layout, edge.
/// </summary>
static class OpSamples
{
    public static readonly OpSample[] All =
    [
        .. ElementwiseSamples.All,
        .. ActivationSamples.All,
        .. ReductionSamples.All,
        .. NormalizationSamples.All,
        .. LossSamples.All,
        .. QuantizationSamples.All,
        .. LinearSamples.All,
        .. ConvolutionSamples.All,
        .. ShapeSamples.All,
        .. IndexSamples.All,
        .. PoolingSamples.All,
        .. ResampleSamples.All,
        .. SamplingSamples.All,
        .. FrontEndSamples.All,
        .. RecurrentSamples.All,
        .. ControlFlowSamples.All,
        .. LoweredSamples.All,
        .. FusedSamples.All,
        .. FusedAttentionSamples.All,
    ];

    public static FrozenDictionary<string, OpSample> ById { get; } = All.ToFrozenDictionary(s => s.Id, StringComparer.Ordinal);
}
