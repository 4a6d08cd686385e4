using System.Globalization;
using GraphRewriter.Ir;

namespace GraphRewriter.Emission;

/// <summary>Gives out names that no value or node of a model has, subgraphs included.</summary>
public sealed class NameScope
{
    readonly HashSet<string> taken = new(StringComparer.Ordinal);
    readonly Dictionary<string, int> next = new(StringComparer.Ordinal);

    /// <summary>Makes a scope that knows every name of a graph and its subgraphs.</summary>
    public NameScope(Graph graph) => Learn(graph);

    /// <summary>Returns the hint itself where it is free, else the hint with a number; the name is taken from then on.</summary>
    public string Fresh(string hint)
    {
        if (taken.Add(hint)) return hint;
        var i = next.GetValueOrDefault(hint);
        string name;
        do name = string.Create(CultureInfo.InvariantCulture, $"{hint}_{++i}");
        while (!taken.Add(name));
        next[hint] = i;
        return name;
    }

    void Learn(Graph graph)
    {
        foreach (var v in graph.Inputs) taken.Add(v.Name);
        foreach (var v in graph.Initializers) taken.Add(v.Name);
        foreach (var node in graph.Nodes)
        {
            taken.Add(node.Name);
            foreach (var o in node.Outputs) if (o is not null) taken.Add(o.Name);
            foreach (var (_, sub) in node.Subgraphs) Learn(sub);
        }
    }
}
