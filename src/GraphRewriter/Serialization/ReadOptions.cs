namespace GraphRewriter.Serialization;

/// <summary>How a model is read.</summary>
public sealed record ReadOptions
{
    /// <summary>
    /// The most bytes that the file, and all tensors it declares (external ones among them, sparse ones as if dense), may take; by default the memory of this machine.
    /// A model that declares more is refused before anything is allocated for it.
    /// </summary>
    public long MaxBytes { get; init; } = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
}
