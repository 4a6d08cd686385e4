using GraphRewriter.Ir;

namespace OnnxAuditor.Measurement;

/// <summary>Estimates what a run needs before it is made: weights and inputs, plus the most that is alive at one time.</summary>
static class MemoryEstimate
{
    /// <summary>Bytes alive at the peak when nodes run in order and each value is freed after its last use; values of unknown shape count nothing.</summary>
    public static long PeakBytes(Graph graph)
    {
        var lastUse = new Dictionary<Value, int>();
        for (var i = 0; i < graph.Nodes.Count; i++)
            foreach (var input in graph.Nodes[i].Inputs) if (input is not null) lastUse[input] = i;
        foreach (var output in graph.Outputs) lastUse[output] = graph.Nodes.Count;
        var alive = graph.Initializers.Sum(Bytes) + graph.Inputs.Sum(Bytes);
        var peak = alive;
        var endsAt = new Dictionary<int, long>();
        for (var i = 0; i < graph.Nodes.Count; i++)
        {
            foreach (var output in graph.Nodes[i].Outputs)
            {
                if (output is null) continue;
                var bytes = Bytes(output);
                alive += bytes;
                var end = Math.Max(i, lastUse.GetValueOrDefault(output, i));
                endsAt[end] = endsAt.GetValueOrDefault(end) + bytes;
            }
            peak = Math.Max(peak, alive);
            alive -= endsAt.GetValueOrDefault(i);
        }
        return peak;
    }

    /// <summary>Bytes of the graph's constants, and of the inputs that hold weights of some draw.</summary>
    public static long FixedBytes(Graph graph, IEnumerable<Value> fedWeights) => graph.Initializers.Sum(Bytes) + fedWeights.Sum(Bytes);

    static long Bytes(Value value)
    {
        var count = value.Shape?.ElementCount ?? 0;
        return count > 0 ? value.Type.ByteCount(count) : 0;
    }
}
