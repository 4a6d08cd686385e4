using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;

namespace OnnxAuditor.Measurement;

/// <summary>
/// Finds the borders between a network's blocks: the values that every path from the inputs to the outputs passes. Where such values are sums or concatenations, as at the end of residual blocks and
/// cells, these are the borders, and before them the one the first block starts from; in a plain chain they are the outputs of the activations.
/// </summary>
static class FindBlocks
{
    /// <summary>The borders in graph order; empty where the graph has none that is a float tensor with channels.</summary>
    public static IReadOnlyList<Layer> Borders(CanonicalModel model)
    {
        var layers = FindLayers.WithMerges(model).ToDictionary(l => l.Output);
        var cuts = CutValues(model.Model.Graph).Where(v => v.IsFloat && v.Shape is { Rank: > 1 }).ToList();
        var outputs = model.Model.Graph.Outputs.ToHashSet();
        var merges = cuts.Where(v => IsMerge(v) && !outputs.Contains(v)).ToList();
        if (merges.Count == 0) return [.. cuts.Where(v => layers.TryGetValue(v, out var l) && l.Kind == LayerKind.Activation).Select(v => layers[v])];
        var stem = cuts.TakeWhile(v => v != merges[0]).LastOrDefault(v => v.Producer is not null);
        return [.. (stem is null ? merges : merges.Prepend(stem)).Select(v => layers.GetValueOrDefault(v) ?? AsLayer(v))];
    }

    static bool IsMerge(Value value) => value.Producer is { Domain: "", OpType: "Add" or "Sum" or "Concat" } node && node.Inputs.Count(i => i is { Data: null, Constant: null }) > 1;

    static Layer AsLayer(Value value) => new(value.Producer!.LogicalName, value.Producer, LayerKind.Sum, value, value.Shape!.Rank >= 4 ? 1 : value.Shape.Rank - 1, 0);

    /// <summary>Values at which, in the order of the graph, nothing else computed from the inputs is still to be read.</summary>
    internal static IEnumerable<Value> CutValues(Graph graph)
    {
        var last = new Dictionary<Value, int>();
        for (var i = 0; i < graph.Nodes.Count; i++)
            foreach (var input in Reads(graph.Nodes[i])) last[input] = i;
        foreach (var output in graph.Outputs) last[output] = graph.Nodes.Count;
        // A mask that every layer reads again is no path of the signal.
        var computed = graph.Inputs.Where(i => i.Data is null && !MakeInputs.StandsBeside(i)).ToHashSet();
        var open = computed.Where(last.ContainsKey).ToHashSet();
        for (var i = 0; i < graph.Nodes.Count; i++)
        {
            var node = graph.Nodes[i];
            foreach (var input in Reads(node)) if (last[input] == i) open.Remove(input);
            if (!Reads(node).Any(computed.Contains)) continue;
            foreach (var output in node.Outputs)
            {
                if (output is null) continue;
                // What is known without running is no path of the signal: shape arithmetic.
                if (output.Evaluated is not null || !last.ContainsKey(output)) continue;
                computed.Add(output);
                open.Add(output);
            }
            if (open.Count == 1) yield return open.First();
        }
    }

    static IEnumerable<Value> Reads(Node node) => node.Inputs.OfType<Value>().Concat(node.Subgraphs.SelectMany(s => s.Graph.AllNodes()).SelectMany(n => n.Inputs.OfType<Value>()));
}
