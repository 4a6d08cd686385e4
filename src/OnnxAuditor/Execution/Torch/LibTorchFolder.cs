using System.Runtime.InteropServices;
using System.Runtime.Loader;

namespace OnnxAuditor.Execution.Torch;

/// <summary>A folder with libtorch that the user names, for programs that come without it, such as the .NET tool.</summary>
static class LibTorchFolder
{
    /// <summary>The variable of the environment that names the folder.</summary>
    public const string Variable = "ONNX_AUDITOR_LIBTORCH";

    /// <summary>The folder; null where none is named.</summary>
    public static string? Path => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } path ? path : null;

    /// <summary>Loads libtorch from a folder. What asks for its libraries later, TorchSharp's among them, gets those.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="DllNotFoundException">A library is not there or does not load.</exception>
    public static void Load(string folder)
    {
        // In the order in which they need each other; the last, which is empty, is the one that TorchSharp's library was linked with.
        var libraries = ((string[])["c10", "torch_cpu", "torch"]).ToDictionary(name => name, name => NativeLibrary.Load(System.IO.Path.GetFullPath(System.IO.Path.Combine(folder, FileOf(name)))), StringComparer.Ordinal);
        AssemblyLoadContext.Default.ResolvingUnmanagedDll += (_, name) => libraries.GetValueOrDefault(name);
    }

    /// <summary>Whether a folder has libtorch's main library.</summary>
    public static bool HasLibrary(string folder) => File.Exists(System.IO.Path.Combine(folder, FileOf("torch_cpu")));

    /// <summary>The name of a library's file on this system.</summary>
    public static string FileOf(string library) => OperatingSystem.IsWindows() ? $"{library}.dll" : OperatingSystem.IsMacOS() ? $"lib{library}.dylib" : $"lib{library}.so";
}
