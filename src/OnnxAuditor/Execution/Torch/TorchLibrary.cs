using System.Runtime.InteropServices;
using TorchSharp;

namespace OnnxAuditor.Execution.Torch;

/// <summary>libtorch, which is loaded when it is first asked for and never before: it is large, and most audits do without.</summary>
static class TorchLibrary
{
    static readonly Lazy<string?> Reason = new(Load);
    static readonly Lock Threads = new();
    static bool interopIsSet;

    /// <summary>Why libtorch cannot be used and how it can be had, in one sentence; null where it can be used. The first call loads it.</summary>
    public static string? Unavailable => Reason.Value;

    /// <summary>The versions of TorchSharp and of the libtorch that it was built on. Does not load it.</summary>
    public static string Version => $"TorchSharp {typeof(torch).Assembly.GetName().Version?.ToString(3)}, libtorch {torch.__version__}";

    /// <summary>Makes sure that libtorch is loaded.</summary>
    /// <exception cref="UsageException">It cannot be; the message is <see cref="Unavailable"/>.</exception>
    public static void Require()
    {
        if (Unavailable is { } reason) throw new UsageException(reason);
    }

    /// <summary>Sets the threads of one operator. Operators run one after another.</summary>
    /// <param name="threads">Their number; 0 leaves libtorch's own choice, the physical cores.</param>
    /// <exception cref="UsageException">libtorch cannot be loaded.</exception>
    public static void UseThreads(int threads)
    {
        Require();
        lock (Threads)
        {
            // libtorch takes this number once in a process.
            if (!interopIsSet) torch.set_num_interop_threads(1);
            interopIsSet = true;
            if (threads > 0) torch.set_num_threads(threads);
        }
    }

    /// <summary>Loads the two libraries as TorchSharp would, which prints the paths that it tried when it fails.</summary>
    static string? Load()
    {
        var assembly = typeof(torch).Assembly;
        if (!NativeLibrary.TryLoad("torch_cpu", assembly, null, out _)) return "no libtorch";
        return NativeLibrary.TryLoad("LibTorchSharp", assembly, null, out _) ? null : "no LibTorchSharp";
    }
}
