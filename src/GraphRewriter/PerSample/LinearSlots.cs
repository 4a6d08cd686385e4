using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;

namespace GraphRewriter.PerSample;

/// <summary>Weights of matrix products: dWᵢ is the product of the rows of sample i with their gradients.</summary>
static class LinearSlots
{
    /// <summary>The number of samples taken where it is not known, to choose between two ways of equal result.</summary>
    const long UsualSamples = 64;

    /// <summary>The rules.</summary>
    internal static readonly SlotRule[] All =
    [
        new("MatMul", "dWᵢ = Xᵢᵀ · dYᵢ", MatMul),
        new("Gemm", "dWᵢ = α Xᵢᵀ · dYᵢ (transposed as X, W are), dCᵢ = β dYᵢ", Gemm),
        SlotRule.Of("Einsum", "dWᵢ = einsum(dY, Xⱼ, … → i and the labels of W)", Einsum),
    ];

    static SlotGradient MatMul(Slot slot)
    {
        var (n, w) = (slot.Node, slot.Weight);
        var x = slot.Input(1 - slot.Index);
        if (w.Rank == 0 || x.Rank == 0 || !IsMatrix(w)) return new SlotGradient(t => Stacked(t, slot));
        // A vector is a matrix of one row in front, of one column behind.
        var (y, place) = (n.Output, slot.Place(n.Output));
        if (w.Rank == 1 || x.Rank == 1) return new SlotGradient(t => Stacked(t, slot));
        var (contracted, kept) = slot.Index == 1 ? (x.Rank - 1, y.Rank - 1) : (x.Rank - 2, y.Rank - 2);
        return Product(slot, t => t.RowsOfSamples(x, slot.Place(x), contracted), t => t.RowsOfSamples(slot.Dy, place, kept), transposed: slot.Index == 0, 1);
    }

    static SlotGradient Gemm(Slot slot)
    {
        var n = slot.Node;
        if (slot.Index == 2)
        {
            return new SlotGradient(t => t.SumWithinSamples(t.Mul(slot.Dy, n.Float("beta", 1)), n.Output, slot.Place(n.Output), slot.Weight));
        }
        var x = slot.Input(1 - slot.Index);
        var (transX, transW) = slot.Index == 1 ? (n.Int("transA") != 0, n.Int("transB") != 0) : (n.Int("transB") == 0, n.Int("transA") == 0);
        // Of X the inner axis stays, of dY the axis that W gives it.
        var inner = transX ? 0 : 1;
        return Product(slot, t => t.RowsOfSamples(x, slot.Place(x), inner), t => t.RowsOfSamples(slot.Dy, slot.Place(n.Output), slot.Index), transposed: transW, n.Float("alpha", 1));
    }

    /// <summary>
    /// Gradients [N, inputs, outputs] (or transposed) of rows [N, R, inputs] and gradients [N, R, outputs]. The Gram matrix needs no gradient where rows are few:
    /// ⟨gᵢ, gⱼ⟩ is the sum over pairs of rows of ⟨xᵢ, xⱼ⟩ ⟨δᵢ, δⱼ⟩.
    /// </summary>
    static SlotGradient Product(Slot slot, Func<Tape, Value> rows, Func<Tape, Value> gradients, bool transposed, float alpha)
    {
        return new SlotGradient(Gradient, IsGramCheaper(slot) ? Gram : null);

        Value Gradient(Tape t)
        {
            var (x, dy) = (rows(t), t.Mul(gradients(t), alpha));
            var product = transposed ? t.MatMul(t.TransposeLast(dy), x) : t.MatMul(t.TransposeLast(x), dy);
            return t.SamplesLike(product, slot.Weight);
        }

        Value Gram(Tape t) => PairGram.OfRows(t, t.Mul(gradients(t), alpha), rows(t));
    }

