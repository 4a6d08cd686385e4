using GraphRewriter.Emission;
using GraphRewriter.Ir;
using static GraphRewriter.Canonicalization.NodeAdapter;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Canonicalization;

/// <summary>
/// Writes the fused operators that ONNX Runtime's optimiser leaves behind in standard operators. Source of their meaning: ContribOperators.md in the onnxruntime repository.
/// </summary>
static class DecomposeContrib
{
    internal static readonly NodeAdapter[] All =
    [
        Contrib("Attention",              "projection, heads, masks, softmax", Attend),
        Contrib("MultiHeadAttention",     "heads, masks, softmax", AttendHeads),
        Contrib("EmbedLayerNormalization", "sum of embeddings, then LayerNormalization", EmbedNormalize),
        Contrib("SkipLayerNormalization", "sum, then LayerNormalization", SkipNormalize),
        Contrib("SkipSimplifiedLayerNormalization", "sum, then division by the root mean square", SkipNormalizeSimplified),
        Contrib("SimplifiedLayerNormalization", "division by the root mean square", NormalizeSimplified),
        new("SimplifiedLayerNormalization", 0, long.MaxValue, "division by the root mean square", NormalizeSimplified),
        new("LayerNormalization", 0, 17, "the operator ONNX took over in opset 17", (_, _) => { }),
        Contrib("LayerNormalization",     "the standard operator", Rename("LayerNormalization")),
        Contrib("Gelu",                   "the standard operator", Rename("Gelu")),
        Contrib("QuantizeLinear",         "the standard operator", Rename("QuantizeLinear")),
        Contrib("DequantizeLinear",       "the standard operator", Rename("DequantizeLinear")),
        Contrib("GridSample",             "the standard operator", (r, n) => { Rename("GridSample")(r, n); n.Set(Attribute.Of("mode", n.String("mode", "bilinear") switch { "bicubic" => "cubic", "nearest" => "nearest", _ => "linear" })); }),
        Contrib("FastGelu",               "Gelu with tanh", (r, n) => r.Bind(0, Gelu(r.Tape, Biased(r.Tape, n), "tanh"))),
        Contrib("BiasGelu",               "Add, Gelu", (r, n) => r.Bind(0, Gelu(r.Tape, Biased(r.Tape, n), "none"))),
        Contrib("QuickGelu",              "x * sigmoid(α x)", (r, n) => r.Bind(0, r.Tape.Mul(n.Inputs[0]!, r.Tape.Sigmoid(r.Tape.Mul(n.Inputs[0]!, n.Float("alpha", 1.702f)))))),
        Contrib("BiasAdd",                "two Adds", (r, n) => r.Bind(0, r.Tape.Add(r.Tape.Add(n.Inputs[0]!, n.Inputs[1]!), n.Inputs[2]!))),
        Contrib("BiasSoftmax",            "Add, Softmax", (r, n) => { var axis = n.Int("axis", 1); r.Bind(0, r.Tape.Op("Softmax", [Attribute.Of("axis", axis)], r.Tape.Add(n.Inputs[0]!, n.Inputs[1]!))); if (n.Inputs[0]!.Shape is not { } s || (axis != -1 && axis != s.Rank - 1)) r.Context.Note($"BiasSoftmax '{n.LogicalName}' is taken to work on one axis."); }),
        Contrib("FusedMatMul",            "Transpose, MatMul, Mul", MultiplyFused),
        Contrib("TransposeMatMul",        "Transpose, MatMul, Mul", MultiplyFused),
        Contrib("FusedGemm",              "Gemm, activation", GemmFused),
        Contrib("FusedConv",              "Conv, Add, activation", ConvolveFused),
    ];

    static Action<NodeRewrite, Node> Rename(string opType) => (_, n) => (n.OpType, n.Domain) = (opType, "");

    static Value Gelu(Tape t, Value x, string approximation) => t.Op("Gelu", [Attribute.Of("approximate", approximation)], x);

    static Value Biased(Tape t, Node n) => n.Input(1) is { } bias ? t.Add(n.Inputs[0]!, bias) : n.Inputs[0]!;

