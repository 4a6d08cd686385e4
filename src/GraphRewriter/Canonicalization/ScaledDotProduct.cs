using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Canonicalization;

/// <summary>Attention in standard operators; queries, keys and values are [batch, heads, sequence, size].</summary>
static class ScaledDotProduct
{
    /// <summary>What attention computes on the way.</summary>
    /// <param name="Scores">Products of queries and keys, scaled.</param>
    /// <param name="Capped">The same after the soft cap.</param>
    /// <param name="Biased">The same after mask and bias.</param>
    /// <param name="Probabilities">The same after Softmax.</param>
    /// <param name="Result">The weighted sums of the values.</param>
    internal readonly record struct Steps(Value Scores, Value Capped, Value Biased, Value Probabilities, Value Result);

    /// <summary>Emits attention.</summary>
    /// <param name="t">Where to emit.</param>
    /// <param name="q">The queries.</param>
    /// <param name="k">The keys, with as many heads.</param>
    /// <param name="v">The values, with as many heads.</param>
    /// <param name="scale">The factor of the scores; null for 1 / √size.</param>
    /// <param name="mask">What is added to the scores.</param>
    /// <param name="softcap">The bound of the scores, by tanh; 0 for none.</param>
    /// <param name="precision">The type that Softmax computes in; Undefined for that of the scores.</param>
    /// <param name="sink">A score of no key, which takes its part of the probabilities: one for each head, [1, heads, 1, 1]; null for none.</param>
    public static Steps Emit(Tape t, Value q, Value k, Value v, float? scale, AttentionMask mask, float softcap = 0, ElementType precision = ElementType.Undefined, Value? sink = null)
    {
        var scores = t.MatMul(Scale(t, q, scale), t.Transpose(k, 0, 1, 3, 2));
        // The cap comes before the mask: after it, the -∞ of a masked place would become finite.
        var capped = softcap > 0 ? t.Mul(t.Tanh(t.Div(scores, softcap)), softcap) : scores;
        var biased = mask.Bias is null ? capped : t.Add(capped, mask.Bias);
        var wide = precision == ElementType.Undefined ? biased : t.Cast(biased, precision);
        var probabilities = t.CastLike(sink is not null ? WithSink(t, wide, sink) : mask.MayCloseRows ? OfOpenRows(t, wide) : Softmax(t, wide), v);
        return new Steps(scores, capped, biased, probabilities, t.MatMul(probabilities, v));
    }

    static Value Softmax(Tape t, Value x) => t.Op("Softmax", [Attribute.Of("axis", -1L)], x);

    /// <summary>A query that may see no key sees nothing, rather than having no number.</summary>
    static Value OfOpenRows(Tape t, Value x)
    {
        var isOpen = t.Greater(t.ReduceMax(x, [-1]), double.NegativeInfinity);
        return t.Mask(isOpen, Softmax(t, t.Mask(isOpen, x)));
    }

    static Value WithSink(Tape t, Value x, Value sink)
    {
        var column = t.Expand(sink, t.Concat(0, t.DimOf(x, 0), t.DimOf(x, 1), t.DimOf(x, 2), t.Ints(1)));
        return t.Slice(Softmax(t, t.Concat(3, column, x)), 3, 1, long.MaxValue);
    }

    static Value Scale(Tape t, Value q, float? scale)
    {
        if (scale is { } given) return t.Mul(q, given);
        if (q.Shape![3].IsKnown) return t.Mul(q, 1 / Math.Sqrt(q.Shape[3].Size));
        var size = t.Cast(t.Squeeze(t.DimOf(q, 3), 0), q.Type);
        return t.Div(q, t.Sqrt(size));
    }

    /// <summary>[batch, sequence, heads * size] to [batch, heads, sequence, size].</summary>
    /// <exception cref="ModelException">The number of heads is missing, or the rank is another.</exception>
    public static Value SplitHeads(Tape t, Value x, long heads) => heads > 0 && x.Rank == 3
        ? t.Transpose(t.Reshape(x, 0, 0, heads, x.Shape![2].IsKnown ? x.Shape[2].Size / heads : -1), 0, 2, 1, 3)
        : throw new ModelException(ModelProblem.Unsupported, heads > 0 ? $"'{x.Name}' must have rank 3" : "the number of heads is missing");