    /// <summary>Whether products of all pairs of rows cost less than the gradients and their products.</summary>
    static bool IsGramCheaper(Slot slot)
    {
        var x = slot.Input(1 - slot.Index).Shape!;
        var (n, place) = (slot.Samples.Input.Value.Shape![slot.Samples.Input.Axis].Size, slot.Samples.Of(slot.Input(1 - slot.Index)));
        var (elements, weight) = (x.ElementCount, slot.Weight.Shape!.ElementCount);
        if (place is null || weight < 0) return false;
        if (n < 0)
        {
            n = UsualSamples;
            elements = place.Value.Share * x.Where((_, i) => i != place.Value.Axis).Aggregate(1L, (a, d) => a < 0 || !d.IsKnown ? -1 : a * d.Size) * n;
        }
        if (elements < 0 || n == 0) return false;
        var inner = slot.Node.Is("Gemm") || slot.Index == 1 ? Inner(slot) : x[-2].Size;
        if (inner <= 0) return false;
        var (r, outer) = ((double)elements / n / inner, (double)weight / inner);
        return n * r * r * (inner + outer + 2) < (r + n) * inner * outer;
    }

    static long Inner(Slot slot)
    {
        var x = slot.Input(1 - slot.Index).Shape!;
        if (!slot.Node.Is("Gemm")) return x[-1].Size;
        var isTransposed = slot.Index == 1 ? slot.Node.Int("transA") != 0 : slot.Node.Int("transB") == 0;
        return x[isTransposed ? 0 : 1].Size;
    }

    static bool IsMatrix(Value w)
    {
        for (var i = 0; i < w.Rank - 2; i++) if (w.Shape![i].Size != 1) return false;
        return true;
    }

    /// <summary>The operator's own gradient, before it is summed, for weights that are stacks of matrices or vectors: they broadcast against the samples.</summary>
    static Value Stacked(Tape t, Slot slot)
    {
        var (w, x, y) = (slot.Weight, slot.Input(1 - slot.Index), slot.Node.Output);
        if (w.Rank < 2 || x.Rank < 2) return ByVector(t, slot);
        var gradient = slot.Index == 1 ? t.MatMul(t.TransposeLast(x), slot.Dy) : t.MatMul(slot.Dy, t.TransposeLast(x));
        var place = slot.Place(y);
        if (place.Axis >= y.Rank - 2) throw slot.Refusal("a stack of matrices meets samples that are rows");
        return t.SumWithinSamples(gradient, gradient, place with { Axis = place.Axis + gradient.Rank - y.Rank }, w);
    }

    /// <summary>A product with a vector, or with samples that are vectors: an outer product of what is left.</summary>
    static Value ByVector(Tape t, Slot slot)
    {
        var (w, x) = (slot.Weight, slot.Input(1 - slot.Index));
        if (w.Rank != 1 || x.Rank < 2) throw slot.Refusal("a vector of samples has no sample axis beside its own");
        // Y = X · w sums the last axis of X, Y = w · X the one before it, which is then put last.
        if (slot.Index == 1)
        {
            var weighted = t.Mul(x, t.Unsqueeze(slot.Dy, x.Rank - 1));
            return t.SumWithinSamples(weighted, weighted, slot.Place(x), w);
        }
        var turned = t.TransposeLast(t.Mul(x, t.Unsqueeze(slot.Dy, x.Rank - 2)));
        var place = slot.Place(x);
        return t.SumWithinSamples(turned, turned, place.Axis == x.Rank - 1 ? place with { Axis = x.Rank - 2 } : place, w);
    }

    /// <summary>The gradient of an Einsum whose weight has the samples' label too.</summary>
    static Value Einsum(Tape t, Slot slot)
    {
        var n = slot.Node;
        var place = slot.Place(n.Output);
        if (place.Share != 1) throw slot.Refusal("samples share an axis with something else");
        return EinsumRule.GradientBySamples(t, n, slot.Dy, slot.Index, place.Axis);
    }
}