    /// <summary>Attention over an input projected here: inputs x, weight, bias, mask, past, bias of the scores.</summary>
    static void Attend(NodeRewrite r, Node n)
    {
        var t = r.Tape;
        var (x, weight, heads) = (n.Inputs[0]!, n.Inputs[1]!, n.Int("num_heads"));
        if (n.Int("do_rotary") != 0 || n.Int("past_present_share_buffer") != 0 || heads <= 0)
        {
            r.Refuse(heads <= 0 ? "num_heads is missing" : "rotary positions and shared caches inside a fused Attention have no canonical form");
            return;
        }
        var joined = t.MatMul(x, weight);
        if (n.Input(2) is { } shift) joined = t.Add(joined, shift);
        var sizes = n.Ints("qkv_hidden_sizes") ?? (weight.Shape is { Rank: 2 } w && w[1].IsKnown ? [w[1].Size / 3, w[1].Size / 3, w[1].Size / 3] : null);
        if (sizes is null)
        {
            r.Refuse("the size of its projection is not known");
            return;
        }
        var parts = t.Ops("Split", 3, [Attribute.Of("axis", 2L)], joined, t.Ints(sizes));
        var (q, k, v) = (ScaledDotProduct.SplitHeads(t, parts.OutputAt(0)!, heads), ScaledDotProduct.SplitHeads(t, parts.OutputAt(1)!, heads), ScaledDotProduct.SplitHeads(t, parts.OutputAt(2)!, heads));
        Value? offset = null;
        if (n.Input(4) is { } past)
        {
            k = t.Concat(2, t.Squeeze(t.Slice(past, 0, 0, 1), 0), k);
            v = t.Concat(2, t.Squeeze(t.Slice(past, 0, 1, 2), 0), v);
            offset = t.DimOf(past, 3);
        }
        if (n.OutputAt(1) is not null) r.Bind(1, t.Concat(0, t.Unsqueeze(k, 0), t.Unsqueeze(v, 0)));
        Finish(r, n, new Projections(q, k, v), n.Input(3), n.Input(5), offset);
    }

    /// <summary>Attention over projections made outside: inputs query, key, value, bias, key padding mask, bias of the scores, past key, past value.</summary>
    static void AttendHeads(NodeRewrite r, Node n)
    {
        var t = r.Tape;
        var heads = n.Int("num_heads");
        if (n.Input(1) is not { Shape.Rank: 3 } key || n.Input(2) is not { Shape.Rank: 3 } value || n.Inputs[0]!.Shape is not { Rank: 3 } || n.Inputs.Skip(8).Any(i => i is not null))
        {
            r.Refuse("only separate queries, keys and values of rank 3 have a canonical form");
            return;
        }
        Value[] flat = [n.Inputs[0]!, key, value];
        if (n.Input(3) is { } shift)
        {
            if (flat.Any(f => !f.Shape![2].IsKnown))
            {
                r.Refuse("its sizes are not known");
                return;
            }
            var parts = t.Ops("Split", 3, [Attribute.Of("axis", 0L)], shift, t.Ints([.. flat.Select(f => f.Shape![2].Size)]));
            for (var i = 0; i < 3; i++) flat[i] = t.Add(flat[i], parts.OutputAt(i)!);
        }
        var (q, k, v) = (ScaledDotProduct.SplitHeads(t, flat[0], heads), ScaledDotProduct.SplitHeads(t, flat[1], heads), ScaledDotProduct.SplitHeads(t, flat[2], heads));
        Value? offset = null;
        if (n.Input(6) is { } pastKey && n.Input(7) is { } pastValue)
        {
            (k, v) = (t.Concat(2, pastKey, k), t.Concat(2, pastValue, v));
            offset = t.DimOf(pastKey, 2);
        }
        r.Bind(1, k);
        r.Bind(2, v);
        Finish(r, n, new Projections(q, k, v), n.Input(4), n.Input(5), offset);
    }

    readonly record struct Projections(Value Q, Value K, Value V);

