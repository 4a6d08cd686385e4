using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>Classification losses: [N, C, d…] scores against [N, d…] labels.</summary>
static class LossRules
{
    internal static readonly ShapeRule[] All =
    [
        new("NegativeLogLikelihoodLoss", Loss),
        new("SoftmaxCrossEntropyLoss", SoftmaxCrossEntropyLoss),
    ];

    static void Loss(in InferenceContext x)
    {
        var (scores, labels) = (x.ShapeOf(0), x.ShapeOf(1));
        if (scores is not null && labels is not null)
        {
            if (scores.Rank != labels.Rank + 1 || scores.Rank < 2) throw x.Conflict("labels have the scores' shape without the classes");
            for (var i = 0; i < labels.Rank; i++)
                if (!DimArithmetic.TryUnify(labels[i], scores[i == 0 ? 0 : i + 1], out _)) throw x.Conflict($"dimension {i} of the labels is not the scores'");
        }
        x.Out(0, x.TypeOf(0), x.Node.String("reduction", "mean") is "none" ? labels : Shape.Scalar);
    }

    static void SoftmaxCrossEntropyLoss(in InferenceContext x)
    {
        Loss(x);
        x.Out(1, x.TypeOf(0), x.ShapeOf(0));
    }
}
