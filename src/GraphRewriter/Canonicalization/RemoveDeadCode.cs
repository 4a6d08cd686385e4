using System.Collections.Frozen;
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

    /// <summary>Operators whose outputs after the first may be left out. (BatchNormalization in training mode must have all three.)</summary>
    static readonly FrozenSet<string> WithOptionalOutputs = new[] { "Dropout", "MaxPool", "LayerNormalization", "RNN", "GRU", "LSTM", "Unique", "SoftmaxCrossEntropyLoss" }.ToFrozenSet(StringComparer.Ordinal);

    static void DropOutputs(Node node, HashSet<Value> used)
    {
        if (node.Domain.Length != 0 || !WithOptionalOutputs.Contains(node.OpType)) return;
        for (var i = 1; i < node.Outputs.Count; i++) if (node.Outputs[i] is { } output && !used.Contains(output)) node.SetOutput(i, null);
        node.TrimOutputs();
    }
}
