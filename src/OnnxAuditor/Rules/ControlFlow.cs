using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN021.</summary>
static class ControlFlow
{
    public static readonly Rule Rule = new("TRN021", "ControlFlow", "Control flow stands on the data path", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: "If, Loop, Scan and SequenceMap nodes that pass floating-point data on to an output.",
        WhyItMatters: """
            Importers for training mostly trace straight graphs: they reject control flow, take one branch for good, or unroll a loop for the length of the example. ONNX Runtime Training has no
            gradient for Loop. What is trained may not be what runs.
            """,
        HowItIsComputed: """
            In the graph as read, on nodes on which an output depends and of whose outputs at least one is, or may be, a float tensor: warning. An If whose condition depends on inputs of whole
            numbers or truth values alone (a sampling rate, a flag) holds several networks in one file, each of them straight: info. Where the condition turned out to be constant for the inputs
            of this audit, so that one branch was taken, the message says so.
            """,
        Threshold: "None.",
        Example: "`If` on the sampling rate around the whole encoder; the `If` that PyTorch writes for `squeeze` of an unknown dimension.",
        Remedy: """
            Fix the condition at export: a Python constant instead of a tensor, static shapes for what decides it, `torch.squeeze(x, dim)` only where the size is known. Loops over time: nn.LSTM or
            nn.GRU export as one operator. `onnx-auditor rewrite --canonical` writes the graph with the branch taken.
            """,
        WhenToIgnore: "Where the training program reads ONNX control flow, or the branch taken is always the same.",
        References: "ONNX operators If, Loop and Scan, https://onnx.ai/onnx/operators/"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var view = context.View;
        var kept = context.CanonicalView?.Nodes.Select(n => n.LogicalName).ToHashSet(StringComparer.Ordinal);
        foreach (var node in context.View.Nodes.Where(n => n.Domain.Length == 0 && n.OpType is "If" or "Loop" or "Scan" or "SequenceMap" && context.View.Live.Contains(n)))
        {
            if (context.View.OwnerOf(node) is not null || !PassesFloats(node)) continue;
            var name = context.View.NameOf(node);
            var resolved = kept is not null && !kept.Contains(name);
            var isSwitch = node.OpType is "If" && IsDecidedByFlag(view, node.Inputs[0]!);
            var how = isSwitch ? "chooses between sub-networks by an input flag" : "passes floating-point data on";
            yield return new Observation(
                name, $"{node.OpType} {how}{(resolved ? "; for the inputs of this audit it was replaced by what it computes" : "")}.", node.OpType, "a straight graph", node.Subgraphs.Sum(s => s.Graph.AllNodes().Count()))
            {
                Severity = isSwitch ? Severity.Info : Severity.Warning,
                Node = node,
                Remedy = isSwitch ? "Export the sub-network to be trained alone (fix the flag before export), or take the one of onnx-auditor rewrite --canonical." : "Fix the condition or the length at export so that a straight graph is written, or take the one of onnx-auditor rewrite --canonical.",
            };
        }
    }

    /// <summary>Whether inputs of whole numbers or truth values alone decide: no data, and no shape of data.</summary>
    static bool IsDecidedByFlag(ModelView view, Value condition)
    {
        var inputs = GradientPaths.Upstream(view, [condition], _ => true);
        inputs.IntersectWith(view.Graph.Inputs);
        return inputs.Count > 0 && inputs.All(i => i.Type.IsInteger || i.Type == ElementType.Bool);
    }

    static bool PassesFloats(Node node) => node.Subgraphs.Any(s => s.Graph.Outputs.Any(o => o.IsFloat || (o is { Type: ElementType.Undefined, Other: null } && o.Data is null)));
}
