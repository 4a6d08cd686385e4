using GraphRewriter.Ir;

namespace GraphRewriter.PerSample;

/// <summary>The part of a graph that is computed from parameters alone, and where it meets the samples.</summary>
/// <param name="Nodes">The nodes all of whose values are the same for all samples and that depend on a parameter, in graph order.</param>
/// <param name="Slots">The inputs of other nodes that take such values, in graph order.</param>
sealed record WeightSplit(IReadOnlyList<Node> Nodes, IReadOnlyList<(Node Node, int Index)> Slots)
{
    /// <summary>Walks the graph.</summary>
    public static WeightSplit Of(SampleAxes samples, IEnumerable<Value> parameters)
    {
        var weights = parameters.ToHashSet();
        var nodes = new List<Node>();
        var slots = new List<(Node, int)>();
        foreach (var node in samples.Nodes)
        {
            if (!node.UsedValues().Any(weights.Contains)) continue;
            if (node.Outputs.Any(o => samples.Of(o) is not null))
            {
                for (var i = 0; i < node.Inputs.Count; i++) if (node.Inputs[i] is { } input && weights.Contains(input)) slots.Add((node, i));
                continue;
            }
            nodes.Add(node);
            foreach (var output in node.Outputs) if (output is { IsFloat: true }) weights.Add(output);
        }
        return new WeightSplit(nodes, slots);
    }
}
