using Xunit;

namespace Testing;

/// <summary>Finds the networks that lie beside the checkout and are no part of it. Tests that need them skip where they are absent.</summary>
static class SharedFiles
{
    const string Variable = "ONNX_AUDITOR_SHARED";

    /// <summary>The folder "shared" beside the checkout, or what the environment variable names; null where there is none.</summary>
    public static string? Root { get; } = Locate();

    /// <summary>The full path of a file of the shared folder; skips the running test where it is absent.</summary>
    public static string Require(params string[] parts)
    {
        if (Root is null) Assert.Skip($"The shared test networks are absent: no folder 'shared' beside the checkout, and {Variable} is not set.");
        var path = Path.Combine([Root, .. parts]);
        if (!File.Exists(path)) Assert.Skip($"'{Path.Combine(parts)}' is absent from the shared test networks.");
        return path;
    }

    /// <summary>The names "folder/file.onnx" of all networks in a folder below models, in order; one name that <see cref="Require"/> skips where the folder is absent.</summary>
    public static IEnumerable<string> Models(string folder) => Root is { } root && Directory.Exists(Path.Combine(root, "models", folder))
        ? Directory.GetFiles(Path.Combine(root, "models", folder), "*.onnx").Order(StringComparer.Ordinal).Select(f => $"{folder}/{Path.GetFileName(f)}")
        : [$"{folder}/any.onnx"];

    static string? Locate()
    {
        var folder = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } set ? set : Path.GetFullPath(Path.Combine(Checkout.Root, "..", "shared"));
        return Directory.Exists(folder) ? folder : null;
    }
}
