using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.PerSample;

/// <summary>Gram matrices of gradients that are sums of outer products, from the factors alone.</summary>
static class PairGram
{
    /// <summary>Σ over rows r of sample i and s of sample j of ⟨xᵢᵣ, xⱼₛ⟩ ⟨δᵢᵣ, δⱼₛ⟩: [N, N] from two stacks [N, R, ·].</summary>
    public static Value OfRows(Tape t, Value gradients, Value rows)
    {
        var (dots, others) = (Dots(t, gradients), Dots(t, rows));
        return Pooled(t, t.Mul(dots, others), rows);
    }

    /// <summary>The same where rows are unit vectors: pairs count where their indices are equal. Indices [N, R], gradients [N, R, D].</summary>
    public static Value OfIndices(Tape t, Value gradients, Value indices)
    {
        var equal = t.Equal(t.Reshape(indices, -1, 1), t.Reshape(indices, 1, -1));
        return Pooled(t, t.Gate(equal, Dots(t, gradients)), gradients);
    }

    static Value Dots(Tape t, Value stack)
    {
        var flat = t.Reshape(stack, t.Concat(0, t.Ints(-1), t.DimOf(stack, -1)));
        return t.Op("Gemm", [Ir.Attribute.Of("transB", 1L)], flat, flat);
    }

    /// <summary>Sums blocks of R by R: [N * R, N * R] to [N, N].</summary>
    static Value Pooled(Tape t, Value pairs, Value stack)
    {
        if (stack.Shape is { } s && s[1].Size == 1) return pairs;
        var (n, r) = (t.DimOf(stack, 0), t.DimOf(stack, 1));
        return t.ReduceSum(t.Reshape(pairs, t.Concat(0, n, r, n, r)), [1, 3], keepDims: false);
    }
}
