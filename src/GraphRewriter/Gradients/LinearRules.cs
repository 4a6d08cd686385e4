using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Gradients;

/// <summary>Gradients of matrix products.</summary>
static class LinearRules
{
    /// <summary>The rules.</summary>
    internal static readonly GradientRule[] All =
    [
        Rule.Binary("MatMul", 1, "dA = dY · Bᵀ, dB = Aᵀ · dY, summed over broadcast batches", (t, a, b, y, dy) => MatMul(t, a, b, dy)),
        new("Gemm",   1, "dA = α · dY · B'ᵀ, dB = α · A'ᵀ · dY (transposed as A, B are), dC = β * dY", Gemm),
        new("Einsum", 12, "dXᵢ = einsum(dY, Xⱼ, … → labels of Xᵢ); a repeated label is a product with the unit matrix", EinsumRule.Gradients),
    ];

    static (Value A, Value B) MatMul(Tape t, Value a, Value b, Value dy)
    {
        if (a.Rank == 1) return VectorTimes(t, a, b, dy);
        if (b.Rank == 1) return TimesVector(t, a, b, dy);
        if (a.Rank == 2 && b.Rank == 2) return (Product(t, dy, b, transB: true), Product(t, a, dy, transA: true));
        if (IsMatrix(b)) return TimesMatrix(t, a, b, dy);
        return (t.MatMul(dy, t.TransposeLast(b)), t.MatMul(t.TransposeLast(a), dy));
    }

    /// <summary>Y = A · B with one matrix B for a stack A: all rows in one product, so that dB needs no sum over a stack of products.</summary>
    static (Value A, Value B) TimesMatrix(Tape t, Value a, Value b, Value dy)
    {
        var rows = Rows(t, a);
        var rowGradients = Rows(t, dy);
        var matrix = b.Rank == 2 ? b : t.Reshape(b, t.Concat(0, t.DimOf(b, -2), t.DimOf(b, -1)));
        var da = t.Reshape(Product(t, rowGradients, matrix, transB: true), t.Concat(0, [.. Enumerable.Range(0, dy.Rank - 1).Select(i => t.DimOf(dy, i)), t.DimOf(a, -1)]));
        return (da, t.ReshapeLike(Product(t, rows, rowGradients, transA: true), b));
    }

    /// <summary>Y = a · B with a vector a: the sweep sums da over the stack.</summary>
    static (Value A, Value B) VectorTimes(Tape t, Value a, Value b, Value dy)
    {
        if (b.Rank == 1) return (t.Mul(dy, b), t.Mul(dy, a));
        var row = t.Unsqueeze(dy, -2);
        return (t.Squeeze(t.MatMul(row, t.TransposeLast(b)), -2), t.MatMul(t.Unsqueeze(a, 1), row));
    }

    /// <summary>Y = A · b with a vector b.</summary>
    static (Value A, Value B) TimesVector(Tape t, Value a, Value b, Value dy) =>
        (t.Mul(t.Unsqueeze(dy, -1), b), t.Reshape(t.MatMul(t.Reshape(dy, 1, -1), Rows(t, a)), -1));

    static bool IsMatrix(Value b)
    {
        for (var i = 0; i < b.Rank - 2; i++) if (b.Shape![i].Size != 1) return false;
        return true;
    }

    /// <summary>A stack of row vectors as one matrix [rows, last dimension].</summary>
    static Value Rows(Tape t, Value x) => x.Rank == 2 ? x : t.Reshape(x, t.Concat(0, t.Ints(-1), t.DimOf(x, -1)));

    /// <summary>A product of two matrices, each transposed or not.</summary>
    internal static Value Product(Tape t, Value a, Value b, bool transA = false, bool transB = false, float alpha = 1)
    {
        var attributes = new List<Attribute>();
        if (transA) attributes.Add(Attribute.Of("transA", 1L));
        if (transB) attributes.Add(Attribute.Of("transB", 1L));
        if (alpha != 1) attributes.Add(Attribute.Of("alpha", alpha));
        return t.Op("Gemm", [.. attributes], a, b);
    }

    static Value?[] Gemm(Tape t, Node n, Value dy)
    {
        var (a, b) = (n.Inputs[0]!, n.Inputs[1]!);
        var (transA, transB) = (n.Int("transA") != 0, n.Int("transB") != 0);
        var alpha = n.Float("alpha", 1);
        var result = new Value?[n.Inputs.Count];
        result[0] = transA ? Product(t, b, dy, transB, true, alpha) : Product(t, dy, b, false, !transB, alpha);
        result[1] = transB ? Product(t, dy, a, true, transA, alpha) : Product(t, a, dy, !transA, false, alpha);
        if (n.Input(2) is not null) result[2] = t.Mul(dy, n.Float("beta", 1));
        return result;
    }
}
