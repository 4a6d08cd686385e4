using GraphRewriter.Emission;
using GraphRewriter.Ir;
using static GraphRewriter.Canonicalization.NodeAdapter;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Canonicalization;

/// <summary>The products and convolutions of com.microsoft that carry a transposition, a factor, a sum or an activation, in standard operators.</summary>
static class FusedProducts
{
    internal static readonly NodeAdapter[] All =
    [
        Contrib("FusedMatMul",     "Transpose, MatMul, Mul", Multiply),
        Contrib("TransposeMatMul", "Transpose, MatMul, Mul", Multiply),
        Contrib("FusedGemm",       "Gemm, activation",       MultiplyAndActivate),
        Contrib("FusedConv",       "Conv, Add, activation",  Convolve),
    ];

    static void Multiply(NodeRewrite r, Node n)
    {
        var t = r.Tape;
        var a = Arranged(r, n.Inputs[0]!, n.Int("transA") != 0, n.Int("transBatchA") != 0);
        var b = Arranged(r, n.Inputs[1]!, n.Int("transB") != 0, n.Int("transBatchB") != 0);
        r.Bind(0, t.Mul(t.MatMul(a, b), n.Float("alpha", 1)));
    }

    /// <summary>Where the batch is transposed, the rows come first of all axes. A vector is not transposed.</summary>
    static Value Arranged(NodeRewrite r, Value x, bool swapped, bool rowsFirst)
    {
        if (!(swapped || rowsFirst) || x.Rank < 2) return x;
        var permutation = Enumerable.Range(0, x.Rank).Select(i => (long)i).ToList();
        if (rowsFirst)
        {
            permutation.RemoveAt(0);
            permutation.Insert(x.Rank - 2, 0);
        }
        if (swapped) (permutation[^1], permutation[^2]) = (permutation[^2], permutation[^1]);
        return r.View("Transpose", [Attribute.Of("perm", [.. permutation])], x);
    }

    static void MultiplyAndActivate(NodeRewrite r, Node n)
    {
        Attribute[] kept = [.. n.Attributes.Values.Where(a => a.Name is "alpha" or "beta" or "transA" or "transB")];
        var y = r.Tape.Op("Gemm", kept, [.. n.Inputs]);
        float[] numbers = [n.Float("activation_alpha"), n.Float("activation_beta"), n.Float("activation_gamma")];
        if (Activate(r, y, n.String("activation"), n.Has("activation_alpha") || n.Has("activation_beta") ? numbers : []) is { } activated) r.Bind(0, activated);
    }

    static void Convolve(NodeRewrite r, Node n)
    {
        Attribute[] kept = [.. n.Attributes.Values.Where(a => !a.Name.StartsWith("activation", StringComparison.Ordinal))];
        var y = r.Tape.Op("Conv", kept, [n.Inputs[0], n.Inputs[1], .. n.Input(2) is { } bias ? (Value?[])[bias] : []]);
        if (n.Input(3) is { } sum) y = r.Tape.Add(y, sum);
        if (Activate(r, y, n.String("activation"), n.Floats("activation_params") ?? []) is { } activated) r.Bind(0, activated);
    }

    static Value? Activate(NodeRewrite r, Value x, string activation, float[] numbers)
    {
        var t = r.Tape;
        float Number(int i, float fallback) => i < numbers.Length ? numbers[i] : fallback;
        switch (activation)
        {
            case "": return x;
            case "Relu" or "Tanh" or "Sigmoid" or "Softplus" or "Softsign" or "HardSwish": return t.Op(activation, x);
            case "LeakyRelu": return t.Op("LeakyRelu", [Attribute.Of("alpha", Number(0, 0.01f))], x);
            case "Elu": return t.Op("Elu", [Attribute.Of("alpha", Number(0, 1))], x);
            case "ThresholdedRelu": return t.Op("ThresholdedRelu", [Attribute.Of("alpha", Number(0, 1))], x);
            case "HardSigmoid": return t.Op("HardSigmoid", [Attribute.Of("alpha", Number(0, 0.2f)), Attribute.Of("beta", Number(1, 0.5f))], x);
            case "Clip": return t.Op("Clip", x, t.ScalarLike(Number(0, float.MinValue), x), t.ScalarLike(Number(1, float.MaxValue), x));
            default:
                r.Refuse($"its activation '{activation}' is not known");
                return null;
        }
    }
}
