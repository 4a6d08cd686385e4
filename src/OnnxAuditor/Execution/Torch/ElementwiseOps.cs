using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Arithmetic and mathematical functions of single elements.</summary>
static class ElementwiseOps
{
    /// <summary>The operators.</summary>
    internal static readonly TorchOp[] All =
    [
        TorchOp.Binary("Add", (a, b) => a + b),
        TorchOp.Binary("Mul", (a, b) => a * b),
        TorchOp.Unary("Sin", x => x.sin()),
        TorchOp.Unary("Identity", x => x),
    ];
}
