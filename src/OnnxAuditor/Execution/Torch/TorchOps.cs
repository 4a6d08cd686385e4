using System.Collections.Frozen;

namespace OnnxAuditor.Execution.Torch;

/// <summary>All operators that can be computed on tensors.</summary>
static class TorchOps
{
    /// <summary>The operators by family.</summary>
    public static readonly TorchOp[] All =
    [
        .. ElementwiseOps.All,
        .. LogicOps.All,
        .. ActivationOps.All,
        .. ReductionOps.All,
        .. LinearOps.All,
        .. ShapeOps.All,
        .. IndexOps.All,
        .. SelectionOps.All,
        .. TypeOps.All,
        .. QuantizationOps.All,
        .. GeneratorOps.All,
        .. ConvolutionOps.All,
        .. NormalizationOps.All,
        .. PoolingOps.All,
        .. RegionOps.All,
        .. SamplingOps.All,
        .. ResampleOps.All,
        .. SignalOps.All,
        .. RecurrentOps.All,
        .. LossOps.All,
        .. ControlFlowOps.All,
    ];

    /// <summary>The operators by name.</summary>
    public static FrozenDictionary<string, TorchOp> ByOp { get; } = All.ToFrozenDictionary(o => o.OpType, StringComparer.Ordinal);
}
