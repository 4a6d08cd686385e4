using static GraphRewriter.Tests.Gradients.SampleInput;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Gradients.Samples;

/// <summary>Samples of matrix products.</summary>
static class LinearSamples
{
    internal static readonly OpSample[] All =
    [
        Product("matrices", [3, 4], [4, 5]),
        Product("vectors", [4], [4]),
        Product("vector by matrix", [4], [4, 5]),
        Product("vector by stack", [4], [2, 4, 3]),
        Product("matrix by vector", [3, 4], [4]),
        Product("stack by vector", [2, 3, 4], [4]),
        Product("stack by matrix", [2, 3, 4], [4, 5]),
        Product("four axes by matrix", [2, 3, 2, 4], [4, 5]),
        Product("matrix by stack", [3, 4], [2, 4, 5]),
        Product("stacks", [2, 3, 4], [2, 4, 2]),
        Product("broadcast stacks", [2, 1, 3, 4], [3, 4, 2]),
        Product("stack by single matrix", [2, 3, 4], [1, 4, 5]),
        Product("single matrix by stack", [1, 3, 4], [2, 4, 5]),
        Product("matrix by single matrix of higher rank", [3, 4], [1, 1, 4, 5]),

        Gemm("plain", [3, 4], [4, 5], null),
        Gemm("with bias", [3, 4], [4, 5], [5]),
        Gemm("transposed A", [4, 3], [4, 5], [3, 5], Attribute.Of("transA", 1L)),
        Gemm("transposed B", [3, 4], [5, 4], [1, 5], Attribute.Of("transB", 1L)),
        Gemm("both transposed, scaled", [4, 3], [5, 4], [3, 1], Attribute.Of("transA", 1L), Attribute.Of("transB", 1L), Attribute.Of("alpha", 0.5f), Attribute.Of("beta", -2f)),
        Gemm("scalar bias", [3, 4], [4, 5], [], Attribute.Of("beta", 0.25f)),

        Sum("matrix product", "ij,jk->ik", F(3, 4), F(4, 5)),
        Sum("implicit output", "ij,jk", F(3, 4), F(4, 5)),
        Sum("attention scores", "bqhd,bkhd->bhqk", F(2, 3, 2, 4), F(2, 5, 2, 4)),
        Sum("ellipsis", "...ij,...jk->...ik", F(2, 3, 4), F(2, 4, 2)),
        Sum("broadcast ellipsis", "...ij,...jk->...ik", F(1, 3, 4), F(2, 4, 2)),
        Sum("implicit ellipsis", "...ij,jk", F(2, 3, 4), F(4, 2)),
        Sum("transpose", "ij->ji", F(3, 4)),
        Sum("trace", "ii->", F(3, 3)),
        Sum("diagonal", "bii->bi", F(2, 3, 3)),
        Sum("diagonal by matrix", "ii,ij->j", F(3, 3), F(3, 4)),
        Sum("summed only", "ijk->j", F(2, 3, 4)),
        Sum("summed only beside another", "ij,jk->k", F(3, 4), F(4, 2)),
        Sum("outer product", "i,j->ij", F(3), F(4)),
        Sum("everything", "ij,ij->", F(3, 4), F(3, 4)),
        Sum("three operands", "ai,bi,ci->abc", F(2, 3), F(3, 3), F(2, 3)),
        Sum("three operands with broadcast", "...a,ab,...b->...", F(2, 3), F(3, 4), F(2, 4)),
    ];

    static OpSample Product(string name, long[] a, long[] b) => new("MatMul", name, [F(a), F(b)]) { Linear = true };

    static OpSample Gemm(string name, long[] a, long[] b, long[]? c, params Attribute[] attributes) =>
        new("Gemm", name, c is null ? [F(a), F(b)] : [F(a), F(b), F(c)], attributes) { Linear = true };

    static OpSample Sum(string name, string equation, params SampleInput[] inputs) => new("Einsum", name, inputs, [Attribute.Of("equation", equation)]) { Linear = true };
}
