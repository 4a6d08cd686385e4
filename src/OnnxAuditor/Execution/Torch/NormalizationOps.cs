using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Normalisations.</summary>
static class NormalizationOps
{
    /// <summary>The operators.</summary>
    internal static readonly TorchOp[] All =
    [
        new("BatchNormalization", BatchNormalization),
        new("LayerNormalization", LayerNormalization),
        TorchOp.Of("InstanceNormalization",     c => instance_norm(c[0], weight: c[1], bias: c[2], eps: c.Node.Float("epsilon", 1e-5f))),
        TorchOp.Of("GroupNormalization",        c => group_norm(c[0], c.Node.Int("num_groups"), c[1], c[2], c.Node.Float("epsilon", 1e-5f))),
        TorchOp.Of("LpNormalization",           LpNormalization),
        TorchOp.Of("MeanVarianceNormalization", MeanVarianceNormalization),
        TorchOp.Of("LRN",                       LocalResponse),
    ];

    /// <summary>In arithmetic where libtorch's own does not do: it has no gradient by given statistics. Those of a batch are of the population, in the running ones too.</summary>
    static Tensor?[] BatchNormalization(TorchCall c)
    {
        var (x, isTraining) = (Wide(c[0]), c.Node.Int("training_mode") != 0);
        if (!isTraining && IsPlain(c)) return [batch_norm(x, c[3], c[4], c[1], c[2], training: false, eps: c.Node.Float("epsilon", 1e-5f))];
        long[] axes = [0, .. Enumerable.Range(2, Math.Max((int)x.dim() - 2, 0)).Select(i => (long)i)];
        var (mean, variance) = isTraining ? (x.mean(axes), x.var(axes, unbiased: false)) : (Wide(c[3]), Wide(c[4]));
        Tensor PerChannel(Tensor vector) => vector.reshape([-1, .. axes.Skip(1).Select(_ => 1L)]);
        var r = (variance + c.Node.Float("epsilon", 1e-5f)).rsqrt();
        var y = (x - PerChannel(mean)) * PerChannel(r * c[1]) + PerChannel(c[2]);
        if (!isTraining) return [y.to(c[0].dtype)];
        var momentum = c.Node.Float("momentum", 0.9f);
        return [y.to(c[0].dtype), Running(c[3], mean), Running(c[4], variance)];

        Tensor Running(Tensor given, Tensor own) => (given * momentum + own * (1 - momentum)).to(given.dtype);
    }

    /// <summary>Whether data, parameters and statistics are of one type that is computed in as it is, and nothing is differentiated by the statistics.</summary>
    static bool IsPlain(TorchCall c) => c[0].dtype is ScalarType.Float32 or ScalarType.Float64 && c[0].numel() > 0
        && c.Given.All(t => t.dtype == c[0].dtype) && !c[3].requires_grad && !c[4].requires_grad;

    /// <summary>In float32 at least, whatever stash_type says of float64. Outputs 1 and 2 are the mean and the reciprocal standard deviation.</summary>
    static Tensor?[] LayerNormalization(TorchCall c)
    {
        var (x, first, epsilon) = (Wide(c[0]), c.Axis("axis", -1, c[0].dim()), c.Node.Float("epsilon", 1e-5f));
        var y = layer_norm(x, x.shape[first..], eps: epsilon).to(c[0].dtype) * c[1];
        if (c.Optional(2) is { } bias) y += bias;
        long[] axes = [.. Enumerable.Range(first, (int)x.dim() - first).Select(i => (long)i)];
        return
        [
            y,
            c.Node.OutputAt(1) is { } mean ? x.mean(axes, keepdim: true).to(TorchTensors.ScalarTypeOf(mean.Type)) : null,
            c.Node.OutputAt(2) is { } r ? (x.var(axes, unbiased: false, keepdim: true) + epsilon).rsqrt().to(TorchTensors.ScalarTypeOf(r.Type)) : null,
        ];
    }

    /// <summary>A vector of zeros stays one, and gets no gradient.</summary>
    static Tensor LpNormalization(TorchCall c)
    {
        var norm = linalg.vector_norm(c[0], c.Node.Int("p", 2), [c.Axis("axis", -1, c[0].dim())], keepdim: true);
        var isZero = norm == 0;
        return (c[0] / norm.masked_fill(isZero, 1)).masked_fill(isZero, 0);
    }

    /// <summary>As in the operator's function, 1e-9 is added to the standard deviation.</summary>
    static Tensor MeanVarianceNormalization(TorchCall c)
    {
        var (x, axes) = (c[0], c.Node.Ints("axes") ?? [0, 2, 3]);
        return (x - x.mean(axes, keepdim: true)) / (x.std(axes, unbiased: false, keepdim: true) + 1e-9);
    }

    /// <summary>Of an even number of channels ONNX looks at one more behind, libtorch at one more in front.</summary>
    static Tensor LocalResponse(TorchCall c)
    {
        var size = c.Node.Int("size");
        Tensor Normalized(Tensor x) => local_response_norm(x, size, c.Node.Float("alpha", 1e-4f), c.Node.Float("beta", 0.75f), c.Node.Float("bias", 1));
        return size % 2 == 1 ? Normalized(c[0]) : Normalized(c[0].flip(1)).flip(1);
    }

    static Tensor Wide(Tensor x) => x.dtype is ScalarType.Float16 or ScalarType.BFloat16 ? x.to(ScalarType.Float32) : x;
}
