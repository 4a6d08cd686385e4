using System.Globalization;
using GraphRewriter.Ir;

namespace OnnxAuditor.Rules;

/// <summary>How a constant is stored.</summary>
enum ConstantSource
{
    /// <summary>An initializer of the main graph.</summary>
    Initializer,
    /// <summary>A Constant node of the main graph.</summary>
    ConstantNode,
    /// <summary>An initializer or Constant node of a subgraph.</summary>
    Subgraph,
}

/// <summary>A constant tensor of a graph.</summary>
/// <param name="Value">The value.</param>
/// <param name="Data">The contents; null for a sparse tensor.</param>
/// <param name="Source">How it is stored.</param>
/// <param name="Producer">The Constant node; null for an initializer.</param>
/// <param name="Owner">The name of the control-flow node that holds the subgraph; null in the main graph.</param>
sealed record ConstantTensor(Value Value, TensorData? Data, ConstantSource Source, Node? Producer, string? Owner)
{
    /// <summary>The number of elements.</summary>
    public long Count => Data?.Count ?? Value.SparseData?.Dims.Aggregate(1L, (a, b) => a * b) ?? 0;

    /// <summary>The element type.</summary>
    public ElementType Type => Data?.Type ?? Value.SparseData?.Values.Type ?? ElementType.Undefined;
}

/// <summary>A use of a value: a node and the index of its input.</summary>
/// <param name="Node">The node.</param>
/// <param name="Input">The index of the input.</param>
readonly record struct Use(Node Node, int Input);

/// <summary>A graph with what rules ask of it again and again: all nodes, the uses of each value, the constants, what reaches an output.</summary>
sealed class ModelView
{
    readonly Dictionary<Value, List<Use>> uses = [];
    readonly Dictionary<Node, string> names = [];
    readonly Dictionary<Node, string> owners = [];
    readonly HashSet<Value> graphOutputs;
    readonly Dictionary<string, Node> byName = new(StringComparer.Ordinal);
    readonly Dictionary<string, Value> valuesByName = new(StringComparer.Ordinal);

    /// <summary>Looks through a graph and its subgraphs.</summary>
    public ModelView(Graph graph)
    {
        Graph = graph;
        graphOutputs = [.. graph.Outputs];
        Nodes = [.. graph.AllNodes()];
        for (var i = 0; i < Nodes.Count; i++)
        {
            var node = Nodes[i];
            // The same rule as canonicalising names nodes by, so that both speak of one node by one name.
            names[node] = node.LogicalName.Length > 0 ? node.LogicalName : string.Create(CultureInfo.InvariantCulture, $"{node.OpType}_{i}");
            byName.TryAdd(node.Name, node);
            foreach (var output in node.Outputs) if (output is not null) valuesByName.TryAdd(output.Name, output);
            for (var k = 0; k < node.Inputs.Count; k++)
            {
                if (node.Inputs[k] is not { } input) continue;
                valuesByName.TryAdd(input.Name, input);
                if (!uses.TryGetValue(input, out var list)) uses[input] = list = [];
                list.Add(new Use(node, k));
            }
        }
        Constants = [.. Collect(graph, null)];
        Live = FindLive();
    }

    /// <summary>The graph.</summary>
    public Graph Graph { get; }

    /// <summary>All nodes, those of subgraphs after the node that holds them.</summary>
    public IReadOnlyList<Node> Nodes { get; }

    /// <summary>All constants, in graph order.</summary>
    public IReadOnlyList<ConstantTensor> Constants { get; }

    /// <summary>The nodes from which an output of the graph can be reached.</summary>
    public IReadOnlySet<Node> Live { get; }

    /// <summary>Whether an output depends on the node; so it is taken of nodes in function bodies.</summary>
    public bool IsOnPath(Node node) => Live.Contains(node) || !Contains(node);

    /// <summary>The name a report uses for a node: its own, or operator and place where it has none.</summary>
    public string NameOf(Node node) => names.TryGetValue(node, out var name) ? name : node.LogicalName.Length > 0 ? node.LogicalName : node.OpType;

    /// <summary>The name of the control-flow node whose subgraph holds the node; null in the main graph.</summary>
    public string? OwnerOf(Node node) => owners.GetValueOrDefault(node);

    /// <summary>Whether the node is in this graph or a subgraph of it.</summary>
    public bool Contains(Node node) => names.ContainsKey(node);

