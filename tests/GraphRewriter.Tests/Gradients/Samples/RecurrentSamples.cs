using GraphRewriter.Ir;
using static GraphRewriter.Tests.Gradients.SampleInput;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Gradients.Samples;

/// <summary>
/// Samples of recurrent layers: 4 steps, 2 sequences, 3 features, 2 hidden units. Weights are small, so that gates neither open nor close for good, and their
/// dimensions are always stated.
/// </summary>
static class RecurrentSamples
{
    const long Steps = 4, Batch = 2, Features = 3, Hidden = 2;

    static readonly Domain Small = Domain.Between(-1, 1);

    internal static readonly OpSample[] All =
    [
        Layer("RNN", "weights only", [.. Weights(1, 1)]),
        Layer("RNN", "bias and initial state", [.. Weights(1, 1), Bias(1, 1), null, State(1)]),
        Layer("RNN", "both ways, cut off", [.. Weights(1, 2), Bias(1, 2), Lengths(2, 4), State(2)], Way("bidirectional")),
        Layer("RNN", "two functions", [.. Weights(1, 2), Bias(1, 2)], Way("bidirectional"), Functions("Softsign", "Affine"), Alpha(0.5f), Beta(0.25f)),
        Layer("RNN", "function with two numbers", [.. Weights(1, 1), Bias(1, 1)], Functions("HardSigmoid"), Alpha(0.0625f), Beta(0.5f)),
        Layer("RNN", "backwards", [.. Weights(1, 1), Bias(1, 1)], Way("reverse"), Functions("ScaledTanh"), Alpha(1.5f), Beta(0.5f)),

        Layer("RNN", "sequence without steps", [.. Weights(1, 2), Bias(1, 2), Lengths(4, 0), State(2)], Way("bidirectional")),

        Layer("GRU", "weights only", [.. Weights(3, 1)]),
        Layer("GRU", "bias and initial state", [.. Weights(3, 1), Bias(3, 1), null, State(1)]),
        Layer("GRU", "linear before reset", [.. Weights(3, 1), Bias(3, 1), null, State(1)], Attribute.Of("linear_before_reset", 1L)),
        Layer("GRU", "linear before reset without bias", [.. Weights(3, 1)], Attribute.Of("linear_before_reset", 1L)),
        Layer("GRU", "both ways, cut off", [.. Weights(3, 2), Bias(3, 2), Lengths(4, 1), State(2)], Way("bidirectional")),
        Layer("GRU", "backwards", [.. Weights(3, 1), Bias(3, 1), Lengths(3, 2)], Way("reverse"), Attribute.Of("linear_before_reset", 1L)),

        Layer("GRU", "sequence without steps", [.. Weights(3, 1), Bias(3, 1), Lengths(0, 3), State(1)]),

        Layer("LSTM", "weights only", [.. Weights(4, 1)]),
        Layer("LSTM", "bias and initial states", [.. Weights(4, 1), Bias(4, 1), null, State(1), State(1)]),
        Layer("LSTM", "peepholes", [.. Weights(4, 1), Bias(4, 1), null, State(1), State(1), Peepholes(1)]),
        Layer("LSTM", "forgets what it takes in", [.. Weights(4, 1), Bias(4, 1), null, State(1), State(1)], Attribute.Of("input_forget", 1L)),
        Layer("LSTM", "backwards, cut off", [.. Weights(4, 1), Bias(4, 1), Lengths(2, 4), State(1), State(1), Peepholes(1)], Way("reverse")),
        Layer("LSTM", "both ways, cut off", [.. Weights(4, 2), Bias(4, 2), Lengths(4, 3), State(2), State(2)], Way("bidirectional")),
        Layer("LSTM", "both ways, other functions", [.. Weights(4, 2), Bias(4, 2)], Way("bidirectional"),
            Functions("Sigmoid", "Softplus", "ScaledTanh", "Sigmoid", "Tanh", "Softplus"), Alpha(1.5f), Beta(0.5f)),
        Layer("LSTM", "sequence without steps", [.. Weights(4, 1), Bias(4, 1), Lengths(3, 0), State(1), State(1)]),
        Layer("LSTM", "clipped where it does not show", [.. Weights(4, 1), Bias(4, 1)], Attribute.Of("clip", 50f)),
    ];

    /// <summary>The layer with all its outputs.</summary>
    static OpSample Layer(string op, string name, SampleInput?[] inputs, params Attribute[] attributes) =>
        new(op, name, [F(Steps, Batch, Features).In(Small), .. inputs], [Attribute.Of("hidden_size", Hidden), .. attributes], Outputs: op == "LSTM" ? 3 : 2)
        {
            InFloat32 = "ONNX Runtime loads recurrent layers in float64 but does not run them",
        };

    static SampleInput[] Weights(long gates, long directions) =>
        [F(directions, gates * Hidden, Features).In(Small).Shaped(), F(directions, gates * Hidden, Hidden).In(Small).Shaped()];

    static SampleInput Bias(long gates, long directions) => F(directions, 2 * gates * Hidden).In(Small).Shaped();

    static SampleInput State(long directions) => F(directions, Batch, Hidden).In(Small);

    static SampleInput Peepholes(long directions) => F(directions, 3 * Hidden).In(Small).Shaped();

    static SampleInput Lengths(params long[] lengths) => I(lengths).As(ElementType.Int32).Fed();

    static Attribute Way(string direction) => Attribute.Of("direction", direction);

    static Attribute Functions(params string[] names) => Attribute.Of("activations", names);

    static Attribute Alpha(params float[] numbers) => Attribute.Of("activation_alpha", numbers);

    static Attribute Beta(params float[] numbers) => Attribute.Of("activation_beta", numbers);
}
