using System.Diagnostics;
using System.Reflection;
using OnnxAuditor.Execution.Torch;
using Xunit;

namespace OnnxAuditor.Tests.Execution.Torch;

/// <summary>How the tests were built: with libtorch or without, and from which packages.</summary>
static class TorchBuild
{
    /// <summary>Skips the running test in a build without libtorch; fails it in one whose libtorch does not load.</summary>
    internal static void RequireLibTorch()
    {
        Assert.SkipWhen(Fact("LibTorchPackage").Length == 0, "This build has no libtorch (-p:Torch=false, or there is none for the platform).");
        Assert.Null(TorchLibrary.Unavailable);
    }

    /// <summary>A fact that the project file hands to the tests.</summary>
    internal static string Fact(string key) => typeof(TorchBuild).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == key).Value ?? "";

    /// <summary>The file of a native library that this process has loaded.</summary>
    internal static string Loaded(string library)
    {
        using var process = Process.GetCurrentProcess();
        return process.Modules.Cast<ProcessModule>().First(m => m.ModuleName.StartsWith(library, StringComparison.Ordinal)).FileName;
    }
}
