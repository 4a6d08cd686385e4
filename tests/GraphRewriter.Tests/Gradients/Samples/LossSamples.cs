using static GraphRewriter.Ir.Attribute;
using static GraphRewriter.Tests.Gradients.Domain;
using static GraphRewriter.Tests.Gradients.SampleInput;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Gradients.Samples;

/// <summary>Samples of the loss rules.</summary>
static class LossSamples
{
    internal static readonly OpSample[] All =
    [
        .. Losses("SoftmaxCrossEntropyLoss"),
        new("SoftmaxCrossEntropyLoss", "log-probabilities as output", [F(3, 4), I(1, 0, 3).Fed()], Outputs: 2),
        new("SoftmaxCrossEntropyLoss", "log-probabilities as output, spatial, weighted", [F(2, 3, 2), I([2, 2], 1, 0, 2, 2).Fed(), F(3).In(Positive)],
            [Of("reduction", "none")], Outputs: 2),
        .. Losses("NegativeLogLikelihoodLoss"),
    ];

    static OpSample[] Losses(string op)
    {
        Attribute[] none = [Of("reduction", "none")], sum = [Of("reduction", "sum")], mean = [Of("reduction", "mean")];
        Attribute ignore = Of("ignore_index", -100L);
        return
        [
            new(op, "typical", [F(3, 4), I(1, 0, 3).Fed()]),
            new(op, "no reduction", [F(3, 4), I(1, 0, 3).Fed()], none),
            new(op, "sum", [F(3, 4), I(1, 0, 3).Fed()], sum),
            new(op, "weighted mean", [F(3, 4), I(1, 0, 3).Fed(), F(4).In(Positive)], mean),
            new(op, "weighted sum", [F(3, 4), I(1, 0, 1).Fed(), F(4).In(Positive)], sum),
            new(op, "weighted, no reduction", [F(3, 4), I(1, 0, 3).Fed(), F(4).In(Positive)], none),
            new(op, "ignored label, mean", [F(4, 3), I(1, -100, 0, 2).Fed()], [ignore]),
            new(op, "ignored label, weighted mean", [F(4, 3), I(1, -100, 0, 2).Fed(), F(3).In(Positive)], [ignore]),
            new(op, "ignored label, no reduction", [F(4, 3), I(1, -100, 0, 2).Fed()], [ignore, .. none]),
            new(op, "ignored class, sum", [F(4, 3), I(1, 0, 0, 2).Fed(), F(3).In(Positive)], [Of("ignore_index", 0L), .. sum]),
            new(op, "spatial, mean", [F(2, 3, 2, 2), I([2, 2, 2], 1, 0, 2, 2, 0, 1, 1, 2).Fed()]),
            new(op, "spatial, weighted, ignored", [F(2, 3, 2), I([2, 2], 1, 0, 2, -1).Fed(), F(3).In(Positive)], [Of("ignore_index", -1L)]),
            new(op, "labels of 32 bits", [F(2, 3), I(2, 0).As(Ir.ElementType.Int32).Fed()]),
        ];
    }
}
