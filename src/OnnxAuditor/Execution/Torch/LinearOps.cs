using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Matrix products and other functions of matrices.</summary>
static class LinearOps
{
    /// <summary>The operators.</summary>
    internal static readonly TorchOp[] All =
    [
        TorchOp.Of("MatMul", c => Product(c[0], c[1]).Wrapped(c.TypeOf(0))),
        TorchOp.Of("Gemm", c => Gemm(c).Wrapped(c.TypeOf(0))),
        TorchOp.Of("Einsum", c => einsum(c.Node.String("equation"), [.. c.Given]).Wrapped(c.TypeOf(0))),
        TorchOp.Unary("Det", Determinant),
        TorchOp.Of("Trilu", Trilu),
    ];

    /// <summary>The product as NumPy has it. On other devices than the CPU libtorch has no products of integers.</summary>
    static Tensor Product(Tensor a, Tensor b) => a.is_floating_point() || a.is_cpu() ? a.matmul(b) : a.cpu().matmul(b.cpu()).to(a.device);

    static Tensor Gemm(TorchCall c)
    {
        var n = c.Node;
        var (alpha, beta) = (n.Float("alpha", 1), n.Float("beta", 1));
        var y = Product(n.Int("transA") != 0 ? c[0].t() : c[0], n.Int("transB") != 0 ? c[1].t() : c[1]);
        if (alpha != 1) y = (y * alpha).to(y.dtype);
        if (c.Optional(2) is not { } bias) return y;
        return (y + (beta == 1 ? bias : bias * beta)).to(y.dtype);
    }

    /// <summary>At a singular matrix the gradient is that of the cofactors, for which libtorch's own, the determinant times the inverse, has zeros.</summary>
    static Tensor Determinant(Tensor x)
    {
        var y = linalg.det(x);
        return x.requires_grad && (y == 0).any().item<bool>() ? WithoutDivision(x.to(ScalarType.Float64)).to(x.dtype) : y;
    }

    /// <summary>The determinant by products of matrices only (Bird 2011, "A simple division-free algorithm for computing determinants"), O(n⁴).</summary>
    static Tensor WithoutDivision(Tensor x)
    {
        var (y, n) = (x, x.shape[^1]);
        for (var i = 1; i < n; i++)
        {
            var diagonal = y.diagonal(0, -2, -1);
            var below = diagonal.sum(-1, keepdim: true) - diagonal.cumsum(-1);
            y = (y.triu(1) - below.diag_embed()).matmul(x);
        }
        return y.select(-1, 0).select(-1, 0) * (n % 2 == 0 ? -1 : 1);
    }

    static Tensor Trilu(TorchCall c)
    {
        var diagonal = c.Ints(1)?[0] ?? 0;
        return c.Node.Int("upper", 1) == 1 ? c[0].triu(diagonal) : c[0].tril(diagonal);
    }
}
