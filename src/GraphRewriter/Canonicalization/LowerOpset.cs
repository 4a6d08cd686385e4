using GraphRewriter.Emission;
using GraphRewriter.Ir;
using static GraphRewriter.Canonicalization.NodeAdapter;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Canonicalization;

/// <summary>
/// Lowers the operators of opset 22 to 26 to the canonical opset. Versions that only accept more types are not listed: they mean the same.
/// Source: the operator change log of ONNX (docs/Changelog.md in the onnx repository).
/// </summary>
static class LowerOpset
{
    internal static readonly NodeAdapter[] All =
    [
        Since(23, "Attention",        "scaled dot products, softmax, weighted sum", LowerAttention),
        Since(23, "RMSNormalization", "x / sqrt(mean(x²) + ε) * scale", LowerRootMeanSquare),
        Since(23, "RotaryEmbedding",  "rotation of pairs by cos and sin", LowerRotary),
        Since(24, "Swish",            "x * sigmoid(α x)", (r, n) => r.Bind(0, r.Tape.Mul(n.Inputs[0]!, r.Tape.Sigmoid(r.Tape.Mul(n.Inputs[0]!, n.Float("alpha", 1)))))),
        Since(24, "TensorScatter",    "ScatterElements along the sequence axis", LowerTensorScatter),
        Since(24, "Cast",             "round_mode concerns 8-bit scales only", DropRoundMode),
        Since(23, "QuantizeLinear",   "precision goes", (r, _) => r.Drop("precision")),
        Since(23, "DequantizeLinear", "output_dtype becomes a Cast", CastDequantized),
        Since(26, "BitCast",          "not possible", (r, _) => r.Refuse("reinterpreting bits has no canonical form")),
        Since(26, "CumProd",          "one product for each place", LowerCumulativeProduct),
    ];

    static void LowerAttention(NodeRewrite r, Node n)
    {
        var t = r.Tape;
        var isFlat = n.Inputs[0]!.Shape is { Rank: 3 };
        if (n.Inputs[0]!.Shape is null)
        {
            r.Refuse("the rank of its query is not known");
            return;
        }
        var (q, k, v) = (Heads(t, n.Inputs[0]!, n.Int("q_num_heads")), Heads(t, n.Inputs[1]!, n.Int("kv_num_heads")), Heads(t, n.Inputs[2]!, n.Int("kv_num_heads")));
        Value? offset = null;
        if (n.Input(4) is { } pastKey)
        {
            k = t.Concat(2, pastKey, k);
            offset = t.DimOf(pastKey, 2);
        }
        if (n.Input(5) is { } pastValue) v = t.Concat(2, pastValue, v);
        var (presentKey, presentValue) = (k, v);
        (k, v) = (RepeatHeads(r, q, k), RepeatHeads(r, q, v));
        if (r.Refused) return;

        var masks = new AttentionMask(t, q, k);
        if (n.Input(3) is { } mask) masks.Add(mask);
        if (n.Input(6) is { } lengths)
        {
            masks.AddLengths(lengths);
            if (offset is null && n.Int("is_causal") != 0) masks.AddCausalFromLengths(lengths);
        }
        if (n.Int("is_causal") != 0 && (offset is not null || n.Input(6) is null)) masks.AddCausal(offset);
        var steps = ScaledDotProduct.Emit(t, q, k, v, n.Has("scale") ? n.Float("scale") : null, masks.Bias, n.Float("softcap"), (ElementType)n.Int("softmax_precision"));

        if (n.OutputAt(3) is not null)
        {
            r.Bind(3, n.Int("qk_matmul_output_mode") switch { 1 => steps.Capped, 2 => steps.Biased, 3 => steps.Probabilities, _ => steps.Scores });
        }
        r.Bind(1, presentKey);
        r.Bind(2, presentValue);
        r.Bind(0, isFlat ? ScaledDotProduct.JoinHeads(t, steps.Result) : steps.Result);
    }

