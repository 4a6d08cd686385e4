using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;

namespace GraphRewriter.PerSample;

/// <summary>
/// Weights of recurrent layers: the layer is spelled out as a Scan, and what each step contributes is had from the gradients by its products. Canonical graphs have layout 0:
/// [steps, batch, features].
/// </summary>
static class RecurrentSlots
{
    const string Formula = "dWᵢ = Σ over steps of Xᵢᵀ · dGᵢ, dRᵢ of Hᵢᵀ · dGᵢ, dBᵢ of dGᵢ, dPᵢ of dGᵢ * Cᵢ, G what goes into the gates";

    /// <summary>The rules.</summary>
    internal static readonly SlotRule[] All = [SlotRule.Of("LSTM", Formula, Gradient), SlotRule.Of("GRU", Formula, Gradient), SlotRule.Of("RNN", Formula, Gradient)];

    static Value Gradient(Tape t, Slot slot)
    {
        var n = slot.Node;
        if (slot.Index is not (1 or 2 or 3 or 7)) throw slot.Refusal($"gradients of single samples are not had by its input {slot.Index}");
        var start = t.Nodes.Count;
        var traces = new List<RecurrentTrace>();
        var outputs = new RecurrentLayer(t, n, RecurrentRules.CellOf(n), traces).Emit();
        List<Node> definition = [.. t.Nodes.Skip(start)];
        var seeds = outputs.Zip(slot.OutputGradients).Where(o => o.Second is not null).Select(o => (o.First, o.Second!)).ToList();
        var gradients = Differentiate.Through(t, definition, seeds, [.. traces.SelectMany(r => r.Zeros.Append(r.Projected))]);
        var directions = traces.ConvertAll(r => t.Unsqueeze(OfDirection(t, slot, r, gradients), 1));
        return t.SamplesLike(t.Concat(1, [.. directions]), slot.Weight);
    }

    /// <summary>[N, shape of one direction's weight].</summary>
    static Value OfDirection(Tape t, Slot slot, RecurrentTrace trace, IReadOnlyDictionary<Value, Value> gradients)
    {
        // A gate may lead nowhere (a forget gate of a single step from zero states).
        Value By(Value value) => gradients.GetValueOrDefault(value) ?? t.ZerosLike(value);
        switch (slot.Index)
        {
            case 1:
                return OverSteps(t, By(trace.Projected), slot.Input(0));
            case 2:
                return t.Concat(1, [.. trace.Products.Select(p => OverSteps(t, By(p.Zeros), p.Rows))]);
            case 3:
                var input = SumOfSteps(t, By(trace.Projected));
                // Behind the reset gate the hidden bias acts as the product it is added to; else as the input's.
                return t.Concat(1, input, slot.Node.Is("GRU") && slot.Node.Int("linear_before_reset") != 0 ? SumOfSteps(t, By(trace.Products[0].Zeros)) : input);
            default:
                return t.Concat(1, [.. Enumerable.Range(0, 3).Select(k => trace.Peepholes.TryGetValue(k, out var p) ? SumOfSteps(t, t.Mul(By(p.Zeros), p.Cells)) : SumOfSteps(t, t.ZerosLike(trace.Peepholes[0].Cells)))]);
        }
    }

    /// <summary>Σ over steps of gradientᵀ · rows, for each sample: [N, columns, rows' width] from [steps, N, ·].</summary>
    static Value OverSteps(Tape t, Value gradients, Value rows) => t.MatMul(t.Transpose(gradients, 1, 2, 0), t.Transpose(rows, 1, 0, 2));

    static Value SumOfSteps(Tape t, Value stack) => t.ReduceSum(stack, [0], keepDims: false);
}
