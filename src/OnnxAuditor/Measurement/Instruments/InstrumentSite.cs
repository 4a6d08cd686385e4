using GraphRewriter.Canonicalization;
using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using GraphRewriter.PerSample;

namespace OnnxAuditor.Measurement.Instruments;

/// <summary>The graph under construction as an instrument sees it.</summary>
/// <param name="source">The canonical model, which is not changed.</param>
/// <param name="graph">The instrumented graph.</param>
/// <param name="images">Values of the instrumented graph by those of the canonical model.</param>
/// <param name="layers">The layers of the canonical model.</param>
/// <param name="names">The names taken.</param>
sealed class InstrumentSite(CanonicalModel source, Graph graph, IReadOnlyDictionary<Value, Value> images, IReadOnlyList<Layer> layers, NameScope names)
{
    /// <summary>The canonical model.</summary>
    public CanonicalModel Source => source;

    /// <summary>The instrumented graph: statistics set, dropout taken out, loss and backward pass appended.</summary>
    public Graph Graph => graph;

    /// <summary>The layers of the canonical model.</summary>
    public IReadOnlyList<Layer> Layers => layers;

    /// <summary>The names taken in the graph.</summary>
    public NameScope Names => names;

    /// <summary>The tape that instruments emit their reductions on; it is appended last.</summary>
    public required Tape Tape { get; init; }

    /// <summary>The loss; null where none is asked for.</summary>
    public required AttachedLoss? Loss { get; init; }

    /// <summary>The gradients of the loss; null where none were asked for.</summary>
    public required DifferentiationResult? Differentiation { get; init; }

    /// <summary>Where values count samples, in a run whose samples do not meet; null where the batch is one sample, or samples meet.</summary>
    public required SampleAxes? Samples { get; init; }

    /// <summary>Whether several runs over parts of the batch are merged.</summary>
    public required bool Merge { get; init; }

    /// <summary>Whether values are scaled before squares are summed.</summary>
    public required bool Scaled { get; init; }

    /// <summary>Whether gradients pass Round, and QuantizeLinear where it does not saturate.</summary>
    public required bool StraightThrough { get; init; }

    /// <summary>The samples of one run.</summary>
    public long Batch => source.Batch.Kind == BatchKind.None ? 1 : source.Batch.Size;

    /// <summary>What was added for the instrument at work: the output and its key.</summary>
    public List<(string Key, Value Output)> Shown { get; } = [];

    /// <summary>What the instrument at work knows of its outputs, handed to its reader as it is.</summary>
    public object? Kept { get; set; }

    /// <summary>Inputs added, with what they are fed under a protocol for a part of the batch.</summary>
    public Dictionary<Value, Func<Protocol, int, TensorData>> Fed { get; } = [];

    /// <summary>The value of the instrumented graph that stands for one of the canonical model.</summary>
    public Value Image(Value value) => images[value];

    /// <summary>
    /// The first input of the copy of a canonical node: what the model feeds it, with dropout taken out. Not for nodes that were written out, as norms are.
    /// </summary>
    public Value? Operand(Node node) => images[node.Output].Producer?.Input(0);

    /// <summary>Makes a value an output of the run.</summary>
    public void Show(string key, Value value) => Shown.Add((key, value));

    /// <summary>Adds a float32 input that is fed by the instrument.</summary>
    public Value Input(string name, Shape shape, Func<Protocol, int, TensorData> contents)
    {
        var input = new Value(names.Fresh(name), ElementType.Float32, shape);
        graph.Inputs.Add(input);
        Fed[input] = contents;
        return input;
    }

    /// <summary>
    /// The logits: what the model's float outputs are, or what a final Softmax, LogSoftmax or Sigmoid takes. Sums of probabilities are constant and have no gradient.
    /// </summary>
    /// <exception cref="ModelException">There is no float output.</exception>
    public IReadOnlyList<Value> Logits()
    {
        var logits = source.Model.Graph.Outputs.Where(o => o.IsFloat && o.Shape is not null).Select(o => images[o])
            .Select(o => o.Producer is { OpType: "Softmax" or "LogSoftmax" or "Sigmoid", Domain: "" } head ? head.Inputs[0]! : o).Distinct().ToList();
        return logits.Count > 0 ? logits : throw new ModelException(ModelProblem.Unsupported, "the model has no float output");
    }

    /// <summary>Trainable weights of convolutions, linear and recurrent layers, with their indices among the parameters.</summary>
    public IEnumerable<(int Index, Parameter Parameter)> Weights() => source.Parameters.Index().Where(p => p.Item.Trainable && p.Item.Role.IsLayerWeight());

    /// <summary>Emits the gradients of Σ ⟨seed, value⟩ and appends them to the graph.</summary>
    public DifferentiationResult VectorJacobian(IReadOnlyList<(Value Value, Value Cotangent)> seeds, IReadOnlyCollection<Value> targets) =>
        Differentiate.Run(graph, seeds, targets, new Tape(names) { Prefix = "grad/" }, StraightThrough);

    /// <summary>Emits the gradients of the sum of all logits by the targets and appends them to the graph.</summary>
    public DifferentiationResult LogitGradients(IReadOnlyCollection<Value> targets)
    {
        var tape = new Tape(names) { Prefix = "grad/" };
        return Differentiate.Run(graph, [.. Logits().Select(l => (l, tape.FullLike(l, 1)))], targets, tape, StraightThrough);
    }
}

/// <summary>The roles that proxies call weights.</summary>
static class WeightRoles
{
    /// <summary>Whether a role is that of a weight of a convolution, linear or recurrent layer.</summary>
    public static bool IsLayerWeight(this ParameterRole role) =>
        role is ParameterRole.ConvolutionWeight or ParameterRole.LinearWeight or ParameterRole.RecurrentInputWeight or ParameterRole.RecurrentHiddenWeight;
}