    static void Finish(NodeRewrite r, Node n, Projections p, Value? mask, Value? scoreBias, Value? offset)
    {
        var t = r.Tape;
        var sum = new AttentionMask(t, p.Q, p.K);
        if (mask is not null && !AddMask(r, n, sum, p, mask)) return;
        // ONNX Runtime closes the places after a query with the lowest finite number.
        if (n.Int("unidirectional") != 0)
        {
            var open = sum.Causal(offset);
            var lowest = t.Scalar(float.MinValue, p.Q.Type);
            var before = sum.Bias ?? t.Scalar(0, p.Q.Type);
            sum = new AttentionMask(t, p.Q, p.K);
            sum.Join(t.Where(open, before, lowest));
        }
        if (scoreBias is not null) sum.Join(scoreBias);
        var scale = n.Float("scale");
        var steps = ScaledDotProduct.Emit(t, p.Q, p.K, p.V, scale == 0 ? null : scale, sum.Bias);
        r.Bind(0, ScaledDotProduct.JoinHeads(t, steps.Result));
    }

    /// <summary>Masks by rank: lengths [batch]; open places [batch, keys] or [batch, queries, keys]; closed places get mask_filter_value.</summary>
    static bool AddMask(NodeRewrite r, Node n, AttentionMask sum, Projections p, Value mask)
    {
        var t = r.Tape;
        var closed = t.Scalar(n.Float("mask_filter_value", -10000), p.Q.Type);
        var zero = t.Scalar(0, p.Q.Type);
        switch (mask.Shape?.Rank)
        {
            case 1 when mask.Shape[0] is var length && Dim.SurelyEqual(length, p.Q.Shape![0]):
                var column = t.Reshape(t.Cast(mask, ElementType.Int64), -1, 1, 1, 1);
                var keys = t.Op("Range", t.Const(TensorData.Scalar(0)), t.Squeeze(t.DimOf(p.K, 2), 0), t.Const(TensorData.Scalar(1)));
                sum.Join(t.Where(t.Less(keys, column), zero, closed));
                return true;
            case 2:
                sum.Join(t.Where(t.Cast(t.Unsqueeze(mask, 1, 2), ElementType.Bool), zero, closed));
                return true;
            case 3:
                sum.Join(t.Where(t.Cast(t.Unsqueeze(mask, 1), ElementType.Bool), zero, closed));
                return true;
            default:
                r.Refuse($"a mask of shape {mask.Shape?.ToString() ?? "unknown"} has no canonical form");
                return false;
        }
    }

    /// <summary>Inputs ids, segment ids, word table, position table, segment table, scale, shift, mask, position ids.</summary>
    static void EmbedNormalize(NodeRewrite r, Node n)
    {
        var t = r.Tape;
        var ids = n.Inputs[0]!;
        var words = t.Gather(n.Inputs[2]!, ids);
        var positions = n.Input(8) ?? t.Op("Range", t.Const(TensorData.Scalar(0)), t.Squeeze(t.DimOf(ids, 1), 0), t.Const(TensorData.Scalar(1)));
        var sum = t.Add(words, t.Gather(n.Inputs[3]!, positions));
        if (n.Input(1) is { } segments && n.Input(4) is { } table) sum = t.Add(sum, t.Gather(table, segments));
        if (n.OutputAt(1) is not null)
        {
            var counts = n.Input(7) is { } mask
                ? t.ReduceSum(mask, [1], keepDims: false)
                : t.Expand(t.Scalar(0, ElementType.Int32), t.DimOf(ids, 0));
            r.Bind(1, counts);
        }
        var normalized = LayerNormalization(t, sum, n.Inputs[5], n.Input(6), n.Float("epsilon", 1e-12f), 1);
        r.Bind(2, sum);
        r.Bind(0, normalized.Output);
    }

    static Node LayerNormalization(Tape t, Value x, Value? scale, Value? shift, float epsilon, int outputs) =>
        t.Ops("LayerNormalization", outputs, [Attribute.Of("axis", -1L), Attribute.Of("epsilon", epsilon)], [x, scale, .. shift is null ? (Value?[])[] : [shift]]);

