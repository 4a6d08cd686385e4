using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>Matrix products and what is built of them.</summary>
static class ProductRules
{
    internal static readonly ShapeRule[] All =
    [
        new("MatMul", (in x) => x.Out(0, x.TypeOf(0) is ElementType.Undefined ? x.TypeOf(1) : x.TypeOf(0), MatMul(x, 0, 1))),
        new("MatMulInteger", (in x) => x.Out(0, ElementType.Int32, MatMul(x, 0, 1))),
        new("QLinearMatMul", (in x) => x.Out(0, x.TypeOf(7), MatMul(x, 0, 3))),
        new("Gemm", Gemm),
        new("Einsum", EinsumRule.Infer),
        new("Det", (in x) => x.Out(0, x.TypeOf(0), x.ShapeOf(0) is { Rank: >= 2 } s ? new Shape(s.Take(s.Rank - 2)) : null)),
        new("Attention", Attention),
    ];

    static Shape? MatMul(in InferenceContext x, int left, int right)
    {
        if (x.ShapeOf(left) is not { } a || x.ShapeOf(right) is not { } b) return null;
        if (a.Rank == 0 || b.Rank == 0) throw x.Conflict("a scalar is no matrix");
        if (!DimArithmetic.TryUnify(a[-1], b.Rank == 1 ? b[0] : b[-2], out _)) throw x.Conflict("the inner dimensions differ");
        var batch = Math.Max(Math.Max(a.Rank, b.Rank) - 2, 0);
        // A vector on either side is a matrix whose added dimension goes away again.
        var dims = new Dim[batch + (a.Rank > 1 ? 1 : 0) + (b.Rank > 1 ? 1 : 0)];
        for (var i = 0; i < batch; i++)
        {
            var fromA = i - batch + Math.Max(a.Rank - 2, 0);
            var fromB = i - batch + Math.Max(b.Rank - 2, 0);
            if (!DimArithmetic.TryBroadcast(fromA < 0 ? 1 : a[fromA], fromB < 0 ? 1 : b[fromB], out dims[i]))
                throw x.Conflict("the batch dimensions do not broadcast");
        }
        if (a.Rank > 1) dims[batch] = a[-2];
        if (b.Rank > 1) dims[^1] = b[-1];
        return new Shape(dims);
    }

    static void Gemm(in InferenceContext x)
    {
        var (a, b) = (x.ShapeOf(0), x.ShapeOf(1));
        if (a is { Rank: not 2 } || b is { Rank: not 2 }) throw x.Conflict("Gemm multiplies matrices");
        var (ta, tb) = (x.Node.Int("transA") != 0, x.Node.Int("transB") != 0);
        if (a is not null && b is not null && !DimArithmetic.TryUnify(a[ta ? 0 : 1], b[tb ? 1 : 0], out _)) throw x.Conflict("the inner dimensions differ");
        x.Out(0, x.TypeOf(0), new Shape(x.DimOf(0, ta ? 1 : 0), x.DimOf(1, tb ? 0 : 1)));
    }

    /// <summary>Attention of opset 23: query, key and value of rank 3 (heads packed) or 4.</summary>
    static void Attention(in InferenceContext x)
    {
        var type = x.TypeOf(0);
        var (q, k, v) = (Heads(x, 0, "q_num_heads"), Heads(x, 1, "kv_num_heads"), Heads(x, 2, "kv_num_heads"));
        var past = x.HasInput(4) ? x.DimOf(4, 2) : 0;
        var total = DimArithmetic.Add(k.Length, past);
        var output = x.ShapeOf(0) switch
        {
            { Rank: 4 } => new Shape(q.Batch, q.Count, q.Length, v.Size),
            { Rank: 3 } => new Shape(q.Batch, q.Length, DimArithmetic.Multiply(q.Count, v.Size)),
            _ => null,
        };
        x.Out(0, type, output);
        x.Out(1, x.TypeOf(1), new Shape(k.Batch, k.Count, total, k.Size));
        x.Out(2, x.TypeOf(2), new Shape(v.Batch, v.Count, total, v.Size));
        x.Out(3, type, new Shape(q.Batch, q.Count, q.Length, total));
    }

    static (Dim Batch, Dim Count, Dim Length, Dim Size) Heads(in InferenceContext x, int input, string attribute)
    {
        var shape = x.ShapeOf(input);
        if (shape is { Rank: 4 }) return (shape[0], shape[1], shape[2], shape[3]);
        if (shape is not { Rank: 3 }) return (Dim.Unknown, Dim.Unknown, Dim.Unknown, Dim.Unknown);
        var heads = x.Node.Int(attribute);
        if (shape[2].IsKnown && (heads <= 0 || shape[2].Size % heads != 0)) throw x.Conflict($"{attribute} = {heads} does not divide the width");
        return (shape[0], heads, shape[1], DimArithmetic.Divide(shape[2], heads));
    }
}
