using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using GraphRewriter.Inference;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Emission;

/// <summary>
/// Records the nodes that a pass or a gradient rule emits. Every emitted node is shape-inferred at once; one whose result constant evaluation knows
/// (shape arithmetic over static shapes, arithmetic of the tape's own constants) becomes a constant, so that the same rule serves static and dynamic shapes.
/// </summary>
public sealed class Tape
{
    readonly NameScope names;
    readonly Dictionary<(ElementType, string), Value> constants = [];
    readonly HashSet<Value> own = [];
    readonly Dictionary<Value, Value> shapedLike = [];
    readonly Dictionary<string, Value> shapeArithmetic = new(StringComparer.Ordinal);
    readonly Dictionary<Value, Value> widened = [];

    /// <summary>Makes a tape whose names do not collide with those of the scope.</summary>
    public Tape(NameScope names) => this.names = names;

    /// <summary>Makes a tape for a graph.</summary>
    public Tape(Graph graph) : this(new NameScope(graph))
    {
    }

    /// <summary>The emitted nodes, in order.</summary>
    public List<Node> Nodes { get; } = [];

    /// <summary>The emitted constants, to become initializers.</summary>
    public List<Value> Constants { get; } = [];

    /// <summary>The name of the model's own node for which nodes are emitted from now on; null for none.</summary>
    public string? Origin { get; set; }

    /// <summary>Prefix of the names of emitted values.</summary>
    public string Prefix { get; set; } = "";

    /// <summary>
    /// Whether everything is computed in float32 at least: float16 and bfloat16 operands are cast on their way into a node, each once, and constants are made in float32.
    /// Sums in the narrow types lose every term below a 2048th (float16) or a 256th (bfloat16) of what is summed already.
    /// </summary>
    public bool Widens { get; set; }

    /// <summary>A tape for a graph inside the one this tape emits into, with names that collide with none of either.</summary>
    public Tape Inner() => new(names) { Prefix = Prefix, Origin = Origin, Widens = Widens };

    /// <summary>The type in which this tape computes what is stored in a type.</summary>
    public ElementType Computed(ElementType stored) => Widens && stored is ElementType.Float16 or ElementType.BFloat16 ? ElementType.Float32 : stored;

    /// <summary>A value as nodes of this tape take it: itself, or its cast to the type that the tape computes in.</summary>
    public Value Operand(Value value)
    {
        var type = Computed(value.Type);
        if (type == value.Type || value.Other is not null) return value;
        return widened.TryGetValue(value, out var wide) ? wide : widened[value] = Stored(value, type);
    }

    /// <summary>A value in the type that it is to be stored in, whatever the tape computes in.</summary>
    public Value Stored(Value value, ElementType type) => value.Type == type ? value : Op("Cast", [Attribute.Of("to", (long)type)], value);

    /// <summary>Emits a node with one output and returns the output.</summary>
    public Value Op(string opType, params ReadOnlySpan<Value?> inputs) => Op(opType, [], inputs);

    /// <summary>Emits a node with attributes and one output and returns the output.</summary>
    public Value Op(string opType, Attribute[] attributes, params ReadOnlySpan<Value?> inputs)
    {
        if (Widens) inputs = Operands(opType, inputs);
        var key = ShapeArithmeticKey(opType, attributes, inputs);
        if (key is not null && shapeArithmetic.TryGetValue(key, out var same)) return same;
        var node = Record(opType, attributes, 1, inputs);
        var result = node.Output;
        if (result.Evaluated is not { } known || !IsFixed(result, inputs))
        {
            if (key is not null) shapeArithmetic[key] = result;
            return result;
        }
        Nodes.RemoveAt(Nodes.Count - 1);
        return Const(known);
    }

    /// <summary>Emits a node with several outputs and returns it.</summary>
    public Node Ops(string opType, int outputs, Attribute[] attributes, params ReadOnlySpan<Value?> inputs) => Record(opType, attributes, outputs, Widens ? Operands(opType, inputs) : inputs);

