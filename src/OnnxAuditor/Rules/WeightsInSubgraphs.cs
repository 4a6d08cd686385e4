using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN006.</summary>
static class WeightsInSubgraphs
{
    static readonly Threshold MinElements = new("TRN006.elements", 64, "elements", "smaller constants are left alone");

    public static readonly Rule Rule = new("TRN006", "WeightsInSubgraphs", "Weights lie inside If, Loop or Scan", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: "Weights that are initializers or Constant nodes of a subgraph: the branch of an If, the body of a Loop or Scan.",
        WhyItMatters: """
            Training tools list the initializers of the main graph. Weights inside a branch are not among them; they are neither trained nor saved with the rest. Where two branches hold copies
            of one network (one for each sampling rate, say), training reaches the branch that runs and the other stays as it was.
            """,
        HowItIsComputed: """
            All subgraphs are walked, nested ones too. A float constant of at least the given number of elements counts where it arrives at an input that takes weights, as for TRN005.
            """,
        Threshold: "64 elements, as for TRN005.",
        Example: "A speech detector whose two encoders are the branches of an If on the sampling rate.",
        Remedy: """
            This program selects a branch and lifts its weights by itself; `--shape` and `--data` decide which. For training, export the branch you want alone: fix the flag to a Python constant
            before `torch.onnx.export`, or inline the branch with onnx-graphsurgeon. `onnx-auditor rewrite --canonical in.onnx out.onnx` writes the graph of the selected branch.
            """,
        WhenToIgnore: "Where the file only ever goes to an inference engine.",
        References: "ONNX operator If, https://onnx.ai/onnx/operators/onnx__If.html"),
        Find)
    { Thresholds = [MinElements] };

    static IEnumerable<Observation> Find(RuleContext context) => context.View.Constants
        .Where(c => c.Source == ConstantSource.Subgraph && c.Type.IsFloat && c.Count >= context.Limit(MinElements) && WeightSlots.Reached(context.View, c.Value) is not null)
        .GroupBy(c => c.Owner!, StringComparer.Ordinal)
        .Select(g => new Observation(
            g.Key, $"{NumberFormat.Count(g.Count(), "weight lies", "weights lie")} inside the subgraphs of this node, {NumberFormat.Count(g.Sum(c => c.Count))} elements in all.",
            NumberFormat.Count(g.Sum(c => c.Count), "element"), "0", g.Sum(c => c.Count))
        {
            Node = context.View.Nodes.FirstOrDefault(n => string.Equals(context.View.NameOf(n), g.Key, StringComparison.Ordinal)),
            Remedy = "Export the branch to be trained alone (fix the flag before export), or write the selected branch with onnx-auditor rewrite --canonical.",
        });
}
