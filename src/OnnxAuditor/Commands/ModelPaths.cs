using System.CommandLine;
using System.Globalization;
using System.IO.Enumeration;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Commands;

/// <summary>A model named on the command line.</summary>
/// <param name="File">Where it is.</param>
/// <param name="Shown">How reports name it: as given, '/' between folders; of an absolute path outside the current folder only the end, which does not tell the machine.</param>
sealed record ModelPath(string File, string Shown);

/// <summary>Finds the models that files, folders and patterns name.</summary>
static class ModelPaths
{
    const string Extension = ".onnx";

    /// <summary>What reads the model from standard input.</summary>
    public const string StandardInput = "-";

    /// <summary>The argument that names models.</summary>
    public static Argument<List<string>> Argument() => new("MODEL") { Description = "Model files, folders (searched for .onnx files), patterns, or - for standard input", Arity = ArgumentArity.OneOrMore };

    /// <summary>Lets the command say of a word that looks like an option that there is none such, instead of taking it for a model.</summary>
    public static void RefuseOptions(Argument<List<string>> models, Command command) => models.Validators.Add(result =>
    {
        foreach (var word in result.Tokens.Select(t => t.Value).Where(w => w.StartsWith('-') && w != StandardInput)) result.AddError(CommandLine.UnknownOption(word, command));
    });

    /// <summary>Reads a part of several: "2/5".</summary>
    public static (int Part, int Parts) Shard(string text) =>
        text.Split('/') is [var a, var b] && int.TryParse(a, NumberStyles.None, CultureInfo.InvariantCulture, out var part) && int.TryParse(b, NumberStyles.None, CultureInfo.InvariantCulture, out var parts) && part >= 1 && part <= parts
            ? (part, parts)
            : throw new UsageException($"'{text}' is no part of several: the second of five is 2/5.");

    /// <summary>The models in the order of the arguments, inside a folder or pattern in that of their paths; each once.</summary>
    /// <param name="arguments">Files (of any extension, whether they exist or not), folders (searched for .onnx files, hidden folders left out), patterns with *, ? and **, or "-".</param>
    /// <exception cref="UsageException">A folder or pattern has no model.</exception>
    public static IReadOnlyList<ModelPath> Expand(IEnumerable<string> arguments)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var result = new List<ModelPath>();
        foreach (var argument in arguments)
            foreach (var path in ExpandOne(argument))
                if (seen.Add(path.File == StandardInput ? path.File : Path.GetFullPath(path.File))) result.Add(path);
        return result;
    }

    /// <summary>Writes standard input to a file for as long as something is made of it.</summary>
    public static ModelReport FromStandardInput(Terminal terminal, ModelPath path, Func<string, ModelReport> audit)
    {
        var folder = Directory.CreateTempSubdirectory("onnx-auditor-");
        try
        {
            var file = Path.Combine(folder.FullName, "stdin.onnx");
            using (var stream = File.Create(file)) terminal.Input.CopyTo(stream);
            return ModelRuns.Relabel(audit(file), file, path.Shown);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    static IEnumerable<ModelPath> ExpandOne(string argument)
    {
        if (argument == StandardInput) return [new(argument, argument)];
        if (File.Exists(argument)) return [new(argument, Shown(argument))];
        if (Directory.Exists(argument))
        {
            var found = Models(argument, recurse: true).Order(StringComparer.Ordinal).ToList();
            if (found.Count == 0) throw new UsageException($"The folder '{argument}' holds no {Extension} file.");
            var name = Shown(Path.TrimEndingDirectorySeparator(argument));
            return found.Select(f => new ModelPath(f, name is "." ? Slashes(Path.GetRelativePath(argument, f)) : $"{name}/{Slashes(Path.GetRelativePath(argument, f))}"));
        }
        if (argument.AsSpan().IndexOfAny('*', '?') < 0) return [new(argument, Shown(argument))];
        var matches = Match(argument).Order(StringComparer.Ordinal).ToList();
        return matches.Count > 0 ? matches.Select(f => new ModelPath(f, Shown(f))) : throw new UsageException($"No file matches '{argument}'.");
    }

    /// <summary>Files that match a pattern, folder by folder; ** stands for any number of folders.</summary>
    static IEnumerable<string> Match(string pattern)
    {
        var parts = Slashes(pattern).Split('/');
        var firstWild = Array.FindIndex(parts, p => p.AsSpan().IndexOfAny('*', '?') >= 0);
        var start = string.Join('/', parts[..firstWild]);
        var root = start.Length > 0 ? start : Path.IsPathRooted(pattern) ? "/" : ".";
        var files = Match(root, parts[firstWild..]);
        return root == "." ? files.Select(f => Path.GetRelativePath(".", f)) : files;
    }

    static IEnumerable<string> Match(string folder, string[] parts)
    {
        if (!Directory.Exists(folder)) return [];
        if (parts is ["**"]) return Models(folder, recurse: true);
        if (parts[0] is "**") return Match(folder, parts[1..]).Concat(Folders(folder).SelectMany(f => Match(f, parts)));
        var entries = (parts.Length == 1 ? Directory.EnumerateFiles(folder) : Folders(folder)).Where(e => FileSystemName.MatchesSimpleExpression(parts[0], Path.GetFileName(e), ignoreCase: false));
        return parts.Length == 1 ? entries : entries.SelectMany(f => Match(f, parts[1..]));
    }

    /// <summary>The models below a folder.</summary>
    public static IEnumerable<string> Below(string folder) => Models(folder, recurse: true);

    static IEnumerable<string> Models(string folder, bool recurse)
    {
        var here = Directory.EnumerateFiles(folder).Where(f => f.EndsWith(Extension, StringComparison.OrdinalIgnoreCase));
        return recurse ? here.Concat(Folders(folder).SelectMany(f => Models(f, recurse))) : here;
    }

    /// <summary>The folders inside, without hidden ones and links (which may lead round in circles).</summary>
    static IEnumerable<string> Folders(string folder) => Directory.EnumerateDirectories(folder)
        .Where(f => !Path.GetFileName(f).StartsWith('.') && !File.GetAttributes(f).HasFlag(FileAttributes.ReparsePoint));

    static string Shown(string path)
    {
        if (!Path.IsPathRooted(path)) return Slashes(path.StartsWith("./", StringComparison.Ordinal) ? path[2..] : path);
        var relative = Path.GetRelativePath(".", path);
        return Slashes(relative.StartsWith("..", StringComparison.Ordinal) || Path.IsPathRooted(relative) ? Path.GetFileName(path) : relative);
    }

    static string Slashes(string path) => path.Replace(Path.DirectorySeparatorChar, '/');
}