    /// <summary>Emits a node that exists elsewhere already (a subgraph-carrying one, for example) after inferring its outputs.</summary>
    public Node Emit(Node node)
    {
        node.Origin ??= Origin;
        ShapeInference.Infer(node);
        Nodes.Add(node);
        return node;
    }

    /// <summary>Values fit to be a graph's outputs: each made by a node of this tape, none twice. An Identity stands in for those that are not.</summary>
    internal IEnumerable<Value> AsOutputs(IEnumerable<Value> values)
    {
        var free = Nodes.SelectMany(n => n.Outputs).OfType<Value>().ToHashSet();
        return [.. values.Select(v => free.Remove(v) ? v : Record("Identity", [], 1, [v]).Output)];
    }

    /// <summary>A constant; small equal ones are made once.</summary>
    public Value Const(TensorData data)
    {
        if (data.Type == ElementType.String || data.Count > 64) return AddConstant(data);
        var key = (data.Type, string.Create(CultureInfo.InvariantCulture, $"{string.Join(',', data.Dims)}:{Convert.ToHexString(data.Bytes.Span)}"));
        ref var slot = ref CollectionsMarshal.GetValueRefOrAddDefault(constants, key, out var exists);
        if (!exists) slot = AddConstant(data);
        return slot!;
    }

    /// <summary>A constant of numbers, in the type that the tape computes the given one in.</summary>
    public Value Numbers(ElementType type, long[] dims, params double[] values) => Const(TensorData.FromNumbers(Computed(type), dims, values));

    /// <summary>A scalar constant, in the type that the tape computes the given one in.</summary>
    public Value Scalar(double value, ElementType type) => Numbers(type, [], value);

    /// <summary>A scalar constant of the element type of another value.</summary>
    /// <exception cref="ModelException">That type is not known.</exception>
    public Value ScalarLike(double value, Value like) => like.Type != ElementType.Undefined
        ? Scalar(value, like.Type)
        : throw new ModelException(ModelProblem.Unsupported, $"The element type of '{like.Name}' is not known.");

    /// <summary>A rank-1 int64 constant.</summary>
    public Value Ints(params ReadOnlySpan<long> values) => Const(TensorData.Vector(values));

    /// <summary>
    /// Records that a value has the shape of another, where that follows from the mathematics but unknown dimensions hide it from inference. Returns the value.
    /// </summary>
    public Value ShapedLike(Value value, Value like)
    {
        if (value != like && !Shape.SurelyEqual(value.Shape, like.Shape)) shapedLike[value] = like;
        return value;
    }

    /// <summary>Whether two values certainly have the same shape.</summary>
    public bool IsShapedLike(Value value, Value like) =>
        value == like || Shape.SurelyEqual(value.Shape, like.Shape) || (shapedLike.TryGetValue(value, out var other) && other == like);

    /// <summary>A name that nothing in the model has.</summary>
    public string FreshName(string hint) => names.Fresh(Prefix + hint);

    /// <summary>
    /// Drops the nodes emitted from an index on, and constants not yet in a graph, that lead to none of the values needed: ONNX Runtime would execute them.
    /// </summary>
    /// <param name="from">The number of nodes to keep whatever they serve.</param>
    /// <param name="needed">The values that are outputs or are used outside the tape.</param>
    public void DropUnused(int from, IEnumerable<Value> needed)
    {
        var used = new HashSet<Value>(needed);
        var kept = new List<Node>();
        for (var i = Nodes.Count - 1; i >= 0; i--)
        {
            var node = Nodes[i];
            if (i >= from && !node.Outputs.Any(o => o is not null && used.Contains(o))) continue;
            kept.Add(node);
            used.UnionWith(node.UsedValues());
        }
        kept.Reverse();
        Nodes.Clear();
        Nodes.AddRange(kept);
        foreach (var (key, value) in shapeArithmetic.ToList()) if (!used.Contains(value)) shapeArithmetic.Remove(key);
        foreach (var (narrow, wide) in widened.ToList()) if (!used.Contains(wide)) widened.Remove(narrow);
        var unused = Constants.Where(c => !used.Contains(c)).ToHashSet();
        Constants.RemoveAll(unused.Contains);
        foreach (var (key, value) in constants.ToList()) if (unused.Contains(value)) constants.Remove(key);
    }

