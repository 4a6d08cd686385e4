using GraphRewriter.Ir;

namespace GraphRewriter.Serialization;

/// <summary>Something wrong with a file that did not keep the model from being read.</summary>
/// <param name="Code">
/// ONX002: an irregularity of the graph that could be mended; ONX003: external data missing or of the wrong size; SEC001: external data refused for safety.
/// </param>
/// <param name="Where">The tensor, node or graph.</param>
/// <param name="Message">What is wrong, in one line.</param>
public sealed record ReadProblem(string Code, string Where, string Message);

/// <summary>A model as read from a file. It owns the memory maps that external tensors are views of: dispose it after the last use of the model.</summary>
public sealed class ModelFile : IDisposable
{
    readonly ExternalData external;

    internal ModelFile(Model model, string? path, string sha256, long length, IReadOnlyList<ReadProblem> problems, ExternalData external)
    {
        Model = model;
        Path = path;
        Sha256 = sha256;
        Length = length;
        Problems = problems;
        this.external = external;
    }

    /// <summary>The model.</summary>
    public Model Model { get; }

    /// <summary>The path it was read from; null where it was given as bytes.</summary>
    public string? Path { get; }

    /// <summary>The SHA-256 of the file (without external data), in lower-case hexadecimal.</summary>
    public string Sha256 { get; }

    /// <summary>The size of the file (without external data) in bytes.</summary>
    public long Length { get; }

    /// <summary>What is wrong with the file, in file order; empty for a good one.</summary>
    public IReadOnlyList<ReadProblem> Problems { get; }

    /// <summary>Unmaps external data; the model's external tensors cannot be read any more.</summary>
    public void Dispose() => external.Dispose();
}
