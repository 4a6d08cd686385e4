using System.Globalization;
using GraphRewriter.Onnx;

namespace GraphRewriter.Serialization;

/// <summary>
/// Finds the contents of tensors that lie outside the model file. A reference is followed only where it names, by a relative path without "..", an ordinary file
/// below the model's folder that is no link, has no second name and is large enough; otherwise the file is not opened.
/// </summary>
sealed class ExternalData(string? folder) : IDisposable
{
    const string Refused = "SEC001";
    const string Unusable = "ONX003";

    readonly Dictionary<string, MappedFile> files = new(StringComparer.Ordinal);

    /// <summary>The contents of a tensor of <paramref name="expected"/> bytes, or the problem that keeps them from being had.</summary>
    public (ReadOnlyMemory<byte> Bytes, ReadProblem? Problem) Resolve(IReadOnlyCollection<StringStringEntryProto> entries, long expected, string where)
    {
        var (reference, problem) = Parse(entries, expected, where);
        if (reference is null) return (default, problem);
        try
        {
            if ((problem = Examine(reference, where, out var path)) is not null) return (default, problem);
            if (expected == 0) return (ReadOnlyMemory<byte>.Empty, null);
            if (!files.TryGetValue(path, out var file)) files[path] = file = new MappedFile(path);
            return (file.Slice(reference.Offset, (int)expected), null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or PlatformNotSupportedException)
        {
            return (default, new(Unusable, where, $"external data '{Printable(reference.Location)}' cannot be read: {e.Message}"));
        }
    }

    public void Dispose()
    {
        foreach (var file in files.Values) file.Dispose();
        files.Clear();
    }

    static (ExternalReference? Reference, ReadProblem? Problem) Parse(IReadOnlyCollection<StringStringEntryProto> entries, long expected, string where)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var e in entries)
        {
            if (e.Key is not ("location" or "offset" or "length" or "checksum"))
                return (null, new(Refused, where, $"external data has the unknown key '{Printable(e.Key)}' (known: location, offset, length, checksum); refused"));
            if (!values.TryAdd(e.Key, e.Value))
                return (null, new(Refused, where, $"external data gives '{e.Key}' twice; refused"));
        }
        if (!values.TryGetValue("location", out var location) || location.Length == 0)
            return (null, new(Unusable, where, "external data without location"));
        if (ForbiddenPath(location) is { } why)
            return (null, new(Refused, where, $"external data path '{Printable(location)}' {why}; refused"));
        if (!Number("offset", 0, out var offset) || !Number("length", expected, out var length))
            return (null, new(Unusable, where, "external data with an offset or length that is no non-negative number"));
        if (length != expected)
            return (null, new(Unusable, where, $"external data declares {length} bytes, type and dimensions need {expected}"));
        if (expected > int.MaxValue)
            return (null, new(Unusable, where, $"external data of {expected} bytes in one tensor; at most {int.MaxValue} are supported"));
        return (new ExternalReference(location, offset, length), null);

        bool Number(string key, long fallback, out long number)
        {
            number = fallback;
            return !values.TryGetValue(key, out var text) || long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
        }
    }

    /// <summary>Why a path is not followed; null for a path that may be. Both separators count on every system, so that a model is judged the same everywhere.</summary>
    static string? ForbiddenPath(string location)
    {
        if (location.Any(char.IsControl)) return "holds control characters";
        if (location.StartsWith("*/", StringComparison.Ordinal)) return "is a memory address, not a file";
        if (location[0] is '/' or '\\' || (location.Length > 1 && location[1] == ':') || Path.IsPathRooted(location)) return "is absolute";
        return location.Split('/', '\\').Contains("..", StringComparer.Ordinal) ? "leaves the model's folder" : null;
    }

    ReadProblem? Examine(ExternalReference reference, string where, out string path)
    {
        path = "";
        var name = Printable(reference.Location);
        if (folder is null) return new(Unusable, where, $"external data '{name}' cannot be found: the model was not read from a folder");
        path = folder;
        foreach (var part in reference.Location.Split('/'))
        {
            path = Path.Combine(path, part);
            if (new FileInfo(path).LinkTarget is not null) return new(Refused, where, $"external data path '{name}' is or passes through a symbolic link; refused");
        }
        var info = new FileInfo(path);
        if (!info.Exists)
            return Directory.Exists(path)
                ? new(Refused, where, $"external data path '{name}' is a folder; refused")
                : new(Unusable, where, $"external data file '{name}' is missing; put it beside the model");
        var status = FileStatus.Of(path);
        if (!status.IsRegular) return new(Refused, where, $"external data path '{name}' is no ordinary file; refused");
        if (status.Links > 1) return new(Refused, where, $"external data file '{name}' is hard-linked ({status.Links} names); refused");
        return reference.Offset <= info.Length - reference.Length
            ? null
            : new(Unusable, where, $"external data file '{name}' has {info.Length} bytes, the tensor needs {reference.Length} from offset {reference.Offset}");
    }

    static string Printable(string text) => string.Concat(text.Take(200).Select(c => char.IsControl(c) ? '?' : c));
}
