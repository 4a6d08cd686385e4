using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using TorchSharp;

namespace OnnxAuditor.Execution.Torch;

/// <summary>
/// libtorch: loaded when it is first asked for, since most audits do without and it is large. TorchSharp loads it as well, with its first call; where that fails it
/// prints the paths that it tried and copies the package cache's libtorch beside the program. So <see cref="Require"/> comes before any call of TorchSharp.
/// </summary>
static partial class TorchLibrary
{
    /// <summary>The platforms that TorchSharp and libtorch have packages for.</summary>
    static readonly string[] Platforms = ["linux-x64", "win-x64", "win-arm64", "osx-arm64"];

    static readonly Lazy<string?> Reason = new(Load);

    static readonly Lazy<int> OwnThreads = new(() =>
    {
        // libtorch takes this number once in a process. Operators run one after another here.
        torch.set_num_interop_threads(1);
        return torch.get_num_threads();
    });

    /// <summary>Why libtorch cannot be used and what to do about it, in one sentence; null where it can be used. The first call loads it.</summary>
    public static string? Unavailable => Reason.Value;

    /// <summary>The versions of TorchSharp and of libtorch. They are known without loading it.</summary>
    public static string Version => $"{typeof(torch).Assembly.GetName().Version!.ToString(3)} (libtorch {LibTorchVersion})";

    /// <summary>The version of libtorch that TorchSharp was built on, as the build has it; to ask TorchSharp would load it.</summary>
    internal static string LibTorchVersion =>
        typeof(TorchLibrary).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "LibTorchVersion").Value!;

    /// <summary>Makes sure that libtorch is loaded.</summary>
    /// <exception cref="UsageException">It cannot be; the message is <see cref="Unavailable"/>.</exception>
    public static void Require()
    {
        if (Unavailable is { } reason) throw new UsageException(reason);
    }

    /// <summary>Sets how many threads an operator runs on, for all of the process.</summary>
    /// <param name="threads">Their number; 0 for libtorch's own choice.</param>
    /// <exception cref="UsageException">libtorch cannot be used.</exception>
    public static void UseThreads(int threads)
    {
        Require();
        var own = OwnThreads.Value;
        torch.set_num_threads(threads > 0 ? threads : own);
    }

    /// <summary>The reason for <see cref="Unavailable"/>.</summary>
    /// <param name="platform">A runtime identifier.</param>
    /// <param name="isThere">Whether the build has libtorch.</param>
    /// <param name="loader">What the system's loader said; its paths are left out.</param>
    internal static string Explain(string platform, bool isThere, string loader)
    {
        if (!Platforms.Contains(platform, StringComparer.Ordinal)) return $"TorchSharp is not made for {platform}, only for {string.Join(", ", Platforms)}.";
        if (!isThere)
            return $"libtorch is not part of this program: 'dotnet package download libtorch-cpu-{platform}@{LibTorchVersion} -o FOLDER' fetches it, and {LibTorchFolder.Variable}=FOLDER/libtorch-cpu-{platform}/{LibTorchVersion}/runtimes/{platform}/native in the environment adds it; a build from source has it.";
        // On Linux each line is a place that was tried; the first one that names more than an absent file says what is wrong.
        var lines = loader.Split('\n').Select(l => Folders().Replace(l.Trim(), "")).Where(l => l.Length > 0).ToList();
        var reason = lines.Find(l => l.Contains(".so", StringComparison.Ordinal) && !l.Contains("cannot open shared object file", StringComparison.Ordinal)) ?? lines[^1];
        var remedy = LibTorchFolder.Path is null ? "remove the folder artifacts and build again on this system" : $"{LibTorchFolder.Variable} must name a folder with libtorch {LibTorchVersion} for {platform}";
        return $"libtorch is there but does not load ({reason.TrimEnd('.')}): {remedy}.";
    }

    /// <summary>Loads the two libraries, as TorchSharp would, makes them print errors alone, and tries what they compute.</summary>
    static string? Load()
    {
        try
        {
            if (LibTorchFolder.Path is { } folder)
            {
                if (!LibTorchFolder.HasLibrary(folder)) return $"{LibTorchFolder.Variable} names a folder that has no {LibTorchFolder.FileOf("torch_cpu")}: it must be that of libtorch {LibTorchVersion}.";
                LibTorchFolder.Load(folder);
            }
            foreach (var library in (string[])["torch_cpu", "LibTorchSharp"]) NativeLibrary.Load(library, typeof(torch).Assembly, searchPath: null);
            Quieten();
            return OneDnn.IsRight() || (OneDnn.Disable() && OneDnn.IsRight()) ? null : "libtorch computes convolutions wrongly on this processor: set ONEDNN_MAX_CPU_ISA=SSE41 and run again.";
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            return Explain(Platform(), IsThere(), e.Message);
        }
    }

    /// <summary>
    /// Raises the level from which libtorch prints to the error stream, unless the user has set one: what it warns of (kernels that it does without on this processor, gradients that
    /// refer to their leaves, which are let go here) concerns no user. TorchSharp has no call for it; where the variable is not found the warnings stay.
    /// </summary>
    static void Quieten()
    {
        const int ErrorLevel = 2;
        if (Environment.GetEnvironmentVariable("TORCH_CPP_LOG_LEVEL") is { Length: > 0 }) return;
        if (!NativeLibrary.TryLoad("c10", typeof(torch).Assembly, searchPath: null, out var library)) return;
        // The second is the name that Microsoft's compiler makes of it.
        foreach (var name in (string[])["FLAGS_caffe2_log_level", "?FLAGS_caffe2_log_level@@3HA"])
            if (NativeLibrary.TryGetExport(library, name, out var level)) Marshal.WriteInt32(level, ErrorLevel);
    }

    static string Platform()
    {
        var system = OperatingSystem.IsWindows() ? "win"
            : OperatingSystem.IsMacOS() ? "osx"
            : RuntimeInformation.RuntimeIdentifier.Contains("musl", StringComparison.Ordinal) ? "linux-musl" : "linux";
        return $"{system}-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";
    }

    /// <summary>Whether libtorch's file is in one of the folders that native libraries are looked for in, or the user says that it is.</summary>
    static bool IsThere()
    {
        var file = LibTorchFolder.FileOf("torch_cpu");
        if (LibTorchFolder.Path is not null) return true;
        var folders = AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? AppContext.BaseDirectory;
        return Array.Exists(folders.Split(Path.PathSeparator), f => File.Exists(Path.Combine(f, file)));
    }

    [GeneratedRegex(@"\S*[/\\]", RegexOptions.None, 1000)]
    private static partial Regex Folders();
}
