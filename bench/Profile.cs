using System.Text.Json;

namespace Bench;

/// <summary>What kernels of one kind took, by run.</summary>
/// <param name="Part">The part of the graph: forward, loss, backward or probes.</param>
/// <param name="Source">The operator whose gradient or probe emitted the nodes; for the other parts the operator itself.</param>
/// <param name="Operator">The operator that ran, as ONNX Runtime names it after its fusions.</param>
/// <param name="Milliseconds">Time in the kernels, summed over the nodes; of each node its fastest run.</param>
/// <param name="Nodes">The number of nodes that ran; those inside a loop once for each of its steps.</param>
sealed record ProfileRow(string Part, string Source, string Operator, double Milliseconds, int Nodes);

/// <summary>ONNX Runtime's trace of several runs, summed.</summary>
static class Profile
{
    /// <summary>
    /// Runs a step and sums its kernel times, the longest first. Of each node the fastest run counts, as other programs on the machine only ever add to a time. Kernels
    /// that hold others (loops, branches) are left out, as what they hold is there.
    /// </summary>
    public static IReadOnlyList<ProfileRow> Of(Step step, int rounds)
    {
        for (var r = 0; r < rounds; r++) step.Run();
        return Sum(step, rounds);
    }

    /// <summary>As <see cref="Of"/>, of a step that ran so many times already.</summary>
    public static IReadOnlyList<ProfileRow> Sum(Step step, int rounds)
    {
        var trace = step.EndProfiling();
        var rows = Times(trace).GroupBy(n => (Part(n.Key.Node), step.SourceOf(n.Key.Node) ?? n.Key.Operator, n.Key.Operator)).Select(group =>
        {
            var (part, source, op) = group.Key;
            return new ProfileRow(part, source, op, group.Sum(n => n.Value.Chunk(n.Value.Count / rounds).Min(run => run.Sum())) / 1000, group.Sum(n => n.Value.Count) / rounds);
        });
        File.Delete(trace);
        return [.. rows.OrderByDescending(r => r.Milliseconds)];
    }

    /// <summary>The microseconds of each node's kernel, run after run; a node in the body of a loop ran several times in each.</summary>
    static Dictionary<(string Node, string Operator), List<double>> Times(string trace)
    {
        var times = new Dictionary<(string, string), List<double>>();
        using var file = File.OpenRead(trace);
        using var json = JsonDocument.Parse(file);
        foreach (var entry in json.RootElement.EnumerateArray())
        {
            if (!entry.TryGetProperty("cat", out var category) || !category.ValueEquals("Node")) continue;
            var name = entry.GetProperty("name").GetString()!;
            var op = entry.GetProperty("args").TryGetProperty("op_name", out var given) ? given.GetString()! : "";
            if (!name.EndsWith(KernelTime, StringComparison.Ordinal) || op is "Scan" or "Loop" or "If") continue;
            var key = (name[..^KernelTime.Length], op);
            if (!times.TryGetValue(key, out var list)) times[key] = list = [];
            list.Add(entry.GetProperty("dur").GetDouble());
        }
        return times;
    }

    const string KernelTime = "_kernel_time";

    static string Part(string node) => node.StartsWith("probe/", StringComparison.Ordinal) ? "probes"
        : node.StartsWith("grad/", StringComparison.Ordinal) ? "backward"
        : node.StartsWith("loss/", StringComparison.Ordinal) ? "loss" : "forward";
}
