using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.Training;

/// <summary>
/// The optimisers. The formulas and their constants are those of <c>torch.optim</c> (PyTorch 2, single-tensor form), operation by operation, so that a step gives PyTorch's
/// numbers but for rounding. Every state begins with zeros.
/// </summary>
public static class Optimizers
{
    /// <summary>The share of the last update that the next one keeps: momentum of SGD, dampening 0, without Nesterov's correction.</summary>
    public const double Momentum = 0.9;

    /// <summary>The decay of Adam's mean of gradients.</summary>
    public const double Beta1 = 0.9;

    /// <summary>The decay of Adam's mean of squared gradients.</summary>
    public const double Beta2 = 0.999;

    /// <summary>What Adam adds to the root of the mean square.</summary>
    public const double Epsilon = 1e-8;

    /// <summary>AdamW's decay of weights a step, in learning rates.</summary>
    public const double WeightDecay = 0.01;

    const string Kingma = "Kingma and Ba 2015, arXiv 1412.6980, algorithm 1; as torch.optim.Adam", Loshchilov = "Loshchilov and Hutter 2019, arXiv 1711.05101, algorithm 2; as torch.optim.AdamW";

    /// <summary>The optimisers, in the order in which they are listed.</summary>
    public static IReadOnlyList<Optimizer> All { get; } =
    [
        new((t, w, g, _, r) => (Descend(t, w, g, r.Rate), [])) { Name = "sgd", Formula = "w − lr·g", Source = "torch.optim.SGD", State = [] },
        new(HeavyBall)
        {
            Name = "momentum", Formula = "v ← 0.9·v + g; w − lr·v", Source = "Sutskever et al. 2013, ICML; as torch.optim.SGD, whose v is not multiplied by lr", State = ["momentum_buffer"],
        },
        new(Adam)
        {
            Name = "adam", Formula = "m ← 0.9·m + 0.1·g; v ← 0.999·v + 0.001·g²; w − lr/(1 − 0.9ᵗ) · m / (√v / √(1 − 0.999ᵗ) + 1e-8)", Source = Kingma, State = ["exp_avg", "exp_avg_sq"],
            CountsSteps = true,
        },
        new((t, w, g, s, r) => Adam(t, t.Mul(w, t.Sub(1, t.Mul(r.Rate, WeightDecay))), g, s, r))
        {
            Name = "adamw", Formula = "w ← w − lr·0.01·w, then as adam", Source = Loshchilov, State = ["exp_avg", "exp_avg_sq"],
            CountsSteps = true,
        },
    ];

    /// <summary>The optimiser of a name.</summary>
    /// <exception cref="KeyNotFoundException">There is none.</exception>
    public static Optimizer Named(string name) => All.FirstOrDefault(o => o.Name.Equals(name, StringComparison.Ordinal)) ?? throw new KeyNotFoundException($"There is no optimiser '{name}'.");

    static Value Descend(Tape t, Value w, Value direction, Value rate) => t.Sub(w, t.Mul(direction, rate));

    static (Value Parameter, Value[] State) HeavyBall(Tape t, Value w, Value g, IReadOnlyList<Value> state, Rates r)
    {
        var v = t.Add(t.Mul(state[0], Momentum), g);
        return (Descend(t, w, v, r.Rate), [v]);
    }

    static (Value Parameter, Value[] State) Adam(Tape t, Value w, Value g, IReadOnlyList<Value> state, Rates r)
    {
        var m = t.Add(t.Mul(state[0], Beta1), t.Mul(g, 1 - Beta1));
        var v = t.Add(t.Mul(state[1], Beta2), t.Mul(t.Square(g), 1 - Beta2));
        var denominator = t.Add(t.Div(t.Sqrt(v), r.RootSecond!), Epsilon);
        return (Descend(t, w, t.Div(m, denominator), r.First), [m, v]);
    }
}
