namespace Bench;

/// <summary>The program as built for release, for verbs that measure whole processes.</summary>
static class ReleaseBuild
{
    /// <summary>The program's file.</summary>
    public const string FileName = "onnx-auditor.dll";

    /// <summary>The program's path; null, with what to do on the error stream, where it is not built.</summary>
    public static string? Find(TextWriter error)
    {
        var program = Path.Combine(Networks.Checkout, "artifacts", "bin", "OnnxAuditor", "release", FileName);
        if (File.Exists(program)) return program;
        error.WriteLine("Build the program first: dotnet build -c Release src/OnnxAuditor");
        return null;
    }
}
