using GraphRewriter.Canonicalization;
using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;

namespace GraphRewriter.PerSample;

/// <summary>Tables whose rows samples look up (embeddings).</summary>
static class TableSlot
{
    /// <summary>The gradient: each sample has a table of its own, of which it looks up rows; one table of N times the rows serves.</summary>
    public static SlotGradient Gradient(Slot slot)
    {
        var (n, table) = (slot.Node, slot.Weight);
        if (slot.Index != 0) throw slot.Refusal("its indices carry no gradient");
        if (AxisOps.Normalized(n.Int("axis"), table.Rank) != 0) throw slot.Refusal("rows are looked up along another axis than the first");
        var indices = slot.Input(1);
        var place = slot.Place(indices);
        return new SlotGradient(Scattered, IsGramCheaper(slot, place) ? Gram : null);

        Value Scattered(Tape t)
        {
            var (rows, gradients) = Sorted(t);
            // Row r of sample i is row i * V + r of all tables one below the other.
            var count = t.DimOf(table, 0);
            var offsets = t.Mul(t.Reshape(t.Counting(t.DimOf(rows, 0)), -1, 1), count);
            var flat = t.Reshape(t.Add(rows, offsets), -1);
            var values = t.Reshape(gradients, t.Concat(0, t.Ints(-1), t.DimOf(gradients, -1)));
            return t.SamplesLike(t.Reshape(t.AddAlong(values, 0, flat, t.Mul(count, t.DimOf(rows, 0))), t.Concat(0, t.DimOf(rows, 0), t.Ints(-1))), table);
        }

        Value Gram(Tape t)
        {
            var (rows, gradients) = Sorted(t);
            return PairGram.OfIndices(t, gradients, rows);
        }

        // Indices [N, R] counted from the front, gradients [N, R, D].
        (Value Rows, Value Gradients) Sorted(Tape t)
        {
            var wide = t.Cast(indices, ElementType.Int64);
            var fromFront = t.Where(t.Less(wide, t.Const(TensorData.Scalar(0))), t.Add(wide, t.DimOf(table, 0)), wide);
            var width = table.Rank == 1 ? t.Ints(1) : t.Product(t.DimsOf(table, 1, table.Rank));
            var flatDy = t.Reshape(slot.Dy, t.Concat(0, [.. Enumerable.Range(0, indices.Rank).Select(i => t.DimOf(indices, i)), width]));
            return (t.Flat(t.SamplesFirst(t.ShapedLike(fromFront, indices), place)), t.RowsOfSamples(flatDy, place, indices.Rank));
        }
    }

    /// <summary>Pairs of looked-up rows against pairs of whole tables.</summary>
    static bool IsGramCheaper(Slot slot, BatchPlace place)
    {
        var lookups = slot.Input(1).Shape!.Where((_, i) => i != place.Axis).Aggregate((double)place.Share, (a, d) => a * (d.IsKnown ? d.Size : double.NaN));
        return lookups * lookups < slot.Weight.Shape![0].Size;
    }
}
