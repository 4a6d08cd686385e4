using static GraphRewriter.Tests.Gradients.SampleInput;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Gradients.Samples;

/// <summary>Samples of transforms and of the determinant.</summary>
static class FrontEndSamples
{
    const string Twiddles = "ONNX Runtime's kernel takes sines and cosines in float32 whatever the type is";

    internal static readonly OpSample[] All =
    [
        Transform("complex", [2, 6, 2], null, null),
        Transform("real", [2, 5, 1], null, null),
        Transform("real, one-sided", [2, 6, 1], null, null, Attribute.Of("onesided", 1L)),
        Transform("real, one-sided, odd length", [2, 5, 1], null, null, Attribute.Of("onesided", 1L)),
        Transform("inverse", [2, 4, 2], null, null, Attribute.Of("inverse", 1L)),
        Transform("longer than the data", [2, 5, 2], 8, null),
        Transform("shorter than the data, one-sided", [2, 7, 1], 4, null, Attribute.Of("onesided", 1L)),
        Transform("other axis", [4, 3, 2], null, 0, Attribute.Of("inverse", 1L)),

        new("STFT", "windowed", [F(2, 20, 1), Scalar(4), F(8)]) { Linear = true },
        new("STFT", "two-sided, length given", [F(1, 16, 1), Scalar(3), F(6), Scalar(6)], [Attribute.Of("onesided", 0L)]) { Linear = true, InFloat32 = Twiddles },
        new("STFT", "no window", [F(1, 16, 1), Scalar(8), null, Scalar(8)]) { Linear = true },

        new("Det", "three by three", [F(3, 3).Shaped()]),
        new("Det", "stack of matrices", [F(2, 3, 2, 2).Shaped()]),
        new("Det", "singular", [V([2, 2], 1, 2, 2, 4).Shaped()]),
        new("Det", "one by one", [F(2, 1, 1).Shaped()]),
    ];

    static OpSample Transform(string name, long[] x, long? length, long? axis, params Attribute[] attributes) =>
        // Left-out inputs at the end are not listed: ONNX Runtime 1.31.1 crashes on them.
        new("DFT", name, axis is { } a ? [F(x), null, Scalar(a)] : length is { } l ? [F(x), Scalar(l)] : [F(x)], attributes) { Linear = true, InFloat32 = Twiddles };
}
