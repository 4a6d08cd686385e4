using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN014.</summary>
static class DetachedParameter
{
    public static readonly Rule Rule = new("TRN014", "DetachedParameter", "A parameter has no path to any output", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: "Weights that a layer of the graph uses, where nothing that the layer computes ever arrives at an output of the model.",
        WhyItMatters: """
            The parameter is dead weight: it is loaded, counted and optimised, but no loss depends on it. Often it is the trace of a slip in the export: an auxiliary head of which
            the output was not listed, a branch that a flag switched off.
            """,
        HowItIsComputed: """
            In the graph as read. From the outputs backward, every node on which they depend is marked, control flow with all its branches. A float constant in a weight slot
            of a node that is not marked is detached. Constants that no node uses at all are TRN016.
            """,
        Threshold: "None: there is a path or there is none.",
        Example: "The auxiliary classifier of an Inception network, exported in evaluation mode with the main output alone.",
        Remedy: """
            List the missing output in the export (`output_names` and the module's return value in PyTorch), where it is to be trained. Otherwise prune: `onnxslim in.onnx out.onnx`, or
            onnxoptimizer's pass `eliminate_deadend`.
            """,
        WhenToIgnore: "Where the branch is known to be unused and file size does not matter.",
        References: "ONNX IR specification, https://github.com/onnx/onnx/blob/main/docs/IR.md"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var view = context.View;
        foreach (var constant in view.Constants)
        {
            if (!constant.Type.IsFloat || view.UsesOf(constant.Value).Any(u => view.Live.Contains(u.Node))) continue;
            if (WeightSlots.Reached(view, constant.Value) is not { } slot || view.Live.Contains(slot.Use.Node)) continue;
            yield return new Observation(
                constant.Value.Name, $"No output depends on '{view.NameOf(slot.Use.Node)}' ({slot.Use.Node.OpType}), which uses this parameter.",
                NumberFormat.Count(constant.Count, "element") + " without effect", "a path to an output", constant.Count)
            {
                Value = constant.Value,
                Remedy = "List the branch's output in the export where it is to be trained; otherwise prune the file with onnxslim.",
            };
        }
    }
}
