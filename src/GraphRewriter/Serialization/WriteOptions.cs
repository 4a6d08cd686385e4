using GraphRewriter.Ir;

namespace GraphRewriter.Serialization;

/// <summary>Where the bytes of a tensor lie outside the model file.</summary>
/// <param name="Location">The file, relative to the model's folder, with forward slashes.</param>
/// <param name="Offset">Where the tensor starts, in bytes.</param>
/// <param name="Length">The tensor's size in bytes.</param>
public sealed record ExternalReference(string Location, long Offset, long Length);

/// <summary>How a model is written.</summary>
public sealed record WriteOptions
{
    /// <summary>Initializers of at least this many bytes go to a second file beside the model; null writes all into the model file.</summary>
    public long? ExternalThreshold { get; init; }

    /// <summary>The name of that second file; by default the model's with ".data" appended.</summary>
    public string? SidecarName { get; init; }

    /// <summary>Initializers that are written as references, without their contents, which the caller supplies in its own way.</summary>
    public IReadOnlyDictionary<Value, ExternalReference> References { get; init; } = new Dictionary<Value, ExternalReference>();
}
