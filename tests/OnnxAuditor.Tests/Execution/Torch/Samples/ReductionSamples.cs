using GraphRewriter.Tests.Gradients;
using static GraphRewriter.Ir.Attribute;
using static OnnxAuditor.Tests.Execution.Torch.Samples.Inputs;
using E = GraphRewriter.Ir.ElementType;

namespace OnnxAuditor.Tests.Execution.Torch.Samples;

/// <summary>Samples of reductions, selection and activations, on types and numbers beyond those of the gradient samples.</summary>
static class ReductionSamples
{
    internal static readonly OpSample[] All =
    [
        .. new[] { "Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSum", "LogSumExp" }.SelectMany(Reductions),
        new("ReduceMax", "int8", [V(E.Int8, [2, 2], -5, 100, -128, 3), I(1)]),
        new("ReduceMin", "uint8", [V(E.UInt8, [2, 2], 5, 200, 128, 3), I(0)]),
        new("ReduceMax", "truth values", [V(E.Bool, [2, 2], 0, 0, 0, 1), I(1)]),
        new("ReduceMin", "truth values", [V(E.Bool, [2, 2], 1, 0, 1, 1), I(1)]),
        new("ReduceSum", "over nothing", [F([2, 0]), I(1)]),
        new("ReduceProd", "over nothing", [F([2, 0]), I(1)], [Of("keepdims", 0L)]),
        new("ReduceL1", "over nothing", [F([2, 0]), I(1)]),
        new("ReduceL2", "over nothing", [F([2, 0]), I(1)]),
        new("ReduceSumSquare", "over nothing", [F([2, 0]), I(1)]),
        new("ReduceLogSum", "over nothing", [F([2, 0]), I(1)]),
        new("ReduceLogSumExp", "over nothing", [F([2, 0]), I(1)]),
        new("ReduceMin", "over nothing", [F([2, 0]), I(1)]),
        new("ReduceMax", "over nothing", [F([2, 0]), I(1)]),
        new("ReduceSum", "nothing left", [F([0, 3]), I(1)]),
        new("ReduceLogSumExp", "infinite", [F([2, 2], double.PositiveInfinity, 0, double.NegativeInfinity, 1), I(1)]),

        .. new[] { "ArgMax", "ArgMin" }.SelectMany(op => new OpSample[]
        {
            new(op, "ties, first", [F([2, 3], 2, 1, 2, 1, 1, 3)], [Of("axis", 1L)]),
            new(op, "ties, last", [F([2, 3], 2, 1, 2, 1, 1, 3)], [Of("axis", 1L), Of("select_last_index", 1L)]),
            new(op, "negative axis dropped", [V(E.Int32, [2, 2, 2], 1, 5, 5, 2, 0, 0, 7, 7)], [Of("axis", -2L), Of("keepdims", 0L)]),
            new(op, "uint8", [V(E.UInt8, [2, 2], 200, 100, 0, 255)]),
        }),
        new("TopK", "ties", [F([2, 5], 1, 3, 3, 2, 3, 0, 0, 0, 0, 0), I(3)], Outputs: 2),
        new("TopK", "ties, smallest", [F([2, 5], 1, 3, 1, 2, 1, 0, 0, 0, 0, 0), I(2)], [Of("largest", 0L)], Outputs: 2),
        new("TopK", "int64", [V(E.Int64, [4, 2], 1, 8, 3, 7, 5, 6, 7, 5), I(2)], [Of("axis", 0L)], Outputs: 2),
        new("CumSum", "int32, exclusive", [V(E.Int32, 1, 2, 3), SampleInput.I([], 0)], [Of("exclusive", 1L)]),
        new("CumSum", "int64, reverse", [V(E.Int64, [2, 2], 1, 2, 3, 4), SampleInput.I([], -1)], [Of("reverse", 1L)]),
        new("Hardmax", "ties", [F([2, 3], 1, 3, 3, 2, 2, 1)]),
        new("Hardmax", "first axis", [F([2, 3], 1, 3, 3, 2, 2, 1)], [Of("axis", 0L)]),
        new("Softmax", "one masked out", [F([2, 2], double.NegativeInfinity, 1, 0, 0)]),
        new("Softmax", "float16", [V(E.Float16, [1, 3], 1, 2, 3)]),
        new("Softplus", "far out", [F(-200, -30, 0, 30, 200)]),
        new("Selu", "far out", [F(-200, -30, 0, 30, 200)]),
        new("Mish", "far out", [F(-200, -30, 0, 30, 200)]),
        new("Gelu", "far out", [F(-200, -30, 0, 30, 200)]),
        new("Elu", "far out", [F(-200, -30, 0, 30, 200)]),
        new("Sigmoid", "far out", [F(-200, -30, 0, 30, 200)]),
        new("Softsign", "far out", [F(-200, -30, 0, 30, 200)]),
        new("Shrink", "int32", [V(E.Int32, -5, -1, 0, 1, 5)], [Of("lambd", 1f), Of("bias", 2f)]),
        new("ThresholdedRelu", "at the threshold", [F(-1, 1.5, 2)], [Of("alpha", 1.5f)]),
        new("HardSigmoid", "at the corners", [F(-3, -2.5, 0, 2.5, 3)]),
        new("HardSwish", "at the corners", [F(-4, -3, 0, 3, 4)]),

        new("NonMaxSuppression", "no scores in, defaults", [Boxes, Scores]),
        new("NonMaxSuppression", "two of each class", [Boxes, Scores, V(E.Int64, [], 2), F([], 0.4), F([], 0.2)]),
        new("NonMaxSuppression", "centres", [Boxes, Scores, V(E.Int64, [], 3), F([], 0.3)], [Of("center_point_box", 1L)]),
    ];

    static SampleInput Boxes => F([2, 4, 4], 0, 0, 1, 1, 0.1, 0, 1.1, 1, 1, 1, 0, 0.2, 3, 3, 2, 2, 0, 0, 2, 2, 0, 0, 2, 2, 5, 5, 6, 6, 0.5, 0.5, 1, 1);

    static SampleInput Scores => F([2, 2, 4], 0.9, 0.8, 0.7, 0.1, 0.3, 0.5, 0.5, 0.9, 0.5, 0.5, 0.5, 0.5, 0.9, 0.1, 0.2, 0.8);

    static OpSample[] Reductions(string name) =>
    [
        new($"Reduce{name}", "int32", [V(E.Int32, [2, 3], 1, 7, 3, 4, 5, 6), I(1)]),
        new($"Reduce{name}", "int64, all", [V(E.Int64, [2, 2], 1, 7, 3, 4)], [Of("keepdims", 0L)]),
        new($"Reduce{name}", "float64", [V(E.Float64, [2, 2], 1, 7, 3, 4), I(0)]),
        new($"Reduce{name}", "no operation", [F([2, 2], 1, 7, 3, 4)], [Of("noop_with_empty_axes", 1L)]),
    ];

    static SampleInput I(params long[] values) => SampleInput.I(values);
}