    /// <summary>Inputs x, skip, scale, shift, bias; outputs result, mean, inverse deviation, sum.</summary>
    static void SkipNormalize(NodeRewrite r, Node n)
    {
        var t = r.Tape;
        var sum = t.Add(n.Inputs[0]!, n.Inputs[1]!);
        if (n.Input(4) is { } bias) sum = t.Add(sum, bias);
        var statistics = n.OutputAt(1) is not null || n.OutputAt(2) is not null;
        var normalized = LayerNormalization(t, sum, n.Inputs[2], n.Input(3), n.Float("epsilon", 1e-12f), statistics ? 3 : 1);
        if (statistics)
        {
            r.Bind(1, normalized.OutputAt(1)!);
            r.Bind(2, normalized.OutputAt(2)!);
        }
        r.Bind(3, sum);
        r.Bind(0, normalized.Output);
    }

    /// <summary>Inputs x, skip, scale, bias; outputs result, mean (never given), inverse deviation, sum.</summary>
    static void SkipNormalizeSimplified(NodeRewrite r, Node n)
    {
        var t = r.Tape;
        var sum = t.Add(n.Inputs[0]!, n.Inputs[1]!);
        if (n.Input(3) is { } bias) sum = t.Add(sum, bias);
        if (sum.Shape is null)
        {
            r.Refuse("the rank of its input is not known");
            return;
        }
        var result = LowerOpset.RootMeanSquare(t, sum, n.Inputs[2]!, -1, n.Float("epsilon", 1e-12f), ElementType.Float32, out var inverse);
        r.Bind(3, sum);
        r.Bind(2, inverse);
        r.Bind(0, result);
    }

    static void NormalizeSimplified(NodeRewrite r, Node n)
    {
        var x = n.Inputs[0]!;
        if (x.Shape is null)
        {
            r.Refuse("the rank of its input is not known");
            return;
        }
        var result = LowerOpset.RootMeanSquare(r.Tape, x, n.Inputs[1]!, n.Int("axis", -1), n.Float("epsilon", 1e-5f), (ElementType)n.Int("stash_type", 1), out var inverse);
        r.Bind(1, inverse);
        r.Bind(0, result);
    }

    static void MultiplyFused(NodeRewrite r, Node n)
    {
        var t = r.Tape;
        var (a, b) = (n.Inputs[0]!, n.Inputs[1]!);
        if (n.Int("transBatchA") != 0 || n.Int("transBatchB") != 0 || a.Shape is null || b.Shape is null)
        {
            r.Refuse("transposed batch axes and operands of unknown rank have no canonical form");
            return;
        }
        // A vector is not transposed.
        if (n.Int("transA") != 0 && a.Rank > 1) a = Swapped(r, a);
        if (n.Int("transB") != 0 && b.Rank > 1) b = Swapped(r, b);
        r.Bind(0, t.Mul(t.MatMul(a, b), n.Float("alpha", 1)));
    }

    static Value Swapped(NodeRewrite r, Value x)
    {
        var permutation = Enumerable.Range(0, x.Rank).Select(i => (long)i).ToArray();
        (permutation[^1], permutation[^2]) = (permutation[^2], permutation[^1]);
        return r.View("Transpose", [Attribute.Of("perm", permutation)], x);
    }

    static void GemmFused(NodeRewrite r, Node n)
    {
        Attribute[] kept = [.. n.Attributes.Values.Where(a => a.Name is "alpha" or "beta" or "transA" or "transB")];
        var y = r.Tape.Op("Gemm", kept, [.. n.Inputs]);
        float[] numbers = [n.Float("activation_alpha"), n.Float("activation_beta"), n.Float("activation_gamma")];
        if (Activate(r, y, n.String("activation"), n.Has("activation_alpha") || n.Has("activation_beta") ? numbers : []) is { } activated) r.Bind(0, activated);
    }

    static void ConvolveFused(NodeRewrite r, Node n)
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
