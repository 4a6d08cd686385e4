using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>
/// Takes dropout out of a graph, whatever mode it was exported in: a measurement that is drawn at random cannot be repeated, and the expectation of
/// inverted dropout is its input. A node whose mask is used stays.
/// </summary>
public static class RemoveDropout
{
    /// <summary>Replaces every Dropout by its input.</summary>
    public static void Apply(Graph graph)
    {
        foreach (var node in graph.Nodes) foreach (var (_, sub) in node.Subgraphs) Apply(sub);
        var consumers = graph.Consumers();
        var removed = graph.Nodes.Where(n => n.Is("Dropout") && (n.OutputAt(1) is not { } mask || (!consumers.ContainsKey(mask) && !graph.Outputs.Contains(mask)))).ToHashSet();
        // An output of the graph keeps its name: the node before it takes it over where it can.
        foreach (var node in removed.Where(n => graph.Outputs.Contains(n.Output)))
        {
            node.OpType = "Identity";
            node.Attributes.Clear();
            while (node.Inputs.Count > 1) node.Inputs.RemoveAt(1);
        }
        removed.RemoveWhere(n => n.Is("Identity"));
        graph.ReplaceUses(removed.ToDictionary(n => n.Output, n => n.Inputs[0]!));
        graph.Nodes.RemoveAll(removed.Contains);
    }
}
