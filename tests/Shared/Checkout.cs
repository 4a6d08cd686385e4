using Xunit;

namespace Testing;

/// <summary>Where the tests find files: the checkout, and the operator test data of the Debian package.</summary>
static class Checkout
{
    /// <summary>The folder that holds Auditor.sln.</summary>
    internal static string Root { get; } = FindRoot();

    /// <summary>A path inside the checkout.</summary>
    internal static string Path(params ReadOnlySpan<string> parts) => System.IO.Path.Combine([Root, .. parts]);

    /// <summary>A path inside the ONNX project's test data (the Debian package libonnx-testdata). Skips the running test where it is absent.</summary>
    internal static string OnnxTestData(params ReadOnlySpan<string> parts)
    {
        var path = System.IO.Path.Combine(["/usr/share/libonnx-testdata/data", .. parts]);
        if (!File.Exists(path) && !Directory.Exists(path)) Assert.Skip($"'{string.Join('/', parts)}' is absent: install the Debian package libonnx-testdata.");
        return path;
    }

    static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(System.IO.Path.Combine(folder.FullName, "Auditor.sln"))) return folder.FullName;
        throw new InvalidOperationException($"No folder above {AppContext.BaseDirectory} holds Auditor.sln.");
    }
}
