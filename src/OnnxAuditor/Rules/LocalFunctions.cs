using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>ONX006.</summary>
static class LocalFunctions
{
    public static readonly Rule Rule = new("ONX006", "LocalFunctions", "The model defines functions of its own", Severity.Info, RuleCost.Scan, new RuleText(
        WhatItFinds: "Model-local functions: operators that the file itself defines by a graph.",
        WhyItMatters: "Importers for training often read the main graph alone and reject, or skip, what they do not know. The functions' weights are found by whoever inlines them.",
        HowItIsComputed: "From the functions of the file and the nodes that call them. This program inlines them before it measures.",
        Threshold: "None.",
        Example: "`pkg.onnxscript.torch_lib::aten_gelu`, called 12 times.",
        Remedy: "`onnx.inliner.inline_local_functions(model)`, or `onnx-auditor rewrite --canonical in.onnx out.onnx`.",
        WhenToIgnore: "Where every program that reads the file knows functions.",
        References: "ONNX IR specification, model-local functions, https://github.com/onnx/onnx/blob/main/docs/IR.md"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var functions = context.Model.Functions;
        if (functions.Count == 0) yield break;
        var names = functions.Select(f => $"{f.Domain}::{f.Name}").ToList();
        var calls = context.View.Nodes.Concat(functions.SelectMany(f => f.Body.AllNodes()))
            .Count(n => functions.Exists(f => string.Equals(f.Domain, n.Domain, StringComparison.Ordinal) && string.Equals(f.Name, n.OpType, StringComparison.Ordinal)));
        yield return new Observation(names[0], $"The file defines {NumberFormat.Count(functions.Count, "function")}, called {NumberFormat.Count(calls, "time")}; they were inlined for this audit.", NumberFormat.Count(functions.Count, "function"), "0")
        {
            Count = functions.Count,
            OtherPlaces = [.. names.Skip(1)],
            Remedy = "Inline them for training tools: onnx.inliner.inline_local_functions(model).",
        };
    }
}
