using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>
/// Computes a node. What it makes on the way is disposed by the caller; what it returns may be an input or a view of one.
/// </summary>
/// <param name="call">The node and its inputs.</param>
/// <returns>One tensor per output; null where it is not wanted and was not computed.</returns>
delegate Tensor?[] TorchFunction(TorchCall call);

/// <summary>How an operator is computed on tensors, so that autograd sees every step that has a gradient.</summary>
/// <param name="OpType">The operator, in the standard domain at the canonical opset.</param>
/// <param name="Run">Computes it.</param>
sealed record TorchOp(string OpType, TorchFunction Run)
{
    /// <summary>An operator with one output.</summary>
    public static TorchOp Of(string opType, Func<TorchCall, Tensor> run) => new(opType, c => [run(c)]);

    /// <summary>An operator of one input without attributes.</summary>
    public static TorchOp Unary(string opType, Func<Tensor, Tensor> run) => new(opType, c => [run(c[0])]);

    /// <summary>An operator of two inputs, broadcast, without attributes.</summary>
    public static TorchOp Binary(string opType, Func<Tensor, Tensor, Tensor> run) => new(opType, c => [run(c[0], c[1])]);
}
