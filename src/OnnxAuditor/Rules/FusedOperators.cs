using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN010.</summary>
static class FusedOperators
{
    public static readonly Rule Rule = new("TRN010", "FusedOperators", "Fused operators of ONNX Runtime stand in the graph", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: """
            Operators of ONNX Runtime's own domains (com.microsoft and its like): Attention, SkipLayerNormalization, FastGelu, EmbedLayerNormalization, GroupQueryAttention, FusedConv, …, which
            its optimiser or its transformer tools put in place of standard ones.
            """,
        WhyItMatters: """
            They are private to one runtime and mostly have no gradient there: importers of other frameworks reject them, and ONNX Runtime Training stops at them. The function is the same as
            before the fusion; only the form is in the way.
            """,
        HowItIsComputed: """
            By the domain of all nodes on which an output depends, those of functions included; integer kernels are TRN009's. Where this program decomposes the operator into standard ones, the
            finding is a warning (its own numbers are not affected); where it cannot, an error.
            """,
        Threshold: "None.",
        Example: "A GPT-2 after `onnxruntime.transformers.optimizer`: 12 Attention, 24 SkipLayerNormalization, 12 FastGelu nodes.",
        Remedy: """
            Use the file from before the optimiser: export again and skip `optimize_model(...)`, or save at `ORT_ENABLE_BASIC` or below (`SessionOptions.graph_optimization_level`,
            `optimized_model_filepath`). Where only this file is left: `onnx-auditor rewrite --canonical in.onnx out.onnx` writes the operators it can decompose in standard ones.
            """,
        WhenToIgnore: "Where the file is a deployment artefact and training happens on the one before fusion.",
        References: "ONNX Runtime, contrib operators, https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md"),
        Find);

    /// <summary>Whether a domain is one of ONNX Runtime's own.</summary>
    public static bool IsRuntimeDomain(string domain) =>
        domain is "com.microsoft" or "com.microsoft.nchwc" or "com.microsoft.experimental" or "com.microsoft.dml" or "com.ms.internal.nhwc";

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var kept = context.CanonicalView?.Nodes.Where(n => n.Domain.Length > 0).Select(n => n.LogicalName).ToHashSet(StringComparer.Ordinal) ?? [];
        return context.View.Nodes
            .Concat(context.Model.Functions.SelectMany(f => f.Body.AllNodes()))
            .Where(n => IsRuntimeDomain(n.Domain) && !IntegerKernels.Contains(n) && n.OpType is not "EPContext" && !PythonOperator.Contains(n) && !TrainingLeftovers.Contains(n) && context.View.IsOnPath(n))
            .Select(n => Describe(context, n, kept.Contains(context.View.NameOf(n))));
    }

    static Observation Describe(RuleContext context, Node node, bool blocks) => new(
        context.View.NameOf(node), blocks
            ? $"{node.Domain}::{node.OpType} has no standard form here: gradients stop at it."
            : $"{node.Domain}::{node.OpType} is private to ONNX Runtime; it was decomposed for this audit, training tools stop at it.",
        $"{node.Domain}::{node.OpType}", "standard operators")
    {
        Severity = blocks ? Severity.Error : Severity.Warning,
        Node = node,
        Remedy = "Export again without the runtime's graph optimiser, or write the decomposed graph with onnx-auditor rewrite --canonical.",
    };
}
