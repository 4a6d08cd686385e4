using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.Gradients;

/// <summary>
/// Gradients of recurrent layers. ONNX Runtime's kernels keep neither gates nor cell states, so the layer is spelled out as a Scan, which does, and that is
/// differentiated: dW and the biases' gradients are products over all steps at once, dR is one product behind the Scan. Canonical graphs have layout 0.
/// </summary>
static class RecurrentRules
{
    /// <summary>The rules.</summary>
    internal static readonly GradientRule[] All =
    [
        Rule.ByValue("GRU",  1, "Z, R = f(X Wᵀ + H Rᵀ + B), H' = (1 - Z) * g(…) + Z * H as a Scan, then the gradient of that", (t, n, dy, _) => Gradients(t, n, dy)),
        Rule.ByValue("LSTM", 1, "C' = F * C + I * g(…), H' = O * h(C') as a Scan, then the gradient of that", (t, n, dy, _) => Gradients(t, n, dy)),
        Rule.ByValue("RNN",  1, "H' = f(X Wᵀ + H Rᵀ + B) as a Scan, then the gradient of that", (t, n, dy, _) => Gradients(t, n, dy)),
    ];

    /// <summary>What the operator of a node computes in a step.</summary>
    internal static IRecurrentCell CellOf(Node n) => n.OpType switch
    {
        "LSTM" => new MemoryCell(n),
        "GRU" => new GatedCell(n),
        _ => new PlainCell(),
    };

    static IReadOnlyList<(Value Input, Value Gradient)> Gradients(Tape t, Node n, IReadOnlyList<Value?> dy)
    {
        var start = t.Nodes.Count;
        var outputs = new RecurrentLayer(t, n, CellOf(n)).Emit();
        List<Node> definition = [.. t.Nodes.Skip(start)];
        var seeds = outputs.Zip(dy).Where(o => o.Second is not null).Select(o => (o.First, o.Second!)).ToList();
        var inputs = n.Inputs.Where(i => i is { IsFloat: true }).Select(i => i!).Distinct().ToList();
        var gradients = Differentiate.Through(t, definition, seeds, [.. inputs.Select(t.Operand)]);
        return [.. inputs.Where(i => gradients.ContainsKey(t.Operand(i))).Select(i => (i, gradients[t.Operand(i)]))];
    }
}
