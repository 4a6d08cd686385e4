namespace Bench;

/// <summary>Finds networks: files as given, or those of the folder "shared" beside the checkout.</summary>
static class Networks
{
    const string Variable = "ONNX_AUDITOR_SHARED";

    /// <summary>The folder that holds Auditor.sln.</summary>
    public static string Checkout { get; } = FindCheckout();

    /// <summary>The given files; where none is given, those of the shared models. What is absent is named on the error stream and left out.</summary>
    /// <param name="given">Paths from the command line.</param>
    /// <param name="shared">Paths below shared/models, taken where none is given.</param>
    /// <param name="error">Where absent files are named.</param>
    public static IReadOnlyList<string> Find(IReadOnlyList<string> given, IEnumerable<string> shared, TextWriter error)
    {
        var found = new List<string>();
        foreach (var path in given.Count > 0 ? given : shared.Select(s => Path.Combine(SharedModels, s)))
        {
            if (File.Exists(path)) found.Add(path);
            else error.WriteLine($"{Path.GetFileName(path)} is absent, skipped. Give a path, or set {Variable} to the folder of the shared networks.");
        }
        return found;
    }

    /// <summary>The networks below a folder of the shared models, in order; none where the folder is absent.</summary>
    public static IEnumerable<string> Shared(string folder) => Directory.Exists(Path.Combine(SharedModels, folder))
        ? Directory.GetFiles(Path.Combine(SharedModels, folder), "*.onnx").Order(StringComparer.Ordinal).Select(f => Path.Combine(folder, Path.GetFileName(f)))
        : [];

    static string SharedModels => Path.Combine(Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } set ? set : Path.Combine(Checkout, "..", "shared"), "models");

    static string FindCheckout()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Auditor.sln"))) return folder.FullName;
        throw new InvalidOperationException($"No folder above {AppContext.BaseDirectory} holds Auditor.sln.");
    }
}
