using System.Collections.Immutable;
using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>What a rule sees of the node it is asked about, and where it states what it found.</summary>
/// <param name="node">The node, whose inputs have been inferred.</param>
readonly ref struct InferenceContext(Node node)
{
    /// <summary>The node.</summary>
    public Node Node { get; } = node;

    /// <summary>The number of inputs, left-out ones counted.</summary>
    public int InputCount => Node.Inputs.Count;

    /// <summary>Whether an input is given.</summary>
    public bool HasInput(int index) => Node.Input(index) is not null;

    /// <summary>The element type of an input; undefined where it is unknown or left out.</summary>
    public ElementType TypeOf(int index) => Node.Input(index)?.Type ?? ElementType.Undefined;

    /// <summary>The shape of an input; null where it is unknown or left out.</summary>
    public Shape? ShapeOf(int index) => Node.Input(index)?.Shape;

    /// <summary>One dimension of an input; unknown where the shape is, or where it has no such axis.</summary>
    public Dim DimOf(int index, int axis) => ShapeOf(index) is { } shape && axis < shape.Rank ? shape[axis] : Dim.Unknown;

    /// <summary>The contents of an input that is known before a run; null where they are not, or cannot be had.</summary>
    public TensorData? Constant(int index) => Node.Input(index)?.Constant is { Unavailable: null } data ? data : null;

    /// <summary>An element type given as an attribute, as Cast's "to" is.</summary>
    public ElementType TypeAttribute(string name, ElementType fallback) => Node.Has(name) ? (ElementType)Node.Int(name) : fallback;

    /// <summary>The contents of an input that is a constant of integers; null where they are not known.</summary>
    public long[]? Integers(int index) => Constant(index) is { Type: ElementType.Int64 or ElementType.Int32 } data ? data.ToInt64s() : null;

    /// <summary>The contents of an integer or bool input as dimensions, unknown ones among them; default where not even their number is known.</summary>
    public ImmutableArray<Dim> Contents(int index)
    {
        if (Node.Input(index) is not { } value) return default;
        if (!value.Dims.IsDefault) return value.Dims;
        if (Constant(index) is { Type: ElementType.Int64 or ElementType.Int32 or ElementType.Bool } data)
        {
            var numbers = data.ToInt64s();
            var dims = ImmutableArray.CreateBuilder<Dim>(numbers.Length);
            foreach (var n in numbers) dims.Add(DimArithmetic.Of(n));
            return dims.MoveToImmutable();
        }
        return value.Shape is { Rank: 1 } shape && shape[0] is { IsKnown: true, Size: <= DimArithmetic.MaxRank } length
            ? ImmutableArray.CreateRange(Enumerable.Repeat(Dim.Unknown, (int)length.Size))
            : default;
    }

    /// <summary>The single integer an input holds, as a dimension; unknown where it is not known.</summary>
    public Dim Single(int index) => Contents(index) is { IsDefault: false, Length: 1 } dims ? dims[0] : Dim.Unknown;

    /// <summary>An axis counted from the front.</summary>
    /// <exception cref="ModelException">The axis is out of range.</exception>
    public int Axis(long axis, int rank) => axis >= -rank && axis < rank
        ? (int)(axis < 0 ? axis + rank : axis)
        : throw Conflict($"axis {axis} is out of range for rank {rank}");

    /// <summary>States an output; a shape or type the model declares fills in what is unknown here.</summary>
    public void Out(int index, ElementType type, Shape? shape)
    {
        if (Node.OutputAt(index) is not { } output) return;
        if (type != ElementType.Undefined)
        {
            output.Type = type;
            output.Other = null;
        }
        output.Shape = DimArithmetic.Fill(shape, output.Shape);
    }

    /// <summary>States an output's contents, and with them its type and shape.</summary>
    public void Evaluated(int index, TensorData data)
    {
        if (Node.OutputAt(index) is not { } output) return;
        output.Type = data.Type;
        output.Shape = output.Shape is { } shape && Matches(shape, data) ? shape : data.Shape;
        output.Evaluated = data;
    }

    /// <summary>The exception for inputs that cannot belong together.</summary>
    public ModelException Conflict(string what)
    {
        var inputs = string.Join(", ", Node.Inputs.Where(i => i is not null).Select(i => $"'{i!.Name}' {i.Shape?.ToString() ?? "of unknown rank"}"));
        return new ModelException(ModelProblem.InvalidGraph, $"Node '{Node.LogicalName}' ({Node.OpType}): {what}. Inputs: {inputs}.");
    }

    static bool Matches(Shape shape, TensorData data)
    {
        if (shape.Rank != data.Dims.Count) return false;
        for (var i = 0; i < shape.Rank; i++) if (shape[i].Size != data.Dims[i]) return false;
        return true;
    }
}
