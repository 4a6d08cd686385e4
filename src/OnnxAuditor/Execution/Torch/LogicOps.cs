using GraphRewriter.Ir;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Comparisons, logic, operations on bits, and the choice by a condition.</summary>
static class LogicOps
{
    /// <summary>The operators.</summary>
    internal static readonly TorchOp[] All =
    [
        TorchOp.Binary("Equal", (a, b) => a.eq(b)),
        Comparison("Greater", (a, b) => a > b),
        Comparison("GreaterOrEqual", (a, b) => a >= b),
        Comparison("Less", (a, b) => a < b),
        Comparison("LessOrEqual", (a, b) => a <= b),
        TorchOp.Binary("And", (a, b) => a.logical_and(b)),
        TorchOp.Binary("Or", (a, b) => a.logical_or(b)),
        TorchOp.Binary("Xor", (a, b) => a.logical_xor(b)),
        TorchOp.Unary("Not", x => x.logical_not()),
        TorchOp.Binary("BitwiseAnd", (a, b) => a.bitwise_and(b)),
        TorchOp.Binary("BitwiseOr", (a, b) => a.bitwise_or(b)),
        TorchOp.Binary("BitwiseXor", (a, b) => a.bitwise_xor(b)),
        TorchOp.Of("BitwiseNot", c => c[0].bitwise_not().Wrapped(c.TypeOf(0))),
        TorchOp.Of("BitShift", BitShift),
        TorchOp.Of("Where", c => where(c[0], c[1], c[2])),
    ];

    static TorchOp Comparison(string opType, Func<Tensor, Tensor, Tensor> run) =>
        TorchOp.Of(opType, c => run(UInt64Bits.Ordered(c[0], c.TypeOf(0)), UInt64Bits.Ordered(c[1], c.TypeOf(0))));

    static Tensor BitShift(TorchCall c) => c.Node.String("direction") is "LEFT" ? c[0].bitwise_left_shift(c[1]).Wrapped(c.TypeOf(0))
        : c.TypeOf(0) == ElementType.UInt64 ? UInt64Bits.ShiftRight(c[0], c[1])
        : c[0].bitwise_right_shift(c[1]);
}
