using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.Gradients;

/// <summary>
/// Gradients of the loss operators. In formulas w is the weight of a label (1 without weights, 0 where the label is ignore_index),
/// divided by the sum of all for reduction "mean".
/// </summary>
static class LossRules
{
    /// <summary>The rules.</summary>
    internal static readonly GradientRule[] All =
    [
        new("SoftmaxCrossEntropyLoss", 12, "dScores = w dY * (softmax(Scores) - onehot(Labels)), dWeights as NegativeLogLikelihoodLoss of the log-probabilities", CrossEntropy),
        new("NegativeLogLikelihoodLoss", 12, "dX = -w dY * onehot(Target), dWeight = dY * (sum of -X - Y by class) / sum of w", LogLikelihood),
    ];

    static Value?[] CrossEntropy(Tape t, Node n, IReadOnlyList<Value?> dy)
    {
        var scores = n.Inputs[0]!;
        var result = new Value?[n.Inputs.Count];
        var logProbabilities = n.OutputAt(1) ?? t.Op("LogSoftmax", [Ir.Attribute.Of("axis", 1L)], scores);
        var probabilities = t.Exp(logProbabilities);
        Value? dx = null;
        if (dy[0] is { } byLoss)
        {
            var loss = new Labels(t, n, logProbabilities);
            var coefficient = t.Unsqueeze(loss.Coefficients(byLoss), 1);
            dx = t.ScatterAdd(t.Mul(probabilities, coefficient), loss.Index, t.Neg(coefficient), 1);
            if (n.Input(2) is { } weights) result[2] = loss.ByWeights(byLoss, weights);
        }
        if (dy.Count > 1 && dy[1] is { } byLogProbabilities)
        {
            var second = t.Sub(byLogProbabilities, t.Mul(probabilities, t.ReduceSum(byLogProbabilities, [1])));
            dx = dx is null ? second : t.Add(dx, second);
        }
        result[0] = dx;
        return result;
    }

    static Value?[] LogLikelihood(Tape t, Node n, IReadOnlyList<Value?> dy)
    {
        var x = n.Inputs[0]!;
        var loss = new Labels(t, n, x);
        var result = new Value?[n.Inputs.Count];
        result[0] = t.ScatterAdd(t.ZerosLike(x), loss.Index, t.Unsqueeze(t.Neg(loss.Coefficients(dy[0]!)), 1), 1);
        if (n.Input(2) is { } weights) result[2] = loss.ByWeights(dy[0]!, weights);
        return result;
    }

    /// <summary>The labels of a loss node: their weights and where they point.</summary>
    sealed class Labels
    {
        readonly Tape t;
        readonly Node node;
        readonly Value x;
        readonly Value labels;
        readonly Value safe;
        readonly Value? counts;
        readonly bool isMean;

        public Labels(Tape t, Node node, Value x)
        {
            (this.t, this.node, this.x) = (t, node, x);
            labels = t.Cast(node.Inputs[1]!, ElementType.Int64);
            isMean = string.Equals(node.String("reduction", "mean"), "mean", StringComparison.Ordinal);
            // An ignored label may lie outside the classes: it points at class 0 with weight 0.
            counts = node.Has("ignore_index") ? t.Not(t.Equal(labels, t.Const(TensorData.Scalar(node.Int("ignore_index"))))) : null;
            safe = counts is null ? labels : t.Where(counts, labels, t.Const(TensorData.Scalar(0L)));
            Index = t.Unsqueeze(safe, 1);
        }

        /// <summary>The class of each label, as indices along axis 1 of the scores.</summary>
        public Value Index { get; }

        /// <summary>The gradient of the loss by each label's negative log-likelihood, in the shape of the labels.</summary>
        public Value Coefficients(Value byLoss)
        {
            var weights = Weights();
            if (weights is null) return t.ExpandLike(isMean ? t.Div(byLoss, t.CastLike(t.SizeOf(labels), byLoss)) : byLoss, labels);
            return t.Mul(isMean ? t.Div(byLoss, t.ReduceAll("ReduceSum", weights)) : byLoss, weights);
        }

        /// <summary>The gradient by the class weights: each label's likelihood (for a mean less the loss itself), summed by class.</summary>
        public Value ByWeights(Value byLoss, Value classWeights)
        {
            var likelihood = t.Neg(t.Squeeze(t.GatherElements(x, Index, 1), 1));
            var each = isMean
                ? t.Mul(t.Sub(likelihood, node.Output), t.Div(byLoss, t.ReduceAll("ReduceSum", Weights()!)))
                : t.Mul(likelihood, byLoss);
            if (counts is not null) each = t.Mask(counts, each);
            return t.ScatterAdd(t.ZerosLike(classWeights), t.Reshape(safe, -1), t.Reshape(each, -1), 0);
        }

        /// <summary>The weight of each label; null where all are one.</summary>
        Value? Weights()
        {
            var weights = node.Input(2) is { } given ? t.Gather(given, safe) : null;
            if (counts is null) return weights;
            return weights is null ? t.CastLike(counts, x) : t.Mask(counts, weights);
        }
    }
}
