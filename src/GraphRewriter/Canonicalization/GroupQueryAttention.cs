using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Canonicalization;

/// <summary>
/// GroupQueryAttention of com.microsoft in standard operators. Inputs: query, key, value, past key, past value, length of each sample less one, greatest length, cos, sin,
/// positions, bias of the scores, sink, scales of a quantised cache (two), scales of query and key. Lengths count what is cached and what is new.
/// </summary>
static class GroupQueryAttention
{
    internal static void Decompose(NodeRewrite r, Node n)
    {
        var t = r.Tape;
        if (Obstacle(n) is { } reason)
        {
            r.Refuse(reason);
            return;
        }
        var (q, k, v) = Heads(t, n);
        if (n.Input(14) is { } queryScale) q = Normalized(t, n, q, queryScale);
        if (n.Input(15) is { } keyScale) k = Normalized(t, n, k, keyScale);

        // Where the first new key stands: behind the cached ones. A padded first prompt is shorter than its queries and starts at 0.
        var length = t.Add(AttentionMask.Column(t, n.Inputs[5]!), t.Ints(1));
        var start = t.Max(t.Sub(length, t.DimOf(q, 2)), t.Ints(0));
        var total = t.Reshape(t.Cast(n.Inputs[6]!, ElementType.Int64), 1);
        if (n.Int("do_rotary") != 0)
        {
            var positions = Positions(t, n.Input(9), start, total, t.DimOf(q, 2));
            (q, k) = (Turned(t, n, q, positions), Turned(t, n, k, positions));
        }
        (k, v) = (Cached(t, n.Input(3), k, start, total), Cached(t, n.Input(4), v, start, total));
        r.Bind(1, k);
        r.Bind(2, v);
        // A cache may be longer than the longest sample.
        if (n.Input(3) is not null) (k, v) = (Cut(t, k, total), Cut(t, v, total));

        var masks = new AttentionMask(t, q, k);
        masks.Keep(t.Less(masks.Keys, length));
        if (n.Int("causal", 1) != 0) masks.AddCausal(start);
        if (n.Int("local_window_size", -1) is > 0 and var window) masks.AddWindow(start, window - 1, -1);
        if (n.Input(10) is { } bias) masks.Join(bias);
        var sink = n.Input(11) is { } given ? t.Reshape(given, 1, -1, 1, 1) : n.Int("smooth_softmax") > 0 ? t.Const(TensorData.FromNumbers(q.Type, [1, 1, 1, 1], [0])) : null;
        (k, v) = (ScaledDotProduct.RepeatHeads(t, k, q), ScaledDotProduct.RepeatHeads(t, v, q));
        var scale = n.Float("scale");
        var steps = ScaledDotProduct.Emit(t, q, k, v, scale == 0 ? null : scale, masks, n.Float("softcap"), sink: sink);
        r.Bind(0, ScaledDotProduct.JoinHeads(t, steps.Result));
    }

    static string? Obstacle(Node n)
    {
        if (n.Input(1)?.Shape is { Rank: 3 } key && n.Inputs[0]!.Shape is { Rank: 3 } query && key[1].IsKnown && query[1].IsKnown && key[1].Size != query[1].Size) return "it has not as many keys as queries";
        if (n.String("k_quant_type", "NONE") is not "NONE" || n.String("v_quant_type", "NONE") is not "NONE" || n.Input(12) is not null || n.Input(13) is not null) return "a quantised cache has no canonical form";
        if (n.Int("sliding_window_cache") != 0) return "a cache that drops what is out of its window has no canonical form";
        return n.OutputAt(3) is not null ? "its output of scores has no canonical form" : null;
    }

    /// <summary>Queries, keys and values as [batch, heads, sequence, size]; one input may hold them all.</summary>
    static (Value Q, Value K, Value V) Heads(Tape t, Node n)
    {
        var (heads, shared) = (n.Int("num_heads"), n.Int("kv_num_heads"));
        if (n.Input(1) is { } key && n.Input(2) is { } value)
            return (ScaledDotProduct.SplitHeads(t, n.Inputs[0]!, heads), ScaledDotProduct.SplitHeads(t, key, shared), ScaledDotProduct.SplitHeads(t, value, shared));
        var parts = t.Split(ScaledDotProduct.SplitHeads(t, n.Inputs[0]!, heads + 2 * shared), 1, heads, shared, shared);
        return (parts[0], parts[1], parts[2]);
    }

    static Value Normalized(Tape t, Node n, Value x, Value scale) =>
        LowerOpset.RootMeanSquare(t, x, scale, -1, n.Float("qk_norm_epsilon", 1e-6f), ElementType.Float32, out _);

    /// <summary>The positions [batch, sequence]. Of those given for a first prompt the operator reads the very first alone and counts on from there.</summary>
    static Value Positions(Tape t, Value? given, Value start, Value total, Value count)
    {
        Value From(Value first) => t.Add(t.Reshape(first, -1, 1), Rotary.Range(t, count));
        return given is null ? From(start) : t.Where(t.Equal(total, count), From(t.Slice(given, [0, 1], [0, 0], [1, 1], [1, 1])), given);
    }

    static Value Turned(Tape t, Node n, Value x, Value positions)
    {
        var (cos, sin) = (n.Inputs[7]!, n.Inputs[8]!);
        Value At(Value table) => t.Unsqueeze(t.Gather(table, positions), 1);
        return Rotary.Turn(t, x, At(cos), At(sin), t.Mul(t.DimOf(cos, 1), t.Ints(2)), n.Int("rotary_interleaved") != 0);
    }

    /// <summary>The new keys or values behind those of the cache, each sample's from its own place on, then zeros.</summary>
    static Value Cached(Tape t, Value? past, Value added, Value start, Value total)
    {
        // Without a cache the longest sample is all new.
        if (past is null && total.Constant is not null && total == t.DimOf(added, 2)) return added;
        Value Zeros(Value rows) => t.Full(t.Concat(0, t.DimOf(added, 0), t.DimOf(added, 1), rows, t.DimOf(added, 3)), 0, added.Type);
        var numbers = Rotary.Range(t, t.DimOf(added, 2));
        Value cache;
        if (past is null) cache = Zeros(total);
        else
        {
            var size = t.DimOf(past, 2);
            var kept = t.Less(t.Unsqueeze(Rotary.Range(t, size), 1), start);
            cache = t.Concat(2, t.Mask(kept, past), Zeros(t.Sub(t.Max(total, size), size)));
        }
        var places = t.Expand(t.Add(t.Unsqueeze(numbers, 1), start), t.ShapeOf(added));
        return t.Op("ScatterElements", [Attribute.Of("axis", 2L)], cache, places, added);
    }

    static Value Cut(Tape t, Value x, Value total) => t.Op("Slice", x, t.Ints(0), total, t.Ints(2));
}
