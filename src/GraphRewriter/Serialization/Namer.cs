using GraphRewriter.Ir;

namespace GraphRewriter.Serialization;

/// <summary>
/// The names values are written under: their own, made unique where a pass let two values share one. The main graph's inputs, initializers and outputs, by which
/// callers know it, always keep theirs.
/// </summary>
sealed class Namer
{
    readonly Dictionary<Value, string> names = [];
    readonly HashSet<string> taken = new(StringComparer.Ordinal);
    readonly Dictionary<string, int> counters = new(StringComparer.Ordinal);

    /// <summary>Names all values of a graph and its subgraphs.</summary>
    /// <exception cref="ModelException">Two inputs, initializers or outputs of the graph have the same name, or one has none.</exception>
    public Namer(Graph graph)
    {
        foreach (var value in graph.Inputs.Concat(graph.Initializers).Concat(graph.Outputs).Distinct())
        {
            if (value.Name.Length == 0 || !taken.Add(value.Name))
                throw new ModelException(ModelProblem.InvalidGraph, $"Graph '{graph.Name}': two of its inputs, initializers and outputs are named '{value.Name}'.");
            names[value] = value.Name;
        }
        NameOwn(graph);
        NameSubgraphs(graph);
    }

    /// <summary>The name of a value; empty for an input or output left out.</summary>
    /// <exception cref="ModelException">The value is defined nowhere.</exception>
    public string this[Value? value] => value is null ? "" : names.TryGetValue(value, out var name) ? name
        : throw new ModelException(ModelProblem.InvalidGraph, $"The value '{value.Name}' is used and defined nowhere.");

    void NameOwn(Graph graph)
    {
        foreach (var value in graph.Inputs.Concat(graph.Initializers)) Name(value);
        foreach (var node in graph.Nodes)
            foreach (var output in node.Outputs) if (output is not null) Name(output);
    }

    void NameSubgraphs(Graph graph)
    {
        foreach (var node in graph.Nodes)
        {
            foreach (var (_, sub) in node.Subgraphs)
            {
                NameOwn(sub);
                NameSubgraphs(sub);
            }
        }
    }

    void Name(Value value)
    {
        if (names.ContainsKey(value)) return;
        var stem = value.Name.Length > 0 ? value.Name : "value";
        var name = stem;
        while (!taken.Add(name))
        {
            var count = counters[stem] = counters.GetValueOrDefault(stem, 1) + 1;
            name = $"{stem}_{count}";
        }
        names[value] = name;
    }
}
