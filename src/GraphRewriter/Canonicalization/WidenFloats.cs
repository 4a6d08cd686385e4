using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Canonicalization;

/// <summary>Widens floats: initializers once, inputs, casts and every attribute that names a type.</summary>
static class WidenFloats
{
    /// <summary>Attributes that name the element type of a result.</summary>
    internal static readonly string[] TypeAttributes = ["to", "dtype", "output_datatype", "output_dtype", "softmax_precision"];

    /// <summary>Widens what is narrower than a type in a graph and its subgraphs.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="to">Float32 or Float64.</param>
    /// <returns>Whether there was anything to widen.</returns>
    public static bool Apply(Graph graph, ElementType to)
    {
        if (!graph.AllValues().Any(v => IsNarrower(v.Type, to))) return false;
        foreach (var value in graph.AllValues()) Widen(value, to);
        foreach (var node in graph.AllNodes()) Widen(node, to);
        return true;
    }

    /// <summary>Whether a type is a narrower float.</summary>
    public static bool IsNarrower(ElementType type, ElementType than) => type.IsFloat && type.Bits < than.Bits;

    /// <summary>Numbers of a narrower float as those of a wider one.</summary>
    public static TensorData Widen(TensorData data, ElementType to) => data.Unavailable is { } why ? TensorData.Missing(to, [.. data.Dims], why)
        : to == ElementType.Float64 ? TensorData.FromDoubles([.. data.Dims], data.ToDoubles())
        : TensorData.FromFloats([.. data.Dims], data.ToFloats());

    static void Widen(Value value, ElementType to)
    {
        if (!IsNarrower(value.Type, to)) return;
        value.Type = to;
        if (value.Data is { } data) value.Data = Widen(data, to);
        value.Evaluated = null;
    }

    static void Widen(Node node, ElementType to)
    {
        foreach (var name in TypeAttributes)
            if (node.Has(name) && IsNarrower((ElementType)node.Int(name), to)) node.Set(Attribute.Of(name, (long)to));
        foreach (var attribute in node.Attributes.Values.ToList())
            if (attribute.Content is TensorData data && IsNarrower(data.Type, to)) node.Set(attribute with { Content = Widen(data, to) });
    }
}