    static Value Heads(Tape t, Value x, long heads) => x.Rank == 4 ? x : ScaledDotProduct.SplitHeads(t, x, heads);

    /// <summary>Grouped queries: each key and value head serves several query heads in a row.</summary>
    static Value RepeatHeads(NodeRewrite r, Value q, Value kv)
    {
        var (have, want) = (kv.Shape![1], q.Shape![1]);
        if (!have.IsKnown || !want.IsKnown)
        {
            r.Refuse("the number of heads is not known");
            return kv;
        }
        if (have.Size == want.Size) return kv;
        var t = r.Tape;
        var repeated = t.Expand(t.Unsqueeze(kv, 2), t.Ints(1, 1, want.Size / have.Size, 1, 1));
        var sizes = t.ShapeOf(kv);
        return t.Reshape(repeated, t.Concat(0, t.Slice(sizes, 0, 0, 1), t.Ints(want.Size), t.Slice(sizes, 0, 2, 4)));
    }

    static void LowerRootMeanSquare(NodeRewrite r, Node n)
    {
        var x = n.Inputs[0]!;
        if (x.Shape is null)
        {
            r.Refuse("the rank of its input is not known");
            return;
        }
        var compute = (ElementType)n.Int("stash_type", 1);
        r.Bind(0, RootMeanSquare(r.Tape, x, n.Inputs[1]!, n.Int("axis", -1), n.Float("epsilon", 1e-5f), compute, out _));
    }

    /// <summary>x / sqrt(mean(x²) + ε) * scale; the mean over the axes from one on, in the stated type.</summary>
    internal static Value RootMeanSquare(Tape t, Value x, Value scale, long axis, float epsilon, ElementType compute, out Value inverse)
    {
        var first = axis < 0 ? axis + x.Rank : axis;
        var axes = Enumerable.Range((int)first, x.Rank - (int)first).Select(i => (long)i).ToArray();
        var wide = compute == ElementType.Undefined ? x : t.Cast(x, compute);
        inverse = t.Reciprocal(t.Sqrt(t.Add(t.ReduceMean(t.Square(wide), axes), epsilon)));
        return t.Mul(t.Cast(t.Mul(wide, inverse), x.Type), scale);
    }

    static void LowerRotary(NodeRewrite r, Node n)
    {
        var t = r.Tape;
        var x = n.Inputs[0]!;
        if (x.Shape is not { Rank: 3 or 4 } shape)
        {
            r.Refuse("its input must have rank 3 or 4");
            return;
        }
        // [batch, sequence, heads, size] from here on.
        var split = shape.Rank == 4 ? t.Transpose(x, 0, 2, 1, 3) : t.Reshape(x, 0, 0, n.Int("num_heads"), -1);
        var (cos, sin) = (n.Inputs[1]!, n.Inputs[2]!);
        if (n.Input(3) is { } positions) (cos, sin) = (t.Gather(cos, positions), t.Gather(sin, positions));
        (cos, sin) = (t.Unsqueeze(cos, 2), t.Unsqueeze(sin, 2));
        var rotated = n.Int("rotary_embedding_dim");
        Value? rest = null;
        var part = split;
        if (rotated > 0)
        {
            part = t.Slice(split, 3, 0, rotated);
            rest = t.Slice(split, 3, rotated, long.MaxValue);
        }
        else if (split.Shape?[3] is { IsKnown: true } size) rotated = size.Size;
        else
        {
            r.Refuse("its head size is not known");
            return;
        }
        var turned = Rotate(t, part, cos, sin, rotated, n.Int("interleaved") != 0);
        if (rest is not null) turned = t.Concat(3, turned, rest);
        r.Bind(0, shape.Rank == 4 ? t.Transpose(turned, 0, 2, 1, 3) : t.Reshape(turned, 0, 0, -1));
    }

