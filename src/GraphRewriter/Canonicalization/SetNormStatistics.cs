using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>Makes BatchNormalization use the shipped statistics or those of the batch, whatever mode the model was exported in.</summary>
public static class SetNormStatistics
{
    /// <summary>Every BatchNormalization uses its running statistics, as in inference.</summary>
    public static void Frozen(Graph graph)
    {
        foreach (var node in graph.AllNodes().Where(n => n.Is("BatchNormalization"))) node.Attributes.Remove("training_mode");
        // The outputs for updated statistics are left out: nothing reads them once the mode is inference.
        for (var i = 0; i < graph.Nodes.Count; i++)
        {
            var node = graph.Nodes[i];
            if (!node.Is("BatchNormalization") || node.Outputs.Count == 1) continue;
            var single = new Node("BatchNormalization", node.Inputs, [node.Output], node.Attributes.Values, "", node.Name) { Origin = node.Origin };
            var updated = node.Outputs.Skip(1).ToList();
            graph.Nodes[i] = single;
            // Up to operator set 13 there are four of them: updated mean and variance, then those saved for the backward pass. In inference all are the running ones.
            for (var k = 0; k < updated.Count; k++)
                if (updated[k] is { } statistic && node.Inputs[3 + k % 2] is { } running) graph.ReplaceUses(statistic, running);
        }
    }

    /// <summary>
    /// Every BatchNormalization normalises by the mean and the biased variance of its own input, written out in standard reductions, as in training.
    /// The running statistics are no longer read.
    /// </summary>
    /// <returns>The statistics of the batch, for the layers of the main graph: those that running ones could follow.</returns>
    public static IReadOnlyList<BatchStatistics> Batch(Graph graph) => WriteOut(graph, firstAxis: 0);

    /// <summary>
    /// As <see cref="Batch"/>, but each element of axis 0 is normalised by its own mean and variance, as in training with a batch of one. Where axis 0 counts samples
    /// and nothing else, no sample then depends on another.
    /// </summary>
    public static void Alone(Graph graph) => WriteOut(graph, firstAxis: 2);

    /// <summary>Norms of every kind that keep their input's shape pass their input on.</summary>
    public static void Skip(Graph graph)
    {
        Frozen(graph);
        foreach (var inner in graph.SelfAndSubgraphs().ToList())
        {
            for (var i = 0; i < inner.Nodes.Count; i++)
            {
                var node = inner.Nodes[i];
                if (node.Domain.Length == 0 && node.OpType is "BatchNormalization" or "InstanceNormalization" or "GroupNormalization" or "LayerNormalization" && node.Outputs.Count == 1)
                    inner.Nodes[i] = new Node("Identity", [node.Inputs[0]], [node.Output], null, "", node.Name) { Origin = node.Origin };
            }
        }
    }

    static List<BatchStatistics> WriteOut(Graph graph, int firstAxis)
    {
        Frozen(graph);
        var statistics = new List<BatchStatistics>();
        var tape = new Tape(graph) { Widens = true };
        for (var i = 0; i < graph.Nodes.Count; i++)
        {
            var node = graph.Nodes[i];
            foreach (var (_, sub) in node.Subgraphs) WriteOut(sub, firstAxis);
            if (!node.Is("BatchNormalization")) continue;
            tape.Origin = node.LogicalName;
            tape.Prefix = node.LogicalName + "/";
            var of = new BatchStatistics(node.Inputs[0]!, Axes(node.Inputs[0]!, firstAxis), node.Inputs[3]!, node.Inputs[4]!, Math.Round(node.Float("momentum", 0.9f), 6));
            var y = tape.Stored(Normalize(tape, of, node.Inputs[1]!, node.Inputs[2]!, node.Float("epsilon", 1e-5f)), node.Inputs[0]!.Type);
            statistics.Add(of);
            // The layer keeps its output, so that whoever holds it (a probe, a report) still finds it.
            var output = node.Output;
            node.SetOutput(0, null);
            y.Producer!.SetOutput(0, output);
            graph.Nodes.RemoveAt(i);
            i += tape.InsertInto(graph, i) - 1;
        }
        return statistics;
    }

    /// <summary>What is averaged over: everything but the channels, from an axis on.</summary>
    static long[] Axes(Value x, int firstAxis) => [.. Enumerable.Range(firstAxis, x.Rank - firstAxis).Where(a => a != 1).Select(a => (long)a)];

    static Value Normalize(Tape t, BatchStatistics of, Value scale, Value bias, float epsilon)
    {
        var x = of.X;
        var tail = Enumerable.Range(1, Math.Max(0, x.Rank - 2)).Select(a => (long)a).ToArray();
        of.Mean = t.ReduceMean(x, of.Axes);
        var centered = t.Sub(x, of.Mean);
        of.Variance = t.ReduceMean(t.Square(centered), of.Axes);
        var factor = t.Mul(t.Reciprocal(t.Sqrt(t.Add(of.Variance, epsilon))), t.Unsqueeze(scale, tail));
        return t.Add(t.Mul(centered, factor), t.Unsqueeze(bias, tail));
    }
}
