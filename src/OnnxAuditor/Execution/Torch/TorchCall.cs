using GraphRewriter.Ir;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>One execution of a node: its attributes, its inputs as tensors, and the graph it stands in.</summary>
/// <param name="node">The node, in canonical form.</param>
/// <param name="inputs">The inputs; null where an optional one is left out.</param>
/// <param name="scope">The values around the node, for its subgraphs.</param>
sealed class TorchCall(Node node, Tensor?[] inputs, TorchScope scope)
{
    /// <summary>The node.</summary>
    public Node Node => node;

    /// <summary>The values around the node.</summary>
    public TorchScope Scope => scope;

    /// <summary>The number of inputs, left-out ones in between counted.</summary>
    public int Count => inputs.Length;

    /// <summary>An input that must be there.</summary>
    /// <exception cref="ModelException">It is left out.</exception>
    public Tensor this[int index] => Optional(index) ?? throw new ModelException(ModelProblem.InvalidGraph, $"{node} has no input {index}.");

    /// <summary>The inputs that are there.</summary>
    public IReadOnlyList<Tensor> Given => [.. inputs.OfType<Tensor>()];

    /// <summary>An input, or null where it is left out.</summary>
    public Tensor? Optional(int index) => index < inputs.Length ? inputs[index] : null;

    /// <summary>The whole numbers of an input (a shape, axes); null where it is left out.</summary>
    public long[]? Ints(int index) => Optional(index) is { } x ? [.. x.to(ScalarType.Int64).cpu().contiguous().data<long>()] : null;

    /// <summary>The number in a one-element input; null where it is left out.</summary>
    public double? Number(int index) => Optional(index) is { } x ? x.to(ScalarType.Float64).cpu().item<double>() : null;

    /// <summary>The declared element type of an input, which says more than the tensor's own where libtorch lacks the type.</summary>
    public ElementType TypeOf(int index) => node.Input(index)?.Type ?? ElementType.Undefined;

    /// <summary>Contents of an attribute as a tensor on the device.</summary>
    public Tensor Constant(TensorData data) => TorchTensors.Share(data, scope.Pins).to(scope.Device);

    /// <summary>The first output of another operator that is given the attributes of this node.</summary>
    public Tensor As(string opType, params Tensor?[] other) => TorchOps.ByOp[opType].Run(new TorchCall(node, other, scope))[0]!;

    /// <summary>The numbers of an input (scales, regions); null where it is left out.</summary>
    public double[]? Numbers(int index) => Optional(index) is { } x ? [.. x.to(ScalarType.Float64).cpu().contiguous().data<double>()] : null;

    /// <summary>An axis attribute, counted from the front.</summary>
    public int Axis(string attribute, long fallback, long rank)
    {
        var axis = node.Int(attribute, fallback);
        return (int)(axis < 0 ? axis + rank : axis);
    }

    /// <summary>Says that the case at hand is not computed, and why.</summary>
    public ModelException Refuse(string why) => new(ModelProblem.Unsupported, $"Torch cannot run {node}: {why}.");
}