    static Value Rotate(Tape t, Value x, Value cos, Value sin, long size, bool interleaved)
    {
        var (a, b) = interleaved
            ? (t.Slice(x, 3, 0, size, 2), t.Slice(x, 3, 1, size, 2))
            : (t.Slice(x, 3, 0, size / 2), t.Slice(x, 3, size / 2, size));
        var real = t.Sub(t.Mul(cos, a), t.Mul(sin, b));
        var imaginary = t.Add(t.Mul(sin, a), t.Mul(cos, b));
        return interleaved
            ? t.Reshape(t.Concat(4, t.Unsqueeze(real, 4), t.Unsqueeze(imaginary, 4)), 0, 0, 0, size)
            : t.Concat(3, real, imaginary);
    }

    static void LowerTensorScatter(NodeRewrite r, Node n)
    {
        var t = r.Tape;
        var (cache, update) = (n.Inputs[0]!, n.Inputs[1]!);
        if (cache.Shape is null || update.Shape is null)
        {
            r.Refuse("the rank of its cache is not known");
            return;
        }
        var axis = (int)n.Int("axis", -2);
        if (axis < 0) axis += cache.Rank;
        // Places along the axis: start of the sample + 0, 1, …, as a tensor that broadcasts to the update.
        var count = t.Squeeze(t.DimOf(update, axis), 0);
        var steps = t.Op("Range", t.Const(TensorData.Scalar(0)), count, t.Const(TensorData.Scalar(1)));
        var places = t.Reshape(steps, [.. Enumerable.Range(0, cache.Rank).Select(i => i == axis ? -1L : 1L)]);
        if (n.Input(2) is { } starts) places = t.Add(places, t.Reshape(starts, [-1, .. Enumerable.Repeat(1L, cache.Rank - 1)]));
        if (n.String("mode", "linear") is "circular") places = t.Op("Mod", places, t.DimOf(cache, axis));
        var indices = t.Expand(places, t.ShapeOf(update));
        r.Bind(0, t.Op("ScatterElements", [Attribute.Of("axis", (long)axis)], cache, indices, update));
    }

    static void DropRoundMode(NodeRewrite r, Node n)
    {
        if ((ElementType)n.Int("to") == ElementType.Float8E8M0) r.Refuse("casting to 8-bit scales has no canonical form");
        r.Drop("round_mode");
    }

    static void CastDequantized(NodeRewrite r, Node n)
    {
        var type = (ElementType)n.Int("output_dtype");
        r.Drop("output_dtype");
        if (type == ElementType.Undefined || type == n.Inputs[1]!.Type) return;
        var wide = r.EmitSelf([.. n.Inputs]).Output;
        r.Bind(0, r.View("Cast", [Attribute.Of("to", (long)type)], wide));
    }

    /// <summary>Longest axis that is unrolled.</summary>
    const long UnrollLimit = 256;

    static void LowerCumulativeProduct(NodeRewrite r, Node n)
    {
        var t = r.Tape;
        var x = n.Inputs[0]!;
        if (x.Shape is null || n.Input(1)?.Constant is not { } axisData || !x.Shape[(int)axisData.ToInt64s()[0]].IsKnown || x.Shape[(int)axisData.ToInt64s()[0]].Size > UnrollLimit)
        {
            r.Refuse($"it needs a constant axis of known length up to {UnrollLimit}");
            return;
        }
        var axis = axisData.ToInt64s()[0];
        var length = x.Shape[(int)axis].Size;
        var places = Enumerable.Range(0, (int)length).Select(i => n.Int("reverse") != 0 ? length - 1 - i : i).ToArray();
        var parts = new Value?[length];
        Value? product = null;
        foreach (var i in places)
        {
            var here = t.Slice(x, axis, i, i + 1);
            var next = product is null ? here : t.Mul(product, here);
            parts[i] = n.Int("exclusive") != 0 ? product ?? t.FullLike(here, 1) : next;
            product = next;
        }
        r.Bind(0, length == 0 ? x : t.Concat(axis, parts));
    }
}
