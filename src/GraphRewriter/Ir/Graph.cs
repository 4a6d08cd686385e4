namespace GraphRewriter.Ir;

/// <summary>
/// A graph: inputs, initializers, nodes in an order in which each comes after what it uses, outputs. A subgraph's nodes may use values of the graphs around it.
/// </summary>
public sealed class Graph
{
    /// <summary>The name.</summary>
    public string Name { get; set; } = "";

    /// <summary>The inputs that a caller feeds.</summary>
    public List<Value> Inputs { get; } = [];

    /// <summary>The outputs.</summary>
    public List<Value> Outputs { get; } = [];

    /// <summary>The constants: values with <see cref="Value.Data"/> or <see cref="Value.SparseData"/>.</summary>
    public List<Value> Initializers { get; } = [];

    /// <summary>The nodes, in topological order.</summary>
    public List<Node> Nodes { get; } = [];

    /// <summary>Types and shapes the model states for inner values (value_info), by the value object; the values' own fields hold them too.</summary>
    public HashSet<Value> Annotated { get; } = [];

    /// <summary>The text the model gives with the graph (doc_string).</summary>
    public string? Documentation { get; set; }

    /// <summary>Key-value pairs that the model gives with the graph.</summary>
    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <summary>Fields of the file unknown to this program, quantisation annotations among them, kept for the writer.</summary>
    public ReadOnlyMemory<byte> UnknownFields { get; set; }

    /// <summary>Adds an initializer.</summary>
    public Value AddInitializer(string name, TensorData data)
    {
        var value = new Value(name, data.Type, data.Shape) { Data = data };
        Initializers.Add(value);
        return value;
    }

    /// <summary>This graph's nodes and those of all subgraphs, depth first, each after the nodes before it.</summary>
    public IEnumerable<Node> AllNodes()
    {
        foreach (var node in Nodes)
        {
            yield return node;
            foreach (var (_, sub) in node.Subgraphs)
                foreach (var inner in sub.AllNodes()) yield return inner;
        }
    }

    /// <summary>The nodes that use each value, in graph order, uses inside subgraphs counted for the subgraph's own inner node.</summary>
    public Dictionary<Value, List<Node>> Consumers()
    {
        var uses = new Dictionary<Value, List<Node>>();
        foreach (var node in AllNodes())
        {
            foreach (var input in node.Inputs)
            {
                if (input is null) continue;
                if (!uses.TryGetValue(input, out var list)) uses[input] = list = [];
                if (list.Count == 0 || list[^1] != node) list.Add(node);
            }
        }
        return uses;
    }

    /// <summary>Replaces every use of a value (node inputs here and in subgraphs, outputs of this graph and of subgraphs) by another.</summary>
    public void ReplaceUses(Value old, Value replacement) => ReplaceUses(new Dictionary<Value, Value> { [old] = replacement });

    /// <summary>Replaces every use of the given values at once; chains (a to b, b to c) are followed.</summary>
    public void ReplaceUses(IReadOnlyDictionary<Value, Value> replacements)
    {
        Value Follow(Value v)
        {
            while (replacements.TryGetValue(v, out var next)) v = next;
            return v;
        }
        foreach (var node in Nodes)
        {
            for (var i = 0; i < node.Inputs.Count; i++)
                if (node.Inputs[i] is { } input) node.Inputs[i] = Follow(input);
            foreach (var (_, sub) in node.Subgraphs) sub.ReplaceUses(replacements);
        }
        for (var i = 0; i < Outputs.Count; i++) Outputs[i] = Follow(Outputs[i]);
    }
}
