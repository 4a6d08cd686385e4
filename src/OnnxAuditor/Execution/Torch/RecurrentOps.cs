using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Recurrent layers as loops over their steps, in ONNX's form: x is what a step's input adds to its gates, h and c are its states.</summary>
static class RecurrentOps
{
    /// <summary>The operators.</summary>
    internal static readonly TorchOp[] All =
    [
        new("RNN",  c => Run(c, 1, ["Tanh"], (d, x, h, _) => (d.Activate(0, x + d.Product(h)), null))),
        new("GRU",  c => Run(c, 3, ["Sigmoid", "Tanh"], c.Node.Int("linear_before_reset") != 0 ? ResetAfter : ResetBefore)),
        new("LSTM", c => Run(c, 4, ["Sigmoid", "Tanh", "Tanh"], (d, x, h, memory) => Remember(d, x, h, memory!, c.Node.Int("input_forget") != 0))),
    ];

    /// <summary>The next states from the last.</summary>
    delegate (Tensor Hidden, Tensor? Memory) Step(Direction d, Tensor x, Tensor h, Tensor? memory);

    /// <summary>GRU, the candidate's product with the reset state.</summary>
    static (Tensor, Tensor?) ResetBefore(Direction d, Tensor x, Tensor h, Tensor? _)
    {
        var n = d.Units;
        var gates = d.Activate(0, x[.., ..(2 * n)] + h.matmul(d.Weight[.., ..(2 * n)]) + d.Bias[..(2 * n)]);
        var (update, reset) = (gates[.., ..n], gates[.., n..]);
        var candidate = d.Activate(1, x[.., (2 * n)..] + (reset * h).matmul(d.Weight[.., (2 * n)..]) + d.Bias[(2 * n)..]);
        return ((1 - update) * candidate + update * h, null);
    }

    /// <summary>GRU, the reset of the candidate's product (linear_before_reset).</summary>
    static (Tensor, Tensor?) ResetAfter(Direction d, Tensor x, Tensor h, Tensor? _)
    {
        var (n, product) = (d.Units, d.Product(h));
        var gates = d.Activate(0, x[.., ..(2 * n)] + product[.., ..(2 * n)]);
        var (update, reset) = (gates[.., ..n], gates[.., n..]);
        var candidate = d.Activate(1, x[.., (2 * n)..] + reset * product[.., (2 * n)..]);
        return ((1 - update) * candidate + update * h, null);
    }

    /// <summary>LSTM: gates input, output and forget, then the candidate. Peepholes look at the old memory, that of the output gate at the new.</summary>
    static (Tensor, Tensor?) Remember(Direction d, Tensor x, Tensor h, Tensor memory, bool forgetsWhatItTakesIn)
    {
        var n = d.Units;
        var all = x + d.Product(h);
        var input = Gate(0, memory);
        var forget = forgetsWhatItTakesIn ? 1 - input : Gate(2, memory);
        var next = forget * memory + input * d.Activate(1, all[.., (3 * n)..]);
        // ONNX Runtime clips what goes into the gates and the candidate, not what goes into the last function.
        return (Gate(1, next) * d.Functions[2](next), next);

        Tensor Gate(int index, Tensor seen)
        {
            var (from, to) = (index * n, (index + 1) * n);
            var gate = all[.., from..to];
            return d.Activate(0, d.Peepholes is { } p ? gate + p[from..to] * seen : gate);
        }
    }

    /// <summary>One direction of a layer.</summary>
    /// <param name="Units">The number of hidden units.</param>
    /// <param name="Weight">The transposed weight of the hidden state, [units, gates * units].</param>
    /// <param name="Bias">The bias that belongs to it, [gates * units].</param>
    /// <param name="Peepholes">[3 * units], or null.</param>
    /// <param name="Functions">The activation functions.</param>
    /// <param name="Clip">The largest magnitude of what goes into an activation function; infinite for no limit.</param>
    sealed record Direction(int Units, Tensor Weight, Tensor Bias, Tensor? Peepholes, Func<Tensor, Tensor>[] Functions, double Clip)
    {
        /// <summary>What the hidden state adds to the gates.</summary>
        public Tensor Product(Tensor h) => h.matmul(Weight) + Bias;

        /// <summary>An activation function of something clipped.</summary>
        public Tensor Activate(int function, Tensor x) => Functions[function](double.IsInfinity(Clip) ? x : x.clamp(-Clip, Clip));
    }

    static Tensor?[] Run(TorchCall c, int gates, string[] functions, Step step)
    {
        if (c.Node.Int("layout") != 0) throw c.Refuse("it has not the form [steps, batch, features] that canonical graphs have");
        var direction = c.Node.String("direction", "forward");
        var runs = direction is "bidirectional" ? new[] { OneWay(c, 0, false, gates, functions, step), OneWay(c, 1, true, gates, functions, step) }
            : [OneWay(c, 0, direction is "reverse", gates, functions, step)];
        return
        [
            stack([.. runs.Select(r => r.Outputs)], 1),
            stack([.. runs.Select(r => r.Hidden)], 0),
            runs[0].Memory is null ? null : stack([.. runs.Select(r => r.Memory!)], 0),
        ];
    }

    static (Tensor Outputs, Tensor Hidden, Tensor? Memory) OneWay(TorchCall c, int index, bool isBackwards, int gates, string[] functions, Step step)
    {
        var (x, units) = (c[0], (int)c[2].shape[2]);
        var (steps, width) = ((int)x.shape[0], gates * units);
        var biases = c.Optional(3)?.select(0, index) ?? x.new_zeros(2 * width);
        var d = new Direction(units, c[2].select(0, index).t(), biases[width..], c.Optional(7)?.select(0, index),
            RecurrentFunctions.Of(c, functions, index), c.Node.Has("clip") ? c.Node.Float("clip") : double.PositiveInfinity);
        var projected = x.matmul(c[1].select(0, index).t()) + biases[..width];
        var lengths = c.Optional(4)?.unsqueeze(1);
        var hidden = Initial(5);
        var memory = gates == 4 ? Initial(6) : null;

        var outputs = new Tensor[steps];
        for (var i = 0; i < steps; i++)
        {
            var t = isBackwards ? steps - 1 - i : i;
            var next = step(d, projected.select(0, t), hidden, memory);
            // Past the end of its sequence a sample keeps its states and puts out zeros.
            var isThere = lengths is null ? null : lengths > t;
            outputs[t] = isThere is null ? next.Hidden : next.Hidden.masked_fill(isThere.logical_not(), 0);
            hidden = isThere is null ? next.Hidden : where(isThere, next.Hidden, hidden);
            memory = isThere is null || memory is null ? next.Memory : where(isThere, next.Memory!, memory);
        }
        return (stack(outputs, 0), AtEnd(hidden)!, AtEnd(memory));

        // ONNX Runtime ends a sequence without steps in zeros, not in its initial state.
        Tensor? AtEnd(Tensor? state) => lengths is null ? state : state?.masked_fill(lengths == 0, 0);
        Tensor Initial(int input) => c.Optional(input)?.select(0, index) ?? x.new_zeros(x.shape[1], units);
    }
}
