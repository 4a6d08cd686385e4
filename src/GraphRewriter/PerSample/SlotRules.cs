using System.Collections.Frozen;
using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;

namespace GraphRewriter.PerSample;

/// <summary>
/// The gradients of weights for each sample: one rule per slot that takes a weight. Each is the batch's own formula without its sum over samples. In formulas i is the
/// sample, dY the gradient by the node's output.
/// </summary>
static class SlotRules
{
    /// <summary>Operators that broadcast: the gradient before the sweep sums it is known from the operator's rule; only the sum differs.</summary>
    static readonly string[] Elementwise = ["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Mean", "Where", "PRelu", "Expand"];

    static readonly string[] Normalizations = ["BatchNormalization", "LayerNormalization", "InstanceNormalization", "GroupNormalization"];

    /// <summary>The rules.</summary>
    internal static readonly SlotRule[] All =
    [
        .. Elementwise.Select(op => SlotRule.Of(op, "dWᵢ = dY * ∂Y/∂W of sample i, summed over its broadcast axes", Broadcast)),
        .. Normalizations.Select(op => SlotRule.Of(op, "dScaleᵢ = sum(dYᵢ * Zᵢ), dBᵢ = sum dYᵢ, Z the normalised input", Normalization)),
        SlotRule.Of("Concat", "dWᵢ = the part of dYᵢ that came from W", Joined),
        .. LinearSlots.All,
        .. ConvolutionSlots.All,
        .. RecurrentSlots.All,
        new("Gather", "dWᵢ = zeros with dYᵢ added at the indices of sample i", TableSlot.Gradient),
    ];

    /// <summary>The rules by operator.</summary>
    internal static FrozenDictionary<string, SlotRule> ByOp { get; } = All.ToFrozenDictionary(r => r.OpType, StringComparer.Ordinal);

    static Value Broadcast(Tape t, Slot slot)
    {
        var gradient = GradientRules.ByOp[slot.Node.OpType].Gradients(t, slot.Node, slot.OutputGradients)[slot.Index]
            ?? throw slot.Refusal($"input {slot.Index} carries no gradient");
        return t.SumWithinSamples(gradient, slot.Node.Output, slot.Place(slot.Node.Output), slot.Weight);
    }

    static Value Joined(Tape t, Slot slot)
    {
        var part = GradientRules.ByOp["Concat"].Gradients(t, slot.Node, slot.OutputGradients)[slot.Index]!;
        return t.SumWithinSamples(part, part, slot.Place(slot.Node.Output), slot.Weight);
    }

    /// <summary>Z is what the node itself gives with scale 1 and shift 0.</summary>
    static Value Normalization(Tape t, Slot slot)
    {
        var n = slot.Node;
        if (slot.Index is not (1 or 2)) throw slot.Refusal("its statistics are not trained");
        if (n.Int("training_mode") != 0) throw slot.Refusal("its statistics are those of the batch, in which samples meet");
        var factor = slot.Dy;
        if (slot.Index == 1)
        {
            var inputs = n.Inputs.ToArray();
            inputs[1] = t.FullLike(slot.Input(1), 1);
            if (n.Input(2) is { } shift) inputs[2] = t.ZerosLike(shift);
            factor = t.Mul(factor, t.Op(n.OpType, [.. n.Attributes.Values], inputs));
        }
        // Scale and shift lie along axis 1, those of LayerNormalization along the last axes.
        var aligned = n.Is("LayerNormalization") ? slot.Weight : t.Unsqueeze(slot.Weight, [.. Enumerable.Range(1, n.Output.Rank - 2).Select(a => (long)a)]);
        return t.SamplesLike(t.SumWithinSamples(factor, n.Output, slot.Place(n.Output), aligned), slot.Weight);
    }
}
