using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>Removes nodes, initializers and outputs that nothing uses. Inputs stay, used or not: they are what a caller feeds.</summary>
static class RemoveDeadCode
{
    public static void Apply(Graph main)
    {
        var used = new HashSet<Value>();
        Mark(main, used);
        foreach (var graph in main.SelfAndSubgraphs().ToList())
        {
            graph.Nodes.RemoveAll(n => !IsAlive(n, used));
            graph.Initializers.RemoveAll(v => !used.Contains(v));
            foreach (var node in graph.Nodes) DropOutputs(node, used);
        }
    }

    static bool IsAlive(Node node, HashSet<Value> used) => node.Outputs.Any(o => o is not null && used.Contains(o));

    /// <summary>Marks backwards, so that a node counts only where something alive uses it.</summary>
    static void Mark(Graph graph, HashSet<Value> used)
    {
        foreach (var output in graph.Outputs) used.Add(output);
        for (var i = graph.Nodes.Count - 1; i >= 0; i--)
        {
            var node = graph.Nodes[i];
            if (!IsAlive(node, used)) continue;
            foreach (var input in node.Inputs) if (input is not null) used.Add(input);
            foreach (var (_, sub) in node.Subgraphs) Mark(sub, used);
        }
    }

    /// <summary>
    /// Unused outputs are left out; but those of control flow stay, since its subgraphs make them, those of Split, which are counted, and the statistics that
    /// BatchNormalization must have in training mode.
    /// </summary>
    static void DropOutputs(Node node, HashSet<Value> used)
    {
        if (node.Subgraphs.Any() || node.Is("Split") || (node.Is("BatchNormalization") && node.Int("training_mode") != 0)) return;
        for (var i = 1; i < node.Outputs.Count; i++) if (node.Outputs[i] is { } output && !used.Contains(output)) node.SetOutput(i, null);
        node.TrimOutputs();
    }
}
