using static GraphRewriter.Ir.Attribute;
using static GraphRewriter.Tests.Gradients.Domain;
using static GraphRewriter.Tests.Gradients.SampleInput;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Gradients.Samples;

/// <summary>Samples of the activation rules.</summary>
static class ActivationSamples
{
    internal static readonly OpSample[] All =
    [
        .. Shapes("Relu", AwayFrom(0)),
        Kink("Relu", [-1, 0, 2], [0, 0, 1]),
        .. Shapes("LeakyRelu", AwayFrom(0)),
        new("LeakyRelu", "slope above one", [F(3, 4)], [Of("alpha", 1.5f)], AwayFrom(0)),
        Kink("LeakyRelu", [-1, 0, 2], [0.25, 0.25, 1], Of("alpha", 0.25f)),
        new("PRelu", "typical", [F(2, 3), F(2, 3)], Domain: AwayFrom(0)),
        new("PRelu", "slope per channel", [F(2, 3, 2, 2), F(3, 1, 1)], Domain: AwayFrom(0)),
        new("PRelu", "one slope", [F(2, 3), F(1)], Domain: AwayFrom(0)),
        new("PRelu", "kink", [V(-1, 0, 2), V([1], 0.5)]) { Expected = [[0.5, 0.5, 1], [-1]] },
        .. Shapes("ThresholdedRelu", AwayFrom(1)),
        new("ThresholdedRelu", "negative threshold", [F(3, 4)], [Of("alpha", -0.5f)], AwayFrom(-0.5)),
        Kink("ThresholdedRelu", [0.5, 1, 2], [0, 0, 1]),
        .. Shapes("Elu", AwayFrom(0)),
        new("Elu", "scaled", [F(3, 4)], [Of("alpha", 2.5f)], AwayFrom(0)),
        Kink("Elu", [-100, 0, 100], [0, 2, 1], Of("alpha", 2f)),
        .. Shapes("Selu", AwayFrom(0)),
        new("Selu", "scaled", [F(3, 4)], [Of("alpha", 0.5f), Of("gamma", 2f)], AwayFrom(0)),
        Kink("Selu", [-100, 0, 100], [0, 1, 2], Of("alpha", 0.5f), Of("gamma", 2f)),
        .. Shapes("Celu", AwayFrom(0)),
        new("Celu", "scaled", [F(3, 4)], [Of("alpha", 2.5f)], AwayFrom(0)),
        Kink("Celu", [-100, 0, 100], [0, 1, 1]),
        .. Shapes("Sigmoid", Any),
        Kink("Sigmoid", [-100, 100], [0, 0]),
        .. Shapes("HardSigmoid", AwayFrom(-2.5, 2.5)),
        new("HardSigmoid", "steep", [F(3, 4)], [Of("alpha", 0.5f), Of("beta", 0.25f)], AwayFrom(-0.5, 1.5)),
        Kink("HardSigmoid", [-3, -1, 0, 1, 3], [0, 0, 0.5, 0, 0], Of("alpha", 0.5f), Of("beta", 0.5f)),
        .. Shapes("HardSwish", AwayFrom(-3, 3)),
        Kink("HardSwish", [-4, -3, 0, 3, 4], [0, 0, 0.5, 1, 1]),
        .. Shapes("Softplus", Any),
        Kink("Softplus", [-100, 100], [0, 1]),
        .. Shapes("Softsign", AwayFrom(0)),
        Kink("Softsign", [0, 1], [1, 0.25]),
        .. Shapes("Mish", Any),
        Kink("Mish", [-100, 100], [0, 1]),
        .. Shapes("Gelu", Any),
        new("Gelu", "tanh", [F(3, 4)], [Of("approximate", "tanh")]),
        new("Gelu", "tanh of a scalar", [F()], [Of("approximate", "tanh")]),
        Kink("Gelu", [-100, 100], [0, 1]),
        new("Gelu", "tanh, far out", [V(-100, 100)], [Of("approximate", "tanh")]) { Expected = [[0, 1]] },
        .. Shapes("Shrink", AwayFrom(-0.5, 0.5)),
        new("Shrink", "soft", [F(3, 4)], [Of("lambd", 1f), Of("bias", 1f)], AwayFrom(-1, 1)),
        Kink("Shrink", [-2, -0.5, 0, 0.5, 2], [1, 0, 0, 0, 1]),
        .. Softmaxes("Softmax"),
        new("Softmax", "large scores", [V([1, 3], 1000, 999, -1000)]) { Expected = [[0, 0, 0]] },
        .. Softmaxes("LogSoftmax"),
        new("LogSoftmax", "large scores", [V([1, 2], 1000, -1000)]) { Expected = [[-1, 1]] },
    ];

    static OpSample[] Shapes(string op, Domain domain) =>
    [
        new(op, "typical", [F(3, 4)], Domain: domain),
        new(op, "scalar", [F()], Domain: domain),
        new(op, "rank four", [F(2, 2, 2, 3)], Domain: domain),
        new(op, "empty", [F(0, 3)], Domain: domain),
    ];

    static OpSample Kink(string op, double[] x, double[] slope, params Attribute[] attributes) =>
        new(op, "kinks and far out", [V(x)], attributes) { Expected = [slope] };

    static OpSample[] Softmaxes(string op) =>
    [
        new(op, "typical", [F(3, 4)]),
        new(op, "axis zero", [F(3, 2, 2)], [Of("axis", 0L)]),
        new(op, "negative axis", [F(2, 3, 4)], [Of("axis", -2L)]),
        new(op, "one class", [F(3, 1)]),
        new(op, "empty", [F(0, 3)]),
    ];
}
