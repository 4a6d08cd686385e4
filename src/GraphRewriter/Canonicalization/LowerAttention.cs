using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>
/// Attention of opset 23 to 25 in standard operators. The windows of opset 25 are read at any version: older ones do not have them. Source: docs/Operators.md in
/// the onnx repository.
/// </summary>
static class LowerAttention
{
    internal static void Apply(NodeRewrite r, Node n)
    {
        var t = r.Tape;
        var isFlat = n.Inputs[0]!.Rank == 3;
        var (q, k, v) = (Heads(t, n.Inputs[0]!, n.Int("q_num_heads")), Heads(t, n.Inputs[1]!, n.Int("kv_num_heads")), Heads(t, n.Inputs[2]!, n.Int("kv_num_heads")));
        var (past, lengths) = (n.Input(4), n.Input(6));
        if (past is not null) k = t.Concat(2, past, k);
        if (n.Input(5) is { } pastValue) v = t.Concat(2, pastValue, v);
        r.Bind(1, k);
        r.Bind(2, v);

        // The keys before those of the first query: kept from earlier runs, or the valid ones of a cache that is filled outside.
        var offset = past is not null ? t.DimOf(past, 2) : lengths is not null ? t.Sub(AttentionMask.Column(t, lengths), t.DimOf(q, 2)) : null;
        var masks = new AttentionMask(t, q, k);
        if (n.Input(3) is { } mask) masks.Add(mask);
        if (lengths is not null) masks.AddLengths(lengths);
        if (n.Int("is_causal") != 0) masks.AddCausal(offset);
        masks.AddWindow(offset, n.Int("left_window_size", -1), n.Int("right_window_size", -1));
        (k, v) = (ScaledDotProduct.RepeatHeads(t, k, q), ScaledDotProduct.RepeatHeads(t, v, q));
        var steps = ScaledDotProduct.Emit(t, q, k, v, n.Has("scale") ? n.Float("scale") : null, masks, n.Float("softcap"), (ElementType)n.Int("softmax_precision"));

        if (n.OutputAt(3) is not null)
            r.Bind(3, n.Int("qk_matmul_output_mode") switch { 1 => steps.Capped, 2 => steps.Biased, 3 => steps.Probabilities, _ => steps.Scores });
        r.Bind(0, isFlat ? ScaledDotProduct.JoinHeads(t, steps.Result) : steps.Result);
    }

    static Value Heads(Tape t, Value x, long heads) => x.Rank == 4 ? x : ScaledDotProduct.SplitHeads(t, x, heads);
}
