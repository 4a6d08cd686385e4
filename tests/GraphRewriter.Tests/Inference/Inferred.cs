using GraphRewriter.Inference;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Inference;

/// <summary>Writes inference cases on one line: shapes as "2 N ? 3", the empty string for a scalar, "*" for unknown rank.</summary>
static class Inferred
{
    public static Value Tensor(string shape, ElementType type = ElementType.Float32) => new("x", type, Parse(shape));

    public static Value Ints(params long[] values) => Const(TensorData.Vector(values));

    public static Value Const(TensorData data) => new("c", data.Type, data.Shape) { Data = data };

    /// <summary>An int64 vector of which only the dimensions are known.</summary>
    public static Value Contents(string dims) => new("d", ElementType.Int64, GraphRewriter.Ir.Shape.Of(Parse(dims)!.Rank)) { Dims = [.. Parse(dims)!] };

    public static Node Node(string op, Value?[] inputs, params Attribute[] attributes) => Node(op, 1, inputs, attributes);

    public static Node Node(string op, int outputs, Value?[] inputs, params Attribute[] attributes)
    {
        var node = new Node(op, inputs, Enumerable.Range(0, outputs).Select(i => new Value($"y{i}")), attributes, name: "n");
        ShapeInference.Infer(node);
        return node;
    }

    /// <summary>The shape of the first output as text.</summary>
    public static string Shape(string op, Value?[] inputs, params Attribute[] attributes) => Text(Node(op, inputs, attributes).Output.Shape);

    public static string Text(Shape? shape) => shape is null ? "*" : string.Join(' ', shape);

    /// <summary>The shapes of all outputs, separated by commas.</summary>
    public static string Shapes(Node node) => string.Join(", ", node.Outputs.Select(o => Text(o!.Shape)));

    public static string Dims(Value value) => value.Dims.IsDefault ? "" : string.Join(' ', value.Dims);

    public static Shape? Parse(string text) => text is "*" ? null
        : new Shape(text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(t => long.TryParse(t, out var n) ? (Dim)n : t is "?" ? Dim.Unknown : new Dim(-1, t)));
}
