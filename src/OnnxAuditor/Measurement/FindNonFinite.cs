using GraphRewriter.Canonicalization;
using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace OnnxAuditor.Measurement;

/// <summary>
/// A second look at a graph that gave NaN or infinity: every float value gets a flag, so that the first node can be named whose output is not finite
/// though all its inputs are.
/// </summary>
sealed class FindNonFinite
{
    readonly List<(Node Node, int[] Inputs, int[] Outputs)> nodes = [];
    readonly int forwardNodes;

    FindNonFinite(Model model, string flagsName, int forwardNodes)
    {
        Model = model;
        FlagsName = flagsName;
        this.forwardNodes = forwardNodes;
    }

    /// <summary>The model with one output: the flags.</summary>
    public Model Model { get; }

    /// <summary>The name of the output: a float vector, 1 where a value holds NaN or infinity.</summary>
    public string FlagsName { get; }

    /// <summary>Rewrites an instrumented graph.</summary>
    public static FindNonFinite In(InstrumentedGraph source)
    {
        var model = source.Model.Copy();
        var graph = model.Graph;
        var tape = new Tape(graph) { Prefix = "flag/" };
        var index = new Dictionary<Value, int>();
        var flags = new List<Value?>();
        void Flag(Value? value)
        {
            if (value is null || index.ContainsKey(value) || value.Type != ElementType.Float32 || value.Shape is { ElementCount: 0 }) return;
            var bad = tape.Or(tape.Op("IsNaN", value), tape.Op("IsInf", value));
            index[value] = flags.Count;
            flags.Add(tape.Reshape(tape.Op("ReduceMax", [Attribute.Of("keepdims", 0L)], tape.Cast(bad, ElementType.Float32)), 1));
        }
        var forward = graph.Nodes.TakeWhile(n => !n.Name.StartsWith("grad/", StringComparison.Ordinal)).Count();
        foreach (var node in graph.Nodes)
            foreach (var value in node.Inputs.Concat(node.Outputs)) Flag(value);
        var all = tape.Concat(0, [.. flags]);
        var result = new FindNonFinite(model, all.Name, forward);
        foreach (var node in graph.Nodes)
            result.nodes.Add((node, Indices(node.Inputs.Where(v => v?.Producer is not null)), Indices(node.Outputs)));
        tape.AppendTo(graph);
        graph.Outputs.Clear();
        graph.Outputs.Add(all);
        RemoveDeadCode.Apply(graph);
        return result;

        int[] Indices(IEnumerable<Value?> values) => [.. values.Where(v => v is not null && index.ContainsKey(v)).Select(v => index[v!])];
    }

    /// <summary>The first node whose output is not finite though its inputs are; null where all is finite. Nodes that only reduce for a probe are not named.</summary>
    public (string Node, bool IsBackward)? Origin(ReadOnlySpan<float> flags)
    {
        for (var i = 0; i < nodes.Count; i++)
        {
            var (node, inputs, outputs) = nodes[i];
            if (!AnySet(flags, outputs)) continue;
            // Only inputs that a node made count: a node whose parameter is NaN is the origin as well.
            if (!AnySet(flags, inputs)) return ($"{node.OpType} '{node.LogicalName}'", i >= forwardNodes);
        }
        return null;
    }

    static bool AnySet(ReadOnlySpan<float> flags, int[] indices)
    {
        foreach (var i in indices) if (flags[i] > 0) return true;
        return false;
    }
}
