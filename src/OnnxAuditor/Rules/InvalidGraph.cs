using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>ONX002.</summary>
static class InvalidGraph
{
    public static readonly Rule Rule = new("ONX002", "InvalidGraph", "The graph breaks the rules of ONNX", Severity.Error, RuleCost.Scan, new RuleText(
        WhatItFinds: """
            Breaches of the format: a value defined twice, an input that nothing defines, nodes in an order in which one comes before what it uses, a cycle, an operator
            set that no import declares, tensors whose contents do not have the size that type and dimensions say.
            """,
        WhyItMatters: """
            Each runtime mends or rejects such a graph in its own way, so that two programs may compute different things from one file. Training tools are stricter than
            inference engines and usually stop here.
            """,
        HowItIsComputed: """
            While reading. All breaches are listed with the names of node and value, not only the first. Where the meaning is beyond doubt (nodes merely out of order)
            the program mends the graph, reports a warning and goes on; where it is not, the file counts as unreadable.
            """,
        Threshold: "None: the ONNX IR specification decides.",
        Example: "Two nodes of which both write the value `x`.",
        Remedy: """
            Export again with the exporter's newest version, and check the result with `onnx.checker.check_model(model, full_check=True)`. A graph edited by hand: sort the
            nodes (`graph.cleanup().toposort()` in onnx-graphsurgeon) and give every value one producer.
            """,
        WhenToIgnore: "Where only the order of nodes is wrong and every program that will read the model is known to sort it.",
        References: "ONNX IR specification, https://github.com/onnx/onnx/blob/main/docs/IR.md"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context) => FileProblems
        .Of(context, "ONX002", "mended while reading", "a graph that follows the ONNX specification", "Export the model again; onnx.checker.check_model(model, full_check=True) shows the same.")
        .Select(o => o with { Severity = Severity.Warning });
}
