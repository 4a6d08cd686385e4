using static GraphRewriter.Ir.Attribute;
using static GraphRewriter.Tests.Gradients.Domain;
using static GraphRewriter.Tests.Gradients.SampleInput;

namespace GraphRewriter.Tests.Gradients.Samples;

/// <summary>Samples of the rules of reductions, cumulative sums and TopK.</summary>
static class ReductionSamples
{
    internal static readonly OpSample[] All =
    [
        .. Reductions("ReduceSum", Any, linear: true),
        .. Reductions("ReduceMean", Any, linear: true),
        .. Reductions("ReduceMax", Distinct),
        new("ReduceMax", "ties", [V([2, 3], 1, 2, 2, 3, 3, 3), I(1)]) { Expected = [[0, 0.5, 0.5, 1.0 / 3, 1.0 / 3, 1.0 / 3]] },
        .. Reductions("ReduceMin", Distinct),
        new("ReduceMin", "ties", [V([2, 3], 1, 2, 1, 3, 3, 3), I(1)]) { Expected = [[0.5, 0, 0.5, 1.0 / 3, 1.0 / 3, 1.0 / 3]] },
        .. Reductions("ReduceProd", NotSmall),
        new("ReduceProd", "zeros", [V([3, 3], 2, 3, 4, 2, 0, 4, 0, 0, 4), I(1)]) { Expected = [[12, 8, 6, 0, 8, 0, 0, 0, 0]] },
        .. Reductions("ReduceL1", AwayFromKinks),
        new("ReduceL1", "kink", [V(0, -2)]) { Expected = [[0, -1]] },
        .. Reductions("ReduceL2", NotSmall),
        new("ReduceL2", "zero vector", [V([2, 2], 0, 0, 3, 4), I(1)]) { Expected = [[0, 0, 0.6, 0.8]] },
        .. Reductions("ReduceSumSquare", Any),
        .. Reductions("ReduceLogSum", Positive),
        .. Reductions("ReduceLogSumExp", Any),
        new("ReduceLogSumExp", "large and masked", [V([2, 2], 1000, 0, double.NegativeInfinity, double.NegativeInfinity), I(1)]) { Expected = [[1, 0, 0, 0]] },

        new("CumSum", "typical", [F(2, 4), Scalar(1L)]) { Linear = true },
        new("CumSum", "exclusive", [F(2, 4), Scalar(1L)], [Of("exclusive", 1L)]) { Linear = true },
        new("CumSum", "reverse along a negative axis", [F(2, 4, 3), Scalar(-2L)], [Of("reverse", 1L)]) { Linear = true },
        new("CumSum", "exclusive, reverse", [F(5), Scalar(0L)], [Of("exclusive", 1L), Of("reverse", 1L)]) { Linear = true },

        new("TopK", "typical", [F(2, 5), I(2)], Domain: Distinct, Outputs: 2),
        new("TopK", "smallest along axis zero, unsorted", [F(5, 2), I(3)], [Of("axis", 0L), Of("largest", 0L), Of("sorted", 0L)], Distinct, Outputs: 2),
        new("TopK", "negative axis, all", [F(2, 3, 2), I(3)], [Of("axis", -2L)], Distinct, Outputs: 2),
        new("TopK", "none", [F(2, 3), I(0)], Domain: Distinct, Outputs: 2),
    ];

    static OpSample[] Reductions(string op, Domain domain, bool linear = false) =>
    [
        new(op, "typical", [F(2, 3, 2), I(1)], Domain: domain) { Linear = linear },
        new(op, "all axes, dropped", [F(2, 3)], [Of("keepdims", 0L)], domain) { Linear = linear },
        new(op, "all axes, kept", [F(2, 3)], Domain: domain) { Linear = linear },
        new(op, "negative axes, dropped", [F(2, 3, 4), I(-1, 0)], [Of("keepdims", 0L)], domain) { Linear = linear },
        new(op, "no axes, no operation", [F(2, 3), I()], [Of("noop_with_empty_axes", 1L)], domain) { Linear = linear },
        new(op, "axes fed, kept", [F(2, 3, 2), I(-1).Fed()], Domain: domain) { Linear = linear },
        new(op, "axes fed, dropped", [F(2, 3, 2), I(0, 2).Fed()], [Of("keepdims", 0L)], domain) { Linear = linear },
        new(op, "scalar", [F()], [Of("keepdims", 0L)], domain) { Linear = linear },
        new(op, "axis of length one", [F(2, 1), I(1)], Domain: domain) { Linear = linear },
    ];
}
