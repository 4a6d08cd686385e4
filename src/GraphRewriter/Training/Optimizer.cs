using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.Training;

/// <summary>
/// Emits one update. In formulas w is the parameter, g its gradient, lr the learning rate, t the number of this step, from 1.
/// </summary>
/// <param name="tape">Where to emit.</param>
/// <param name="w">The parameter.</param>
/// <param name="g">Its gradient, of the parameter's type and shape.</param>
/// <param name="state">The state, in the order of <see cref="Optimizer.State"/>, each of the parameter's type and shape; zeros before the first step.</param>
/// <param name="rates">The learning rate and what follows from the number of the step, in the parameter's type.</param>
/// <returns>The new parameter and the new state.</returns>
delegate (Value Parameter, Value[] State) Update(Tape tape, Value w, Value g, IReadOnlyList<Value> state, Rates rates);

/// <summary>What an update is scaled by; scalars.</summary>
/// <param name="Rate">lr.</param>
/// <param name="First">lr / (1 − β₁ᵗ); the rate itself for an optimiser that does not count steps.</param>
/// <param name="RootSecond">√(1 − β₂ᵗ); null for an optimiser that does not count steps.</param>
sealed record Rates(Value Rate, Value First, Value? RootSecond);

/// <summary>An optimiser: a row of <see cref="Optimizers"/>.</summary>
public sealed record Optimizer
{
    internal Optimizer(Update update) => Update = update;

    /// <summary>The name that options use.</summary>
    public required string Name { get; init; }

    /// <summary>The update in words of mathematics, with its constants.</summary>
    public required string Formula { get; init; }

    /// <summary>Where it is from.</summary>
    public required string Source { get; init; }

    /// <summary>What is kept of each parameter from step to step, named as PyTorch's <c>state_dict</c> names it.</summary>
    public required IReadOnlyList<string> State { get; init; }

    /// <summary>Whether the number of steps is part of the state.</summary>
    public bool CountsSteps { get; init; }

    /// <summary>Emits one update.</summary>
    internal Update Update { get; }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
