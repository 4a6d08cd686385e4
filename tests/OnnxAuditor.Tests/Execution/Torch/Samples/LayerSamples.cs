using GraphRewriter.Tests.Gradients;
using static GraphRewriter.Tests.Gradients.SampleInput;
using Attribute = GraphRewriter.Ir.Attribute;
using E = GraphRewriter.Ir.ElementType;

namespace OnnxAuditor.Tests.Execution.Torch.Samples;

/// <summary>Normalisations, transforms, recurrent layers and losses with the attributes that the gradient samples do not combine.</summary>
static class LayerSamples
{
    internal static readonly OpSample[] All =
    [
        new("BatchNormalization", "momentum", [F(2, 3, 2, 2), F(3), F(3), F(3), F(3).In(Domain.Positive)],
            [Attribute.Of("training_mode", 1L), Attribute.Of("momentum", 0.3f), Attribute.Of("epsilon", 0.125f)], Outputs: 3),
        new("LpNormalization", "a vector of zeros beside another", [V([2, 3], 0, 0, 0, 1, -2, 3)], [Attribute.Of("p", 1L)]),

        new("DFT", "axis from the end", [F(2, 3, 6, 2), null, Scalar(-3)]),
        new("DFT", "inverse, shorter than the data", [F(2, 7, 2), Scalar(4)], [Attribute.Of("inverse", 1L)]),
        new("DFT", "inverse of real numbers", [F(2, 7, 1)], [Attribute.Of("inverse", 1L)]),
        new("DFT", "one-sided, longer than the data", [F(2, 7, 3, 1), Scalar(9), Scalar(1)], [Attribute.Of("onesided", 1L)]),
        new("STFT", "complex", [F(1, 16, 2), Scalar(3), F(6), Scalar(6)], [Attribute.Of("onesided", 0L)]),
        .. new[] { "HannWindow", "HammingWindow", "BlackmanWindow" }.SelectMany(op => new[] { 0L, 1 }, (op, periodic) =>
            new OpSample(op, $"periodic {periodic}", [I([], 10)], [Attribute.Of("periodic", periodic), Attribute.Of("output_datatype", (long)E.Float64)])),
        new("HannWindow", "of one element", [I([], 1)]),
        new("MelWeightMatrix", "eight triangles", [Scalar(8L), Scalar(64L), Scalar(8192L), Edge(10), Edge(4000)]),

        .. new[] { "Relu", "Tanh", "Sigmoid", "Softsign", "Softplus", "Elu", "LeakyRelu", "HardSigmoid" }.SelectMany(f => new[]
        {
            Layer("RNN", $"{f}", [.. Weights(1, 1), Bias(1, 1)], Functions(f)),
            Layer("GRU", $"{f}", [.. Weights(3, 1), Bias(3, 1)], Functions("Sigmoid", f)),
            Layer("LSTM", $"{f}", [.. Weights(4, 1), Bias(4, 1)], Functions("Sigmoid", f, f)),
        }),
        .. new[] { "Affine", "ScaledTanh", "ThresholdedRelu", "Elu", "LeakyRelu", "HardSigmoid" }.Select(f =>
            Layer("RNN", $"{f} with numbers", [.. Weights(1, 2), Bias(1, 2)], Attribute.Of("direction", "bidirectional"), Functions(f, f),
                Attribute.Of("activation_alpha", [0.4f, 0.6f]), Attribute.Of("activation_beta", [0.3f, 0.7f]))),
        Layer("RNN", "clipped", [.. Weights(1, 1), Bias(1, 1)], Attribute.Of("clip", 0.7f)),
        Layer("GRU", "clipped", [.. Weights(3, 1), Bias(3, 1)], Attribute.Of("clip", 0.7f)),
        Layer("GRU", "clipped, linear before reset", [.. Weights(3, 1), Bias(3, 1)], Attribute.Of("clip", 0.7f), Attribute.Of("linear_before_reset", 1L)),
        Layer("LSTM", "clipped", [.. Weights(4, 1), Bias(4, 1)], Attribute.Of("clip", 0.7f)),
        Layer("LSTM", "clipped, peepholes", [.. Weights(4, 1), Bias(4, 1), null, null, null, F(1, 6).Shaped()], Attribute.Of("clip", 0.7f), Attribute.Of("input_forget", 1L)),
        Layer("LSTM", "both ways, peepholes", [.. Weights(4, 2), Bias(4, 2), null, F(2, 2, 2), F(2, 2, 2), F(2, 6).Shaped()],
            Attribute.Of("direction", "bidirectional"), Attribute.Of("input_forget", 1L)),

        .. new[] { "NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss" }.SelectMany(op => new[]
        {
            new OpSample(op, "four spatial axes", [F(2, 3, 2, 1, 2, 2), I([2, 2, 1, 2, 2], 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 1).Fed(), F(3).In(Domain.Positive)],
                [Attribute.Of("ignore_index", 1L)]),
            new OpSample(op, "ignored label beyond the classes", [F(4, 3), I(1, 9, 0, 2).Fed(), F(3).In(Domain.Positive)], [Attribute.Of("ignore_index", 9L)]),
        }),
    ];

    static OpSample Layer(string op, string name, SampleInput?[] inputs, params Attribute[] attributes) =>
        new(op, name, [F(4, 2, 3), .. inputs], [Attribute.Of("hidden_size", 2L), .. attributes], Outputs: op is "LSTM" ? 3 : 2);

    static SampleInput[] Weights(long gates, long directions) => [F(directions, gates * 2, 3).Shaped(), F(directions, gates * 2, 2).Shaped()];

    static SampleInput Bias(long gates, long directions) => F(directions, 4 * gates).Shaped();

    static Attribute Functions(params string[] names) => Attribute.Of("activations", names);

    static SampleInput Edge(double hertz) => Scalar(hertz).As(E.Float32);
}
