using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN029.</summary>
static class DegenerateGraph
{
    public static readonly Rule Rule = new("TRN029", "DegenerateGraph", "The outputs do not depend on the inputs", Severity.Error, RuleCost.Scan, new RuleText(
        WhatItFinds: "Graphs without nodes, graphs whose outputs no input reaches, and single outputs that are constants.",
        WhyItMatters: """
            Such a file is no network. It arises from an export that traced the wrong function, from a tool that folded everything into constants because the inputs were constants to it, or from
            a container that merely carries tensors. Every measurement of it would be empty.
            """,
        HowItIsComputed: """
            In the graph as read. From the inputs (initializers listed among them do not count) forward over all operators but those that only read a shape; control flow passes on whatever
            it reads. No output reached: error. Some outputs not reached, not even through a shape, while others are: info, since prior boxes and class tables are often outputs.
            """,
        Threshold: "None.",
        Example: "A file of 600 kB with 50 initializers and no node.",
        Remedy: "Export again and look at the graph (Netron) before using it. PyTorch: the example inputs must be tensors that the traced function really uses.",
        WhenToIgnore: "Where the file is meant as a container of tensors.",
        References: "ONNX IR specification, https://github.com/onnx/onnx/blob/main/docs/IR.md"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var view = context.View;
        var graph = view.Graph;
        const string remedy = "Export again and look at the graph before using it: the wrong function was traced, or everything was folded into constants.";
        if (graph.Nodes.Count == 0)
        {
            yield return new Observation("model", $"The graph has no nodes, only {NumberFormat.Count(graph.Initializers.Count, "initializer")}.", "0 nodes", "≥ 1 node") { Remedy = remedy };
            yield break;
        }
        var inputs = graph.Inputs.Where(i => i.Data is null && i.SparseData is null && !graph.Initializers.Contains(i)).ToList();
        var reached = view.Downstream(inputs, GradientPaths.CarriesData);
        var all = !graph.Outputs.Exists(reached.Contains);
        if (!all) reached = view.Downstream(inputs);
        var constant = graph.Outputs.Where(o => !reached.Contains(o)).ToList();
        foreach (var output in constant)
        {
            yield return new Observation(output.Name, all ? $"Output '{output.Name}' does not depend on any input, and neither does another output." : $"Output '{output.Name}' does not depend on any input.", "constant output", "depends on an input")
            {
                Severity = all ? Severity.Error : Severity.Info,
                Value = output,
                Remedy = all ? remedy : "Nothing, where the output is meant to be a constant (prior boxes, tables).",
            };
        }
    }
}
