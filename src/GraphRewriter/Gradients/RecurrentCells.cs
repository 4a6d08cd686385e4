using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.Gradients;

/// <summary>RNN: H' = f(X Wᵀ + H Rᵀ + B).</summary>
sealed class PlainCell : IRecurrentCell
{
    public int Gates => 1;

    public int States => 1;

    public IReadOnlyList<string> DefaultActivations { get; } = ["Tanh"];

    public Func<Tape, Value, Value[], Value[]> Prepare(Tape t, RecurrentDirection direction) =>
        (b, x, states) => [direction.Activate(b, 0, b.Add(x, direction.Multiply(b, states[0], direction.HiddenWeight)))];

    public Value AddHiddenBias(Tape t, RecurrentDirection direction, Value bias) => t.Add(bias, direction.HiddenBias!);
}

/// <summary>GRU: gates z, r and candidate h in this order; H' = (1 - z) * h + z * H.</summary>
/// <param name="node">The node.</param>
sealed class GatedCell(Node node) : IRecurrentCell
{
    /// <summary>Whether the reset gate acts on the product with the hidden weight, its bias included.</summary>
    readonly bool resetsAfterProduct = node.Int("linear_before_reset") != 0;

    public int Gates => 3;

    public int States => 1;

    public IReadOnlyList<string> DefaultActivations { get; } = ["Sigmoid", "Tanh"];

    public Func<Tape, Value, Value[], Value[]> Prepare(Tape t, RecurrentDirection direction)
    {
        var (n, hidden) = (direction.Hidden, direction.HiddenWeight);
        if (!resetsAfterProduct)
        {
            var parts = t.Split(hidden, 1, 2 * n, n);
            var (forGates, forCandidate) = (parts[0], parts[1]);
            return (b, x, states) =>
            {
                var input = b.Split(x, 1, 2 * n, n);
                var gates = b.Add(input[0], direction.Multiply(b, states[0], forGates));
                return Next(b, direction, gates, input[1], reset => direction.Multiply(b, b.Mul(reset, states[0]), forCandidate), states[0]);
            };
        }
        var bias = direction.HiddenBias is { } all ? t.Split(all, 0, 2 * n, n)[1] : null;
        return (b, x, states) =>
        {
            var input = b.Split(x, 1, 2 * n, n);
            var products = b.Split(direction.Multiply(b, states[0], hidden), 1, 2 * n, n);
            var candidate = bias is null ? products[1] : b.Add(products[1], bias);
            return Next(b, direction, b.Add(input[0], products[0]), input[1], reset => b.Mul(reset, candidate), states[0]);
        };
    }

    /// <summary>Reset after the product, the candidate's hidden bias is behind the gate and differs from step to step in its effect.</summary>
    public Value AddHiddenBias(Tape t, RecurrentDirection direction, Value bias)
    {
        var hidden = direction.HiddenBias!;
        if (!resetsAfterProduct) return t.Add(bias, hidden);
        var n = direction.Hidden;
        return t.Add(bias, t.Concat(0, t.Split(hidden, 0, 2 * n, n)[0], t.Full(t.Ints(n), 0, bias.Type)));
    }

    static Value[] Next(Tape b, RecurrentDirection direction, Value gates, Value x, Func<Value, Value> recurrent, Value h)
    {
        var both = b.Split(direction.Activate(b, 0, gates), 1, direction.Hidden, direction.Hidden);
        var (update, reset) = (both[0], both[1]);
        var candidate = direction.Activate(b, 1, b.Add(x, recurrent(reset)));
        return [b.Add(candidate, b.Mul(update, b.Sub(h, candidate)))];
    }
}

/// <summary>LSTM: gates i, o, f and candidate c in this order; C' = f * C + i * c, H' = o * h(C').</summary>
/// <param name="node">The node.</param>
sealed class MemoryCell(Node node) : IRecurrentCell
{
    readonly bool forgetsWhatItTakesIn = node.Int("input_forget") != 0;

    public int Gates => 4;

    public int States => 2;

    public IReadOnlyList<string> DefaultActivations { get; } = ["Sigmoid", "Tanh", "Tanh"];

    public Func<Tape, Value, Value[], Value[]> Prepare(Tape t, RecurrentDirection direction)
    {
        var n = direction.Hidden;
        var peepholes = direction.Peepholes is { } each ? t.Split(each, 0, n, n, n) : null;
        return (b, x, states) =>
        {
            var (h, c) = (states[0], states[1]);
            var all = b.Add(x, direction.Multiply(b, h, direction.HiddenWeight));
            var parts = b.Split(all, 1, n, n, n, n);
            Value Gate(int index, Value cell) => direction.Activate(b, 0, peepholes is null ? parts[index] : b.Add(parts[index], direction.Peep(b, index, peepholes[index], cell)));
            var input = Gate(0, c);
            var forget = forgetsWhatItTakesIn ? b.Sub(1, input) : Gate(2, c);
            var memory = b.Add(b.Mul(forget, c), b.Mul(input, direction.Activate(b, 1, parts[3])));
            // ONNX Runtime clips what goes into the gates and the candidate, not what goes into h.
            return [b.Mul(Gate(1, memory), direction.Activations[2].Emit(b, memory)), memory];
        };
    }

    public Value AddHiddenBias(Tape t, RecurrentDirection direction, Value bias) => t.Add(bias, direction.HiddenBias!);
}