    /// <summary>Whether the value belongs to this graph or a subgraph of it.</summary>
    public bool Knows(Value value) => uses.ContainsKey(value) || IsOutput(value) || (value.Producer is { } producer && Contains(producer)) || Graph.Inputs.Contains(value) || Graph.Initializers.Contains(value);

    /// <summary>
    /// This graph's node of the same name, for a node of another copy of the graph (measurements are made on copies bound to their own batch size); null where there is none.
    /// </summary>
    public Node? Own(Node node) => Contains(node) ? node : byName.GetValueOrDefault(node.Name);

    /// <summary>This graph's value of the same name, for a value of another copy of the graph; null where there is none.</summary>
    public Value? Own(Value value) => Knows(value) ? value : valuesByName.GetValueOrDefault(value.Name);

    /// <summary>The uses of a value by nodes, in graph order.</summary>
    public IReadOnlyList<Use> UsesOf(Value value) => uses.TryGetValue(value, out var list) ? list : [];

    /// <summary>Whether the value is an output of the main graph.</summary>
    public bool IsOutput(Value value) => graphOutputs.Contains(value);

    /// <summary>The contents of a value that is constant: an initializer, or the output of a Constant node; null for others.</summary>
    public static TensorData? ConstantOf(Value? value) => value switch
    {
        null => null,
        { Data: { } data } => data,
        { Producer: { } producer } when producer.Is("Constant") => ContentsOf(producer),
        _ => value.Evaluated,
    };

    /// <summary>The contents of a Constant node; null for a sparse or string one.</summary>
    public static TensorData? ContentsOf(Node constant)
    {
        if (constant.Tensor("value") is { } tensor) return tensor;
        if (constant.Attributes.TryGetValue("value_float", out var one) && one.Content is float f) return TensorData.FromFloats([], [f]);
        if (constant.Floats("value_floats") is { } floats) return TensorData.FromFloats([floats.Length], floats);
        if (constant.Attributes.TryGetValue("value_int", out var number) && number.Content is long i) return TensorData.Scalar(i);
        return constant.Ints("value_ints") is { } ints ? TensorData.Vector(ints) : null;
    }

    /// <summary>A node's inputs, and for control flow the values that its subgraphs use and pass out.</summary>
    public static IEnumerable<Value> Reads(Node node)
    {
        foreach (var input in node.Inputs) if (input is not null) yield return input;
        foreach (var (_, sub) in node.Subgraphs)
        {
            foreach (var output in sub.Outputs) yield return output;
            foreach (var inner in sub.AllNodes())
                foreach (var input in inner.Inputs) if (input is not null) yield return input;
        }
    }

    /// <summary>The values that depend on any of the given ones, themselves included.</summary>
    public HashSet<Value> Downstream(IEnumerable<Value> from, Func<Node, bool>? passes = null)
    {
        var reached = new HashSet<Value>(from);
        foreach (var node in Graph.Nodes)
        {
            if (passes is not null && !passes(node)) continue;
            if (!Reads(node).Any(reached.Contains)) continue;
            foreach (var output in node.Outputs) if (output is not null) reached.Add(output);
        }
        return reached;
    }

    IEnumerable<ConstantTensor> Collect(Graph graph, string? owner)
    {
        foreach (var value in graph.Initializers)
            yield return new ConstantTensor(value, value.Data, owner is null ? ConstantSource.Initializer : ConstantSource.Subgraph, null, owner);
        foreach (var node in graph.Nodes)
        {
            if (owner is not null) owners[node] = owner;
            if (node.Is("Constant") && ContentsOf(node) is { } data)
                yield return new ConstantTensor(node.Output, data, owner is null ? ConstantSource.ConstantNode : ConstantSource.Subgraph, node, owner);
            foreach (var (_, sub) in node.Subgraphs)
                foreach (var inner in Collect(sub, names[node])) yield return inner;
        }
    }

    HashSet<Node> FindLive()
    {
        var live = new HashSet<Node>();
        var pending = new Stack<Value>(Graph.Outputs);
        while (pending.TryPop(out var value))
        {
            if (value.Producer is not { } node || !live.Add(node)) continue;
            foreach (var read in Reads(node)) pending.Push(read);
            foreach (var (_, sub) in node.Subgraphs) foreach (var inner in sub.AllNodes()) live.Add(inner);
        }
        return live;
    }
}