    /// <summary>[batch, heads, sequence, size] to [batch, sequence, heads * size].</summary>
    public static Value JoinHeads(Tape t, Value x)
    {
        var width = x.Shape is { } s && s[1].IsKnown && s[3].IsKnown ? s[1].Size * s[3].Size : -1;
        return t.Reshape(t.Transpose(x, 0, 2, 1, 3), 0, 0, width);
    }

    /// <summary>Grouped queries: each key and value head serves several query heads in a row.</summary>
    public static Value RepeatHeads(Tape t, Value kv, Value q)
    {
        if (Dim.SurelyEqual(kv.Shape![1], q.Shape![1])) return kv;
        var (have, want) = (t.DimOf(kv, 1), t.DimOf(q, 1));
        var repeated = t.Expand(t.Unsqueeze(kv, 2), t.Concat(0, t.Ints(1, 1), t.Div(want, have), t.Ints(1, 1)));
        return t.Reshape(repeated, t.Concat(0, t.DimOf(kv, 0), want, t.DimOf(kv, 2), t.DimOf(kv, 3)));
    }
}

/// <summary>Collects what is added to the scores [batch, heads, queries, keys] of one attention.</summary>
sealed class AttentionMask(Tape t, Value q, Value k)
{
    /// <summary>The sum of all masks; null where there is none.</summary>
    public Value? Bias { get; private set; }

    /// <summary>Whether a query may be left without any key that it sees.</summary>
    public bool MayCloseRows { get; private set; }

    /// <summary>The numbers of the keys.</summary>
    public Value Keys => Rotary.Range(t, t.DimOf(k, 2));

    /// <summary>A number for each sample as [batch, 1, 1, 1].</summary>
    public static Value Column(Tape t, Value lengths) => t.Reshape(t.Cast(lengths, ElementType.Int64), -1, 1, 1, 1);

    /// <summary>A bool mask (true takes part) or an additive one; one with fewer keys than there are masks the rest.</summary>
    public void Add(Value mask)
    {
        var additive = mask.Type == ElementType.Bool ? Closed(mask, double.NegativeInfinity) : mask;
        if (mask.Shape is { Rank: > 0 } m && !Dim.SurelyEqual(m[-1], k.Shape![2]))
        {
            var pads = t.Concat(0, t.Ints(new long[2 * m.Rank - 1]), t.Sub(t.DimOf(k, 2), t.DimOf(mask, -1)));
            additive = t.Op("Pad", additive, pads, t.Scalar(double.NegativeInfinity, q.Type));
        }
        MayCloseRows = true;
        Join(additive);
    }

    /// <summary>Masks keys from a length on, one length for each sample.</summary>
    public void AddLengths(Value lengths)
    {
        MayCloseRows = true;
        Keep(t.Less(Keys, Column(t, lengths)));
    }

    /// <summary>A query sees the keys before it and its own; the queries stand behind <paramref name="offset"/> earlier keys.</summary>
    public void AddCausal(Value? offset) => Keep(Causal(offset));

    /// <summary>A query sees so many keys before its own and so many behind it; -1 for all.</summary>
    public void AddWindow(Value? offset, long before, long behind)
    {
        if (before >= 0) Keep(t.GreaterOrEqual(Keys, t.Sub(Rows(offset), t.Ints(before))));
        if (behind >= 0) Keep(t.LessOrEqual(Keys, t.Add(Rows(offset), t.Ints(behind))));
        // A window may lie wholly behind the last key.
        MayCloseRows |= before >= 0;
    }

    /// <summary>Where a query may see a key: bool [queries, keys], or with the offset's leading axes.</summary>
    public Value Causal(Value? offset) => t.LessOrEqual(Keys, Rows(offset));

    /// <summary>Masks where a condition does not hold.</summary>
    public void Keep(Value condition) => Join(Closed(condition, double.NegativeInfinity));

    /// <summary>Adds to the scores.</summary>
    public void Join(Value additive) => Bias = Bias is null ? additive : t.Add(Bias, additive);

    Value Closed(Value open, double closed) => t.Where(open, t.Scalar(0, q.Type), t.Scalar(closed, q.Type));

    /// <summary>The place of each query among the keys.</summary>
    Value Rows(Value? offset)
    {
        var rows = t.Unsqueeze(Rotary.Range(t, t.DimOf(q, 2)), 1);
        return offset is null ? rows : t.Add(rows, offset);
    }
}
