using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Losses.</summary>
static class LossOps
{
    /// <summary>The operators.</summary>
    internal static readonly TorchOp[] All =
    [
        TorchOp.Of("NegativeLogLikelihoodLoss", c => LogLikelihood(c, c[0])),
        new("SoftmaxCrossEntropyLoss", CrossEntropy),
    ];

    static Tensor?[] CrossEntropy(TorchCall c)
    {
        var logProbabilities = c[0].log_softmax(1);
        return [LogLikelihood(c, logProbabilities), logProbabilities];
    }

    /// <summary>In arithmetic: libtorch's own has no gradient by the weights. An ignored label counts nothing, wherever it points.</summary>
    static Tensor LogLikelihood(TorchCall c, Tensor x)
    {
        var (labels, ignored) = (c[1].to(ScalarType.Int64), c.Node.Has("ignore_index") ? c[1] == c.Node.Int("ignore_index") : null);
        var classes = ignored is null ? labels : labels.masked_fill(ignored, 0);
        var weights = c.Optional(2) is { } given ? given.index_select(0, classes.flatten()).reshape(classes.shape) : ones(classes.shape, x.dtype, x.device);
        if (ignored is not null) weights = weights.masked_fill(ignored, 0);
        var losses = -x.gather(1, classes.unsqueeze(1)).squeeze(1) * weights;
        return c.Node.String("reduction", "mean") switch
        {
            "none" => losses,
            "sum" => losses.sum(),
            _ => losses.sum() / weights.sum(),
        };
    }
}
