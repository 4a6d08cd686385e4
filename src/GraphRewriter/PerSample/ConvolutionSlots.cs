using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;

namespace GraphRewriter.PerSample;

/// <summary>Weights and biases of convolutions.</summary>
static class ConvolutionSlots
{
    /// <summary>The rules.</summary>
    internal static readonly SlotRule[] All =
    [
        SlotRule.Of("Conv", "dWᵢ[k] = Σ over positions of dYᵢ · Xᵢ shifted by kᵀ, dBᵢ = Σ dYᵢ",
            (t, slot) => slot.Index == 2 ? Bias(t, slot) : Weight(t, slot, slot.Input(0), slot.Dy, Window.OfConv(t, slot.Node))),
        SlotRule.Of("ConvTranspose", "dWᵢ[k] = Σ over positions of Xᵢ · dYᵢ shifted by kᵀ, dBᵢ = Σ dYᵢ",
            (t, slot) => slot.Index == 2 ? Bias(t, slot) : Weight(t, slot, slot.Dy, slot.Input(0), Window.OfConvTranspose(t, slot.Node))),
    ];

    static Value Weight(Tape t, Slot slot, Value moved, Value positions, Window window)
    {
        if (slot.Index != 1) throw slot.Refusal("its data are the same for all samples");
        var gradient = ConvolutionWeights.GradientBySamples(t, moved, positions, slot.Weight, window, slot.Node.Int("group", 1));
        // Axis 0 may count several images a sample (the frames of a film).
        var place = slot.Place(slot.Node.Output);
        return place.Share == 1 ? gradient : t.SamplesLike(t.SumWithinSamples(gradient, gradient, place, slot.Weight), slot.Weight);
    }

    static Value Bias(Tape t, Slot slot)
    {
        var y = slot.Node.Output;
        var summed = t.SumWithinSamples(slot.Dy, y, slot.Place(y), t.Unsqueeze(slot.Weight, [.. Enumerable.Range(1, y.Rank - 2).Select(a => (long)a)]));
        return t.SamplesLike(summed, slot.Weight);
    }
}