    /// <summary>Forgets the emitted nodes, and the shape arithmetic emitted so far: what was in a subgraph cannot be used outside of it.</summary>
    public void Forget()
    {
        Nodes.Clear();
        shapeArithmetic.Clear();
    }

    /// <summary>Moves the emitted nodes to the end of a graph and the constants to its initializers; the tape is empty then.</summary>
    public void AppendTo(Graph graph)
    {
        graph.Nodes.AddRange(Nodes);
        MoveConstantsTo(graph);
        Nodes.Clear();
    }

    /// <summary>Inserts the emitted nodes into a graph at an index and the constants into its initializers; the tape is empty then.</summary>
    public int InsertInto(Graph graph, int index)
    {
        var count = Nodes.Count;
        graph.Nodes.InsertRange(index, Nodes);
        MoveConstantsTo(graph);
        Nodes.Clear();
        return count;
    }

    void MoveConstantsTo(Graph graph)
    {
        // The cache stays: a later emission into the same graph may use the same constants.
        graph.Initializers.AddRange(Constants);
        Constants.Clear();
        // A node emitted next may come to stand in front of these.
        shapeArithmetic.Clear();
        widened.Clear();
    }

    /// <summary>The inputs of a node as it takes them; what asks for the shape alone, or converts by itself, takes any type.</summary>
    Value?[] Operands(string opType, ReadOnlySpan<Value?> inputs)
    {
        var operands = inputs.ToArray();
        if (opType is "Shape" or "Size" or "Cast") return operands;
        for (var i = 0; i < operands.Length; i++) if (operands[i] is { } value) operands[i] = Operand(value);
        return operands;
    }

    Value AddConstant(TensorData data)
    {
        var value = new Value(FreshName("const"), data.Type, data.Shape) { Data = data };
        Constants.Add(value);
        own.Add(value);
        return value;
    }

    /// <summary>
    /// Whether an evaluated result may become a constant. Floats only where they come from constants of this tape: an initializer of the graph may be a
    /// parameter, which is fed with other contents later and must keep its gradient.
    /// </summary>
    bool IsFixed(Value result, ReadOnlySpan<Value?> inputs)
    {
        if (!result.Type.IsFloat) return true;
        foreach (var input in inputs) if (input is not null && !own.Contains(input)) return false;
        return true;
    }

    /// <summary>What a node of shape arithmetic computes, to emit it once; null for any other node.</summary>
    static string? ShapeArithmeticKey(string opType, Attribute[] attributes, ReadOnlySpan<Value?> inputs)
    {
        if (inputs.Length == 0) return null;
        var key = new StringBuilder(opType);
        foreach (var input in inputs)
        {
            if (input is not null && input.Type != ElementType.Int64 && opType is not ("Shape" or "Size")) return null;
            key.Append('\n').Append(input?.Name);
        }
        foreach (var a in attributes)
        {
            if (a.Content is not (long or long[])) return null;
            key.Append(CultureInfo.InvariantCulture, $"\n{a.Name}={(a.Content is long[] list ? string.Join(',', list) : a.Content)}");
        }
        return key.ToString();
    }

    Node Record(string opType, Attribute[] attributes, int outputs, ReadOnlySpan<Value?> inputs)
    {
        var name = FreshName(opType);
        var made = new Value[outputs];
        for (var i = 0; i < outputs; i++) made[i] = new Value(outputs == 1 ? name : FreshName(string.Create(CultureInfo.InvariantCulture, $"{opType}.{i}")));
        var node = new Node(opType, inputs.ToArray(), made, attributes, "", name) { Origin = Origin };
        ShapeInference.Infer(node);
        Nodes.Add(node);
        return node;
    }
}
