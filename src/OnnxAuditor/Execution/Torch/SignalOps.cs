using GraphRewriter.Ir;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Fourier transforms and what goes before and behind them.</summary>
static class SignalOps
{
    /// <summary>The operators.</summary>
    internal static readonly TorchOp[] All =
    [
        TorchOp.Of("DFT", Dft),
        TorchOp.Of("STFT", Stft),
        TorchOp.Of("HannWindow",      c => Window(c, 0.5, 0.5, 0)),
        TorchOp.Of("HammingWindow",   c => Window(c, 25 / 46.0, 21 / 46.0, 0)),
        TorchOp.Of("BlackmanWindow",  c => Window(c, 0.42, 0.5, 0.08)),
        TorchOp.Of("MelWeightMatrix", MelWeightMatrix),
    ];

    static Tensor Dft(TorchCall c)
    {
        var (x, isInverse, isOneSided) = (Complex(c[0]), c.Node.Int("inverse") != 0, c.Node.Int("onesided") != 0);
        var axis = c.Number(2) is { } given ? (int)given : -2;
        if (axis < 0) axis += (int)c[0].dim();
        var length = c.Number(1) is { } wanted ? (long)wanted : isInverse && isOneSided ? 2 * (x.shape[axis] - 1) : x.shape[axis];
        return (isInverse, isOneSided) switch
        {
            (false, false) => fft.fft_(x, length, axis).view_as_real(),
            (false, true) => fft.rfft(x, length, axis).view_as_real(),
            (true, false) => fft.ifft(x, length, axis).resolve_conj().view_as_real(),
            (true, true) => fft.irfft(x, length, axis).unsqueeze(-1),
        };
    }

    static Tensor Stft(TorchCall c)
    {
        var (signal, step, window) = (Complex(c[0]), (long)c.Number(1)!, c.Optional(2));
        var length = (long?)c.Number(3) ?? window?.shape[0]
            ?? throw c.Refuse("it has neither a frame length nor a window");
        var isOneSided = c.Node.Int("onesided", 1) != 0 && !signal.is_complex();
        // libtorch warns where there is no window.
        return stft(signal, length, step, length, window ?? ones(length, c[0].dtype, c[0].device), center: false, onesided: isOneSided, return_complex: true).transpose(1, 2).view_as_real();
    }

    /// <summary>[…, 1] as a real tensor, […, 2] as a complex one, in memory of its own: what is aligned for real numbers may not be for complex ones.</summary>
    static Tensor Complex(Tensor x) => x.shape[^1] == 2 ? complex(x.select(-1, 0), x.select(-1, 1)) : x.squeeze(-1);

    /// <summary>a - b cos(2πn/N) + c cos(4πn/N). Written out, as libtorch makes 1 of a window of one element whatever the formula gives.</summary>
    static Tensor Window(TorchCall call, double a, double b, double c)
    {
        var size = (long)call.Number(0)!;
        var turn = arange(size, ScalarType.Float64, call.Scope.Device) * (2 * Math.PI / (call.Node.Int("periodic", 1) != 0 ? size : size - 1));
        return (a - b * turn.cos() + c * (2 * turn).cos()).to(DataType(call));
    }

    /// <summary>Triangles, equally wide on the mel scale, over the bins of a spectrum: [bins, triangles].</summary>
    static Tensor MelWeightMatrix(TorchCall c)
    {
        var (count, length, rate, low, high) = ((int)c.Number(0)!, (long)c.Number(1)!, (double)c.Number(2)!, Mel((double)c.Number(3)!), Mel((double)c.Number(4)!));
        long[] edges = [.. Enumerable.Range(0, count + 2).Select(i => (long)Math.Floor((length + 1) * Hertz(low + i * (high - low) / (count + 2)) / rate))];
        var weights = new double[length / 2 + 1, count];
        for (var i = 0; i < count; i++)
        {
            var (first, top, last) = (edges[i], edges[i + 1], edges[i + 2]);
            if (first == top) weights[top, i] = 1;
            for (var bin = first; bin <= top && first < top; bin++) weights[bin, i] = (bin - first) / (double)(top - first);
            for (var bin = top; bin < last; bin++) weights[bin, i] = (last - bin) / (double)(last - top);
        }
        return tensor(weights, DataType(c), c.Scope.Device);

        static double Mel(double hertz) => 2595 * Math.Log10(1 + hertz / 700);
        static double Hertz(double mel) => 700 * (Math.Pow(10, mel / 2595) - 1);
    }

    static ScalarType DataType(TorchCall c) => TorchTensors.ScalarTypeOf((ElementType)c.Node.Int("output_datatype", (long)ElementType.Float32));
}
