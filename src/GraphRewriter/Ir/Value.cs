using System.Collections.Immutable;

namespace GraphRewriter.Ir;

/// <summary>
/// An edge of the graph: a graph input, an initializer or a node's output. Nodes refer to values by object, names matter only to the reader and the writer.
/// </summary>
public sealed class Value
{
    /// <summary>Makes a value.</summary>
    public Value(string name, ElementType type = ElementType.Undefined, Shape? shape = null)
    {
        Name = name;
        Type = type;
        Shape = shape;
    }

    /// <summary>The name, unique in the model.</summary>
    public string Name { get; set; }

    /// <summary>The element type of a tensor; undefined for other kinds.</summary>
    public ElementType Type { get; set; }

    /// <summary>The shape; null where the rank is unknown.</summary>
    public Shape? Shape { get; set; }

    /// <summary>The encoded type of a value that is no dense tensor (sequence, optional, map, sparse tensor); null for tensors.</summary>
    public OtherType? Other { get; set; }

    /// <summary>The contents of an initializer; null for inputs and node outputs. An input with contents is an initializer with a default, as IR 3 had them.</summary>
    public TensorData? Data { get; set; }

    /// <summary>The contents of a sparse initializer; <see cref="Data"/> is null then.</summary>
    public SparseTensorData? SparseData { get; set; }

    /// <summary>The node whose output this is; null for inputs and initializers.</summary>
    public Node? Producer { get; internal set; }

    /// <summary>The node output's contents where constant evaluation knows them all (shape arithmetic, mostly); null where not.</summary>
    public TensorData? Evaluated { get; set; }

    /// <summary>
    /// The contents as dimensions, where this is an int64 scalar or vector of shape arithmetic of which only part is known
    /// (for example Shape of [?, 3, 8, 8]); default where nothing is known.
    /// </summary>
    public ImmutableArray<Dim> Dims { get; set; }

    /// <summary>The text the model gives with the value (doc_string).</summary>
    public string? Documentation { get; set; }

    /// <summary>Key-value pairs that the model gives with the value.</summary>
    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <summary>Fields of the file unknown to this program, kept for the writer.</summary>
    public ReadOnlyMemory<byte> UnknownFields { get; set; }

    /// <summary>Contents known before a run: those of an initializer or of an evaluated node output; null where only a run would tell.</summary>
    public TensorData? Constant => Data ?? Evaluated;

    /// <summary>The rank.</summary>
    /// <exception cref="ModelException">The rank is not known.</exception>
    public int Rank => Shape?.Rank ?? throw new ModelException(ModelProblem.Unsupported, $"The rank of '{Name}' is not known.");

    /// <summary>Whether the type is a dense tensor of floats that gradients flow through.</summary>
    public bool IsFloat => Other is null && Type.IsFloat;

    /// <inheritdoc/>
    public override string ToString() => $"{Name}: {Type}[{Shape?.ToString() ?? "?"}]";
}

/// <summary>The type of a value that is no dense tensor.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Encoded">The TypeProto as read, for the writer.</param>
public sealed record OtherType(OtherKind Kind, ReadOnlyMemory<byte> Encoded);

/// <summary>Kinds of values other than dense tensors.</summary>
public enum OtherKind
{
    /// <summary>A sequence of values of one type.</summary>
    Sequence,
    /// <summary>A value or nothing.</summary>
    Optional,
    /// <summary>Keys and values, as the ai.onnx.ml domain uses them.</summary>
    Map,
    /// <summary>A sparse tensor.</summary>
    SparseTensor,
    /// <summary>A type of another vendor or of a later version.</summary>
    Opaque,
}

/// <summary>A sparse constant tensor.</summary>
/// <param name="Values">The non-zero values, rank 1.</param>
/// <param name="Indices">Linear indices [NNZ] or coordinates [NNZ, rank], int64.</param>
/// <param name="Dims">The dense dimensions.</param>
public sealed record SparseTensorData(TensorData Values, TensorData Indices, IReadOnlyList<long> Dims);
