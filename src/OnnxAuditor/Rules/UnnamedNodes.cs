using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>ONX005.</summary>
static class UnnamedNodes
{
    public static readonly Rule Rule = new("ONX005", "UnnamedNodes", "Nodes have no name, or share one", Severity.Info, RuleCost.Scan, new RuleText(
        WhatItFinds: "Nodes without a name, and names that several nodes bear.",
        WhyItMatters: "Reports, profilers and quantisation lists speak of nodes by name. Here unnamed nodes are called by operator and place (`Conv_12`), which the next export may number anew.",
        HowItIsComputed: "From the node names of the graph and its subgraphs. Constant nodes are not counted.",
        Threshold: "None: the format leaves names to the exporter.",
        Example: "`node {op_type: \"Conv\"}` without a name in a file of 2018.",
        Remedy: "Export with a current exporter, which names all nodes; or name them: `for i, n in enumerate(model.graph.node): n.name = n.name or f\"{n.op_type}_{i}\"`.",
        WhenToIgnore: "Where nobody reads the names.",
        References: "ONNX IR specification, https://github.com/onnx/onnx/blob/main/docs/IR.md"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var nodes = context.View.Nodes.Where(n => !n.Is("Constant")).ToList();
        var unnamed = nodes.Where(n => n.Name.Length == 0).ToList();
        var shared = nodes.Where(n => n.Name.Length > 0).GroupBy(n => n.Name, StringComparer.Ordinal).Where(g => g.Skip(1).Any()).ToList();
        var count = unnamed.Count + shared.Sum(g => g.Count());
        if (count == 0) yield break;
        var first = unnamed.Count > 0 ? unnamed[0] : shared[0].First();
        var message = (unnamed.Count, shared.Count) switch
        {
            ( > 0, 0) => $"{unnamed.Count} of {nodes.Count} nodes have no name.",
            (0, _) => $"{NumberFormat.Count(shared.Count, "name is", "names are")} borne by several nodes.",
            _ => $"{unnamed.Count} of {nodes.Count} nodes have no name, and {NumberFormat.Count(shared.Count, "name is", "names are")} borne by several.",
        };
        yield return new Observation(context.View.NameOf(first), message, NumberFormat.Count(count, "node"), "0") { Node = first, Count = count, Remedy = "Export with a current exporter, or name the nodes in the file." };
    }
}
