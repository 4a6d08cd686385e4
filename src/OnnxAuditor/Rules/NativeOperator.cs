using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>SEC003.</summary>
static class NativeOperator
{
    public static readonly Rule Rule = new("SEC003", "NativeOperator", "Running the model needs a native library", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: "Operators of a domain that is neither the standard's nor the runtime's own and that the file does not define.",
        WhyItMatters: """
            Such an operator runs only after a shared library was loaded into the process. Whoever offers the model offers that library too, and it may do anything the user may. The file by itself is
            harmless: this program loads no library for it.
            """,
        HowItIsComputed: "By the domains of the nodes on which an output depends, one finding a domain.",
        Threshold: "None.",
        Example: "`ai.onnx.contrib::DecodeImage`, of the library onnxruntime-extensions.",
        Remedy: "Take the library from the publisher of the runtime (`pip install onnxruntime-extensions`), never from beside the model. Or use an export without the operator (TRN011).",
        WhenToIgnore: "Where the library is known and comes from a source of your own.",
        References: "ONNX Runtime, custom operators, https://onnxruntime.ai/docs/reference/operators/add-custom-op.html"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context) => context.View.Nodes
        .Where(n => CustomOperator.Contains(context.Model, n) && context.View.IsOnPath(n))
        .GroupBy(n => n.Domain, StringComparer.Ordinal)
        .Select(g => new Observation(context.View.NameOf(g.First()), $"Operators of the domain '{g.Key}' need a native library: {Phrase.List([.. g.Select(n => n.OpType).Distinct(StringComparer.Ordinal)])}.", NumberFormat.Count(g.Count(), "node"), "0", g.Count())
        {
            Node = g.First(),
            Remedy = "Take the library from the publisher of the runtime, never from beside the model, or use an export without the operator.",
        });
}
