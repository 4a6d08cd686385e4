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

    public static Steps Emit(Tape t, Value q, Value k, Value v, float? scale, Value? bias, float softcap = 0, ElementType precision = ElementType.Undefined)
    {
        var scores = t.MatMul(Scale(t, q, scale), t.Transpose(k, 0, 1, 3, 2));
        // The cap comes before the mask: after it, the -∞ of a masked place would become finite.
        var capped = softcap > 0 ? t.Mul(t.Tanh(t.Div(scores, softcap)), softcap) : scores;
        var biased = bias is null ? capped : t.Add(capped, bias);
        var wide = precision == ElementType.Undefined ? biased : t.Cast(biased, precision);
        var probabilities = t.CastLike(t.Op("Softmax", [Attribute.Of("axis", -1L)], wide), v);
        return new Steps(scores, capped, biased, probabilities, t.MatMul(probabilities, v));
    }

    static Value Scale(Tape t, Value q, float? scale)
    {
        if (scale is { } given) return t.Mul(q, given);
        if (q.Shape![3].IsKnown) return t.Mul(q, 1 / Math.Sqrt(q.Shape[3].Size));
        var size = t.Cast(t.Squeeze(t.DimOf(q, 3), 0), q.Type);
        return t.Div(q, t.Sqrt(size));
    }

    /// <summary>[batch, sequence, heads * size] to [batch, heads, sequence, size].</summary>
    public static Value SplitHeads(Tape t, Value x, long heads) =>
        t.Transpose(t.Reshape(x, 0, 0, heads, x.Shape is { } s && s[2].IsKnown ? s[2].Size / heads : -1), 0, 2, 1, 3);

    /// <summary>[batch, heads, sequence, size] to [batch, sequence, heads * size].</summary>
    public static Value JoinHeads(Tape t, Value x)
    {
        var width = x.Shape is { } s && s[1].IsKnown && s[3].IsKnown ? s[1].Size * s[3].Size : -1;
        return t.Reshape(t.Transpose(x, 0, 2, 1, 3), 0, 0, width);
    }
}

/// <summary>Collects what is added to the scores [batch, heads, queries, keys] of one attention.</summary>
sealed class AttentionMask(Tape t, Value q, Value k)
{
    /// <summary>The sum of all masks; null where there is none.</summary>
    public Value? Bias { get; private set; }

    /// <summary>A bool mask (true takes part) or an additive one; one with fewer keys than there are masks the rest.</summary>
    public void Add(Value mask)
    {
        var missing = mask.Shape is { Rank: > 0 } m && m[-1].IsKnown && k.Shape![2].IsKnown ? k.Shape[2].Size - m[-1].Size : 0;
        var additive = mask.Type == ElementType.Bool ? Closed(mask, float.NegativeInfinity) : mask;
        if (missing > 0)
        {
            var pads = new long[2 * mask.Rank];
            pads[^1] = missing;
            additive = t.Op("Pad", additive, t.Ints(pads), t.Scalar(double.NegativeInfinity, q.Type));
        }
        Join(additive);
    }

    /// <summary>Masks keys from a length on, one length for each sample.</summary>
    public void AddLengths(Value lengths)
    {
        var column = t.Reshape(t.Cast(lengths, ElementType.Int64), -1, 1, 1, 1);
        Join(Closed(t.Less(Numbers(k), column), float.NegativeInfinity));
    }

    /// <summary>A query sees the keys before it and its own; the queries stand behind <paramref name="offset"/> earlier keys (a vector of one).</summary>
    public void AddCausal(Value? offset, float closed = float.NegativeInfinity) => Join(Closed(Causal(offset), closed));

    /// <summary>As <see cref="AddCausal"/>, the queries being the last of each sample's keys.</summary>
    public void AddCausalFromLengths(Value lengths)
    {
        var offset = t.Sub(t.Reshape(t.Cast(lengths, ElementType.Int64), -1, 1, 1, 1), t.DimOf(q, 2));
        Join(Closed(Causal(offset), float.NegativeInfinity));
    }

    /// <summary>Where a query may see a key: bool [queries, keys], or with the offset's leading axes.</summary>
    public Value Causal(Value? offset)
    {
        var rows = t.Unsqueeze(Numbers(q), 1);
        if (offset is not null) rows = t.Add(rows, offset);
        return t.LessOrEqual(Numbers(k), rows);
    }

    public void Join(Value additive) => Bias = Bias is null ? additive : t.Add(Bias, additive);

    Value Closed(Value open, double closed) => t.Where(open, t.Scalar(0, q.Type), t.Scalar(closed, q.Type));

    Value Numbers(Value x) => t.Op("Range", t.Const(TensorData.Scalar(0)), t.Squeeze(t.DimOf(x, 2), 0), t.Const(TensorData.Scalar(1)));
}
