using Xunit;

namespace Testing;

/// <summary>Where the tests find files: the checkout, the reference models beside it, the operator test data of the Debian package.</summary>
static class Checkout
{
    /// <summary>The folder that holds Auditor.sln.</summary>
    internal static string Root { get; } = FindRoot();

    /// <summary>A path inside the checkout.</summary>
    internal static string Path(params ReadOnlySpan<string> parts) => System.IO.Path.Combine([Root, .. parts]);

    /// <summary>
    /// A path inside the folder of reference models and data (shared/ beside the checkout, or what ONNX_AUDITOR_SHARED says). Skips the test where it is absent.
    /// </summary>
    internal static string Shared(params ReadOnlySpan<string> parts)
    {
        var folder = Environment.GetEnvironmentVariable("ONNX_AUDITOR_SHARED") is { Length: > 0 } given ? given : System.IO.Path.Combine(Root, "..", "shared");
        return Existing(System.IO.Path.GetFullPath(System.IO.Path.Combine([folder, .. parts])), "the reference models are not beside the checkout");
    }

    /// <summary>A path inside the ONNX project's test data (the Debian package libonnx-testdata). Skips the test where it is absent.</summary>
    internal static string OnnxTestData(params ReadOnlySpan<string> parts) =>
        Existing(System.IO.Path.Combine(["/usr/share/libonnx-testdata", .. parts]), "the Debian package libonnx-testdata is not installed");

    static string Existing(string path, string otherwise)
    {
        if (!File.Exists(path) && !Directory.Exists(path)) Assert.Skip($"{System.IO.Path.GetFileName(path)}: {otherwise}.");
        return path;
    }

    static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(System.IO.Path.Combine(folder.FullName, "Auditor.sln"))) return folder.FullName;
        throw new InvalidOperationException($"No folder above {AppContext.BaseDirectory} holds Auditor.sln.");
    }
}
