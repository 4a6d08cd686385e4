using System.Text;

namespace GraphRewriter.Ir;

/// <summary>The kinds of node attributes; the numbers are those of the format (AttributeProto.AttributeType).</summary>
public enum AttributeKind
{
    /// <summary>Not stated (IR below 2), or only a reference to a function's attribute.</summary>
    Undefined = 0,
    /// <summary>float32.</summary>
    Float = 1,
    /// <summary>int64.</summary>
    Int = 2,
    /// <summary>UTF-8 bytes.</summary>
    String = 3,
    /// <summary>Dense tensor.</summary>
    Tensor = 4,
    /// <summary>Subgraph.</summary>
    Graph = 5,
    /// <summary>List of float32.</summary>
    Floats = 6,
    /// <summary>List of int64.</summary>
    Ints = 7,
    /// <summary>List of UTF-8 strings.</summary>
    Strings = 8,
    /// <summary>List of tensors.</summary>
    Tensors = 9,
    /// <summary>List of subgraphs.</summary>
    Graphs = 10,
    /// <summary>Sparse tensor.</summary>
    SparseTensor = 11,
    /// <summary>List of sparse tensors.</summary>
    SparseTensors = 12,
    /// <summary>A type.</summary>
    Type = 13,
    /// <summary>List of types.</summary>
    Types = 14,
}

/// <summary>A node's attribute.</summary>
/// <param name="Name">The name.</param>
/// <param name="Kind">The kind.</param>
/// <param name="Content">
/// float, long, byte[] (UTF-8 string), <see cref="TensorData"/>, <see cref="Graph"/>, float[], long[], byte[][], TensorData[], Graph[],
/// <see cref="SparseTensorData"/>, SparseTensorData[], byte[] (encoded type) or byte[][] (encoded types), as the kind says; null for a reference.
/// </param>
public sealed record Attribute(string Name, AttributeKind Kind, object? Content)
{
    /// <summary>Inside a function body: the name of the function's attribute that gives the content; null elsewhere.</summary>
    public string? Reference { get; init; }

    /// <summary>Fields of the file unknown to this program, and the documentation, kept for the writer.</summary>
    public ReadOnlyMemory<byte> UnknownFields { get; init; }

    /// <summary>Makes an int attribute.</summary>
    public static Attribute Of(string name, long value) => new(name, AttributeKind.Int, value);

    /// <summary>Makes a float attribute.</summary>
    public static Attribute Of(string name, float value) => new(name, AttributeKind.Float, value);

    /// <summary>Makes a string attribute.</summary>
    public static Attribute Of(string name, string value) => new(name, AttributeKind.String, Encoding.UTF8.GetBytes(value));

    /// <summary>Makes an int list attribute.</summary>
    public static Attribute Of(string name, long[] value) => new(name, AttributeKind.Ints, value);

    /// <summary>Makes a float list attribute.</summary>
    public static Attribute Of(string name, float[] value) => new(name, AttributeKind.Floats, value);

    /// <summary>Makes a string list attribute.</summary>
    public static Attribute Of(string name, string[] value) => new(name, AttributeKind.Strings, value.Select(Encoding.UTF8.GetBytes).ToArray());

    /// <summary>Makes a tensor attribute.</summary>
    public static Attribute Of(string name, TensorData value) => new(name, AttributeKind.Tensor, value);

    /// <summary>Makes a subgraph attribute.</summary>
    public static Attribute Of(string name, Graph value) => new(name, AttributeKind.Graph, value);
}
