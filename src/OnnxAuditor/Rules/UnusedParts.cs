using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN016.</summary>
static class UnusedParts
{
    public static readonly Rule Rule = new("TRN016", "UnusedParts", "Initializers or nodes have no effect", Severity.Info, RuleCost.Scan, new RuleText(
        WhatItFinds: "Initializers that no node uses, and nodes on which no output depends.",
        WhyItMatters: "They cost space and time, and a parameter count that includes them is wrong. Often they are left over from an edit of the graph.",
        HowItIsComputed: """
            In the graph as read: from the outputs backward every node is marked on which they depend. What is not marked, and initializers that are neither used nor outputs, are counted.
            Detached layers with weights are reported as TRN014 as well.
            """,
        Threshold: "None.",
        Example: "Three initializers left behind by a fused BatchNormalization.",
        Remedy: "`onnxslim in.onnx out.onnx`, or onnxoptimizer's passes `eliminate_unused_initializer` and `eliminate_deadend`.",
        WhenToIgnore: "Where size does not matter.",
        References: "onnxoptimizer, https://github.com/onnx/optimizer; OnnxSlim, https://github.com/inisis/OnnxSlim"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var view = context.View;
        var unused = view.Graph.Initializers.Where(v => view.UsesOf(v).Count == 0 && !view.IsOutput(v)).ToList();
        var dead = view.Graph.Nodes.Where(n => !view.Live.Contains(n)).ToList();
        if (unused.Count + dead.Count == 0) yield break;
        List<string> places = [.. unused.Select(v => v.Name), .. dead.Select(view.NameOf)];
        List<string> parts = [];
        if (unused.Count > 0) parts.Add($"{NumberFormat.Count(unused.Count, "initializer is", "initializers are")} used by no node");
        if (dead.Count > 0) parts.Add($"no output depends on {NumberFormat.Count(dead.Count, "node")}");
        yield return new Observation(places[0], $"{char.ToUpperInvariant(parts[0][0])}{string.Join(", and ", parts)[1..]}.", NumberFormat.Count(places.Count, "unused part"), "0")
        {
            Value = unused.Count > 0 ? unused[0] : null,
            Node = unused.Count > 0 ? null : dead[0],
            Count = places.Count,
            OtherPlaces = [.. places.Skip(1)],
            Remedy = "Remove them with onnxslim or onnxoptimizer.",
        };
    }
}
