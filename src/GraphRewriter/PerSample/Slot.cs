using GraphRewriter.Canonicalization;
using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.PerSample;

/// <summary>A place where something that is the same for all samples (a weight) meets the samples.</summary>
/// <param name="Node">The node.</param>
/// <param name="Index">The input that takes the weight.</param>
/// <param name="Weight">The weight, or what was computed from weights alone.</param>
/// <param name="Samples">Where values count samples.</param>
/// <param name="OutputGradients">The gradients of the node's outputs; null where the loss does not depend on one.</param>
sealed record Slot(Node Node, int Index, Value Weight, SampleAxes Samples, IReadOnlyList<Value?> OutputGradients)
{
    /// <summary>The gradient of the first output.</summary>
    public Value Dy => OutputGradients[0] ?? throw Refusal("its first output is not used");

    /// <summary>An input that must be there.</summary>
    public Value Input(int index) => Node.Input(index) ?? throw Refusal($"its input {index} is left out");

    /// <summary>Where a value counts samples.</summary>
    /// <exception cref="ModelException">It does not, or not in one place.</exception>
    public BatchPlace Place(Value value) => Samples.Of(value) ?? throw Refusal($"'{value.Name}' does not count samples");

    /// <summary>Says that this case has no gradients of single samples here.</summary>
    public ModelException Refusal(string why) => new(ModelProblem.Unsupported, $"{Node}: {why}");
}

/// <summary>The gradient of a weight for each sample, to be emitted in the form that is asked for.</summary>
/// <param name="Gradient">Emits [N, shape of the weight].</param>
/// <param name="Gram">Emits the Gram matrix [N, N] without the gradients themselves, where that is cheaper; null where it is not.</param>
sealed record SlotGradient(Func<Tape, Value> Gradient, Func<Tape, Value>? Gram = null);

/// <summary>How the gradient of a weight is had for each sample, by the operator that it meets the samples in.</summary>
/// <param name="OpType">The operator.</param>
/// <param name="Formula">The formula; i is the sample.</param>
/// <param name="Gradient">Gives the gradient at a slot.</param>
sealed record SlotRule(string OpType, string Formula, Func<Slot, SlotGradient> Gradient)
{
    /// <summary>A rule without a cheaper way to the Gram matrix.</summary>
    public static SlotRule Of(string opType, string formula, Func<Tape, Slot, Value> gradient) => new(opType, formula, slot => new SlotGradient(t => gradient(t, slot)));
}
