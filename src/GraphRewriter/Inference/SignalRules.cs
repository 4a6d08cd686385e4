using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>Fourier transforms, windows and what goes with them.</summary>
static class SignalRules
{
    internal static readonly ShapeRule[] All =
    [
        new("DFT", Dft),
        new("STFT", Stft),
        new("MelWeightMatrix", MelWeightMatrix),
        .. ShapeRule.Each(Window, "BlackmanWindow", "HammingWindow", "HannWindow"),
    ];

    static void Dft(in InferenceContext x)
    {
        var axisKnown = !x.HasInput(2) || x.Integers(2) is { Length: 1 };
        if (x.ShapeOf(0) is not { Rank: >= 2 } input)
        {
            x.Out(0, x.TypeOf(0), null);
            return;
        }
        Dim[] dims = [.. input];
        dims[^1] = 2;
        var (onesided, inverse) = (x.Node.Int("onesided") != 0, x.Node.Int("inverse") != 0);
        if (axisKnown)
        {
            var axis = x.Axis(x.Integers(2)?[0] ?? x.Node.Int("axis", -2), input.Rank);
            var length = x.HasInput(1) ? DimArithmetic.AsSize(x.Single(1)) : input[axis];
            // A real inverse is given half its spectrum, in the versions that have it.
            dims[axis] = !onesided ? length : inverse ? Dim.Unknown : Half(length);
        }
        else dims.AsSpan(0, input.Rank - 1).Fill(Dim.Unknown);
        if (onesided && inverse) dims[^1] = Dim.Unknown;
        x.Out(0, x.TypeOf(0), new Shape(dims));
    }

    // The frequencies of a real signal that are not mirror images.
    static Dim Half(Dim length) => length.IsKnown ? length.Size / 2 + 1 : Dim.Unknown;

    static void Stft(in InferenceContext x)
    {
        var frame = x.HasInput(3) ? DimArithmetic.AsSize(x.Single(3)) : x.HasInput(2) && x.ShapeOf(2) is { Rank: 1 } window ? window[0] : Dim.Unknown;
        var step = DimArithmetic.AsSize(x.Single(1));
        var (batch, length) = x.ShapeOf(0) is { Rank: >= 2 } signal ? (signal[0], signal[1]) : (Dim.Unknown, Dim.Unknown);
        if (length.IsKnown && frame.IsKnown && length.Size < frame.Size) throw x.Conflict($"a frame of {frame} is longer than the signal");
        var frames = length.IsKnown && frame.IsKnown && step.Size > 0 ? (length.Size - frame.Size) / step.Size + 1 : Dim.Unknown;
        x.Out(0, x.TypeOf(0), new Shape(batch, frames, x.Node.Int("onesided", 1) != 0 ? Half(frame) : frame, 2));
    }

    static void MelWeightMatrix(in InferenceContext x)
    {
        var (bins, length) = (DimArithmetic.AsSize(x.Single(0)), DimArithmetic.AsSize(x.Single(1)));
        x.Out(0, x.TypeAttribute("output_datatype", ElementType.Float32), new Shape(Half(length), bins));
    }

    static void Window(in InferenceContext x) =>
        x.Out(0, x.TypeAttribute("output_datatype", ElementType.Float32), new Shape(DimArithmetic.AsSize(x.Single(0))));
}
