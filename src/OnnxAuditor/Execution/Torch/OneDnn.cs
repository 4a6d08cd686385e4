using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>
/// The library that libtorch leaves convolutions of float32 to. It makes machine code for the processor at hand, and on some virtual machines that code is wrong: gradients
/// by the input lack terms, or hold what was in memory before. Those of float64 libtorch computes itself.
/// </summary>
static class OneDnn
{
    /// <summary>Channels in and out, height and width, kernel, stride and padding of the convolutions that are tried.</summary>
    static readonly (long In, long Out, long Size, long Kernel, long Stride, long Padding)[] Tried = [(3, 4, 6, 3, 1, 0), (1, 9, 7, 3, 2, 1), (16, 16, 9, 3, 1, 1), (24, 40, 5, 1, 1, 0), (3, 8, 12, 5, 2, 2)];

    /// <summary>Whether small convolutions and their gradients are those of float64; on whole numbers this small both are exact.</summary>
    public static bool IsRight()
    {
        using var scope = NewDisposeScope();
        return Array.TrueForAll(Tried, c =>
        {
            var (x, w) = (Whole(2, c.In, c.Size, c.Size), Whole(c.Out, c.In, c.Kernel, c.Kernel));
            return Results(x, w, c.Stride, c.Padding).Zip(Results(x.to(ScalarType.Float64), w.to(ScalarType.Float64), c.Stride, c.Padding)).All(r => r.First.to(ScalarType.Float64).Equals(r.Second));
        });
    }

    /// <summary>Makes libtorch compute convolutions itself, for all of the process; false where that cannot be asked for. TorchSharp has no call for it.</summary>
    public static bool Disable()
    {
        if (!NativeLibrary.TryLoad("torch_cpu", typeof(torch).Assembly, searchPath: null, out var library)) return false;
        // at::globalContext().setUserEnabledMkldnn(false), by the names that GCC and Clang make of them.
        if (!NativeLibrary.TryGetExport(library, "_ZN2at13globalContextEv", out var context) || !NativeLibrary.TryGetExport(library, "_ZN2at7Context20setUserEnabledMkldnnEb", out var enable)) return false;
        Marshal.GetDelegateForFunctionPointer<SetEnabled>(enable)(Marshal.GetDelegateForFunctionPointer<GetContext>(context)(), 0);
        return true;
    }

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    delegate nint GetContext();

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    delegate void SetEnabled(nint context, byte enabled);

    /// <summary>Whole numbers from -4 to 4 in a fixed order.</summary>
    static Tensor Whole(params long[] shape) => ((arange(shape.Aggregate(1L, (a, b) => a * b), ScalarType.Int64) * 7).remainder(9) - 4).to(ScalarType.Float32).reshape(shape);

    /// <summary>The convolution, and what it gives back to both of its inputs for a cotangent of the same numbers.</summary>
    static Tensor[] Results(Tensor x, Tensor w, long stride, long padding)
    {
        var (input, kernel) = (x.detach().requires_grad_(), w.detach().requires_grad_());
        var y = nn.functional.conv2d(input, kernel, strides: [stride, stride], padding: [padding, padding]);
        return [y.detach(), .. TorchPass.Gradients(y, [input, kernel], Whole(y.shape).to(y.dtype)).Select(g => g!)];
    }
}
