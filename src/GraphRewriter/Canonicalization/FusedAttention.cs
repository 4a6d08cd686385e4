using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Canonicalization;

/// <summary>Attention and MultiHeadAttention of com.microsoft in standard operators.</summary>
static class FusedAttention
{
    /// <summary>Attention over an input projected here: inputs x, weight, bias, mask, past, bias of the scores.</summary>
    internal static void Attend(NodeRewrite r, Node n)
    {
        var t = r.Tape;
        var (x, heads) = (n.Inputs[0]!, n.Int("num_heads"));
        if (n.Int("do_rotary") != 0 || n.Int("past_present_share_buffer") != 0)
        {
            r.Refuse("rotary positions and shared caches inside a fused Attention have no canonical form");
            return;
        }
        var joined = t.MatMul(x, n.Inputs[1]!);
        if (n.Input(2) is { } shift) joined = t.Add(joined, shift);
        var parts = n.Ints("qkv_hidden_sizes") is { } sizes ? t.Split(joined, 2, sizes) : Equal(t, joined, 2, 3);
        var (q, k, v) = (ScaledDotProduct.SplitHeads(t, parts[0], heads), ScaledDotProduct.SplitHeads(t, parts[1], heads), ScaledDotProduct.SplitHeads(t, parts[2], heads));
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
    internal static void AttendHeads(NodeRewrite r, Node n)
    {
        var t = r.Tape;
        if (n.Inputs.Skip(8).Any(i => i is not null) || n.OutputAt(3) is not null)
        {
            r.Refuse("shared caches, beams and the output of scores have no canonical form");
            return;
        }
        if (Separate(t, n) is not { } given)
        {
            r.Refuse("its query, key and value have ranks without a meaning");
            return;
        }
        var p = Biased(t, n, given);
        Value? offset = null;
        if (n.Input(6) is { } pastKey && n.Input(7) is { } pastValue)
        {
            p = p with { K = t.Concat(2, pastKey, p.K), V = t.Concat(2, pastValue, p.V) };
            offset = t.DimOf(pastKey, 2);
        }
        r.Bind(1, p.K);
        r.Bind(2, p.V);
        Finish(r, n, p, n.Input(4), n.Input(5), offset);
    }

    readonly record struct Projections(Value Q, Value K, Value V);

    /// <summary>
    /// Query, key and value as [batch, sequence, heads * size], or key and value as [batch, heads, sequence, size] where they come from a cache. One input may hold the
    /// keys and values, or all three, as [batch, sequence, heads, 2 or 3, size].
    /// </summary>
    static Projections? Separate(Tape t, Node n)
    {
        var (query, key, value) = (n.Inputs[0]!, n.Input(1), n.Input(2));
        switch (query.Shape?.Rank, key?.Shape?.Rank, value?.Shape?.Rank)
        {
            case (5, _, _) when key is null && value is null:
                var all = Packed(query, 3);
                return new Projections(all[0], all[1], all[2]);
            case (3, 5, _) when value is null:
                var pair = Packed(key!, 2);
                return new Projections(query, pair[0], pair[1]);
            case (3, 3, 3) or (3, 4, 4):
                return new Projections(query, key!, value!);
            default:
                return null;
        }

        Value[] Packed(Value x, int parts) => [.. t.Split(x, 3, [.. Enumerable.Repeat(1L, parts)]).Select(p => t.Reshape(p, t.Concat(0, t.DimOf(x, 0), t.DimOf(x, 1), t.Mul(t.DimOf(x, 2), t.DimOf(x, 4)))))];
    }

    /// <summary>The same as [batch, heads, sequence, size], the biases of the projections added.</summary>
    static Projections Biased(Tape t, Node n, Projections p)
    {
        var heads = n.Int("num_heads");
        var isCached = p.K.Rank == 4;
        if (n.Input(3) is { } shift)
        {
            var width = t.DimOf(p.Q, 2);
            var last = isCached ? t.Mul(t.DimOf(p.V, 1), t.DimOf(p.V, 3)) : t.DimOf(p.V, 2);
            var parts = t.Ops("Split", 3, [Attribute.Of("axis", 0L)], shift, t.Concat(0, width, width, last));
            p = p with { Q = t.Add(p.Q, parts.OutputAt(0)!) };
            if (!isCached) p = p with { K = t.Add(p.K, parts.OutputAt(1)!), V = t.Add(p.V, parts.OutputAt(2)!) };
        }
        var q = ScaledDotProduct.SplitHeads(t, p.Q, heads);
        return isCached ? p with { Q = q } : new Projections(q, ScaledDotProduct.SplitHeads(t, p.K, heads), ScaledDotProduct.SplitHeads(t, p.V, heads));
    }

    static IReadOnlyList<Value> Equal(Tape t, Value x, long axis, int parts) =>
        [.. t.Ops("Split", parts, [Attribute.Of("axis", axis), Attribute.Of("num_outputs", (long)parts)], x).Outputs.Select(o => o!)];

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
        var steps = ScaledDotProduct.Emit(t, p.Q, p.K, p.V, scale == 0 ? null : scale, sum);
        r.Bind(0, ScaledDotProduct.JoinHeads(t, steps.Result));
    }

    /// <summary>Masks by rank: ends, or ends and then starts, of each sample; open places [batch, keys] or [batch, queries, keys]. Closed places get mask_filter_value.</summary>
    static bool AddMask(NodeRewrite r, Node n, AttentionMask sum, Projections p, Value mask)
    {
        var t = r.Tape;
        var closed = t.Scalar(n.Float("mask_filter_value", -10000), p.Q.Type);
        var zero = t.Scalar(0, p.Q.Type);
        switch (mask.Shape?.Rank)
        {
            case 1:
                // Ends, with starts behind them where there are twice as many numbers as samples.
                var (numbers, samples) = (t.Cast(mask, ElementType.Int64), t.DimOf(p.Q, 0));
                var twice = t.Mul(samples, t.Ints(2));
                Value Column(Value from, Value start, Value end) => AttentionMask.Column(t, t.Op("Slice", from, start, end, t.Ints(0)));
                var second = Column(t.Concat(0, numbers, t.Full(samples, 0, ElementType.Int64)), samples, twice);
                var starts = t.Where(t.Equal(t.DimOf(mask, 0), twice), second, t.Ints(0));
                sum.Join(t.Where(t.And(t.Less(sum.Keys, Column(numbers, t.Ints(0), samples)), t.GreaterOrEqual(sum.Keys, starts)), zero, closed));
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
}
