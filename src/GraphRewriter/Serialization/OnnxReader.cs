using System.Security.Cryptography;
using Google.Protobuf;
using GraphRewriter.Ir;
using GraphRewriter.Onnx;

namespace GraphRewriter.Serialization;

/// <summary>Reads ONNX models.</summary>
public static class OnnxReader
{
    const int MaxErrorsShown = 100;

    /// <summary>Reads a model from a file; external data is looked for in the file's folder and mapped into memory, not copied.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">How to read it.</param>
    /// <exception cref="ModelException">
    /// <see cref="ModelProblem.Unreadable"/>: the file is missing or is no ONNX model, the message says what it is; <see cref="ModelProblem.InvalidGraph"/>: the
    /// message lists all breaches of the format, a line each; <see cref="ModelProblem.Budget"/>: declared sizes exceed <see cref="ReadOptions.MaxBytes"/>.
    /// </exception>
    public static ModelFile Read(string path, ReadOptions? options = null)
    {
        options ??= new ReadOptions();
        try
        {
            var info = new FileInfo(path);
            if (!info.Exists)
                throw Unreadable(path, Directory.Exists(path) ? "is a folder, not a model file" : "does not exist", null);
            var length = info.ResolveLinkTarget(returnFinalTarget: true) is FileInfo target ? target.Length : info.Length;
            if (length == 0) throw Unreadable(path, FileKind.NotAModel([])!, null);
            if (length > options.MaxBytes) ReadContext.Exhausted($"'{path}'", $"{length} bytes, more than the budget of {options.MaxBytes}");
            if (length > int.MaxValue) throw Unreadable(path, "is larger than 2 GB, which the format does not allow: export the weights as external data", null);
            using var file = new MappedFile(path);
            return Read(file.Slice(0, (int)file.Length).Span, path, Path.GetDirectoryName(Path.GetFullPath(path)), options);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(path, $"cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Reads a model from memory.</summary>
    /// <param name="bytes">The contents of a model file.</param>
    /// <param name="directory">The folder in which external data is looked for; null refuses external data.</param>
    /// <param name="options">How to read it.</param>
    /// <exception cref="ModelException">As for reading from a file.</exception>
    public static ModelFile Read(ReadOnlyMemory<byte> bytes, string? directory, ReadOptions? options = null)
    {
        options ??= new ReadOptions();
        if (bytes.Length > options.MaxBytes) ReadContext.Exhausted("The model", $"{bytes.Length} bytes, more than the budget of {options.MaxBytes}");
        return Read(bytes.Span, null, directory, options);
    }

    static ModelFile Read(ReadOnlySpan<byte> bytes, string? path, string? folder, ReadOptions options)
    {
        var proto = Parse(bytes, path);
        var external = new ExternalData(folder);
        try
        {
            var context = new ReadContext(options.MaxBytes, external);
            var model = new ModelReader(context).Read(proto);
            if (context.Errors.Count > 0) throw Invalid(path, context.Errors);
            return new ModelFile(model, path, Convert.ToHexStringLower(SHA256.HashData(bytes)), bytes.Length, context.Problems, external);
        }
        catch
        {
            external.Dispose();
            throw;
        }
    }

    static ModelProto Parse(ReadOnlySpan<byte> bytes, string? path)
    {
        if (FileKind.NotAModel(bytes) is { } what) throw Unreadable(path, what, null);
        try
        {
            var proto = ModelProto.Parser.ParseFrom(bytes);
            return proto.Graph is not null ? proto : throw Unreadable(path, "is no ONNX model (it holds no graph): check where it comes from", null);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw Unreadable(path, FileKind.Unparsable(bytes, e.Message), e);
        }
    }

    static ModelException Unreadable(string? path, string what, Exception? inner) =>
        new(ModelProblem.Unreadable, $"{(path is null ? "The input" : $"'{path}'")} {what}.", inner);

    static ModelException Invalid(string? path, List<string> errors)
    {
        var more = errors.Count > MaxErrorsShown ? $"\n  … and {errors.Count - MaxErrorsShown} more" : "";
        return new(ModelProblem.InvalidGraph,
            $"{(path is null ? "The input" : $"'{path}'")} breaks the rules of ONNX in {errors.Count} {(errors.Count == 1 ? "place" : "places")}:\n  {string.Join("\n  ", errors.Take(MaxErrorsShown))}{more}");
    }
}
