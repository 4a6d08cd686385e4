using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>ONX007.</summary>
static class UnusualTypes
{
    public static readonly Rule Rule = new("ONX007", "UnusualTypes", "The model holds values that are no dense numbers", Severity.Info, RuleCost.Scan, new RuleText(
        WhatItFinds: "Sparse initializers, and inputs or outputs that are strings, sequences, optionals or maps.",
        WhyItMatters: """
            No gradient is defined for strings, maps and optionals, and few training tools read sparse initializers: they skip them without a word, so that a layer's weight is missing or
            becomes dense. A string input cannot be drawn at random, so that nothing behind it can be measured.
            """,
        HowItIsComputed: "From the initializers and the declared types of inputs and outputs. Sparse initializers and inputs that are no tensors of numbers: warning. Outputs: info.",
        Threshold: "None.",
        Example: "An output `output_probability` of type sequence of maps, as ZipMap makes it.",
        Remedy: """
            Sparse: write the tensor densely (this program does). ZipMap: export with `options={"zipmap": False}` (skl2onnx). Strings: leave tokenisation outside the model.
            """,
        WhenToIgnore: "Where the value does not lie on the part that is trained.",
        References: "ONNX IR specification, types, https://github.com/onnx/onnx/blob/main/docs/IR.md"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var graph = context.Model.Graph;
        foreach (var value in graph.Initializers.Where(v => v.SparseData is not null))
            yield return Describe(value, "This initializer is sparse: training tools that do not know sparse tensors lose it.", "sparse tensor", Severity.Warning, "Write the tensor densely.");
        foreach (var value in graph.Inputs.Where(v => KindOf(v) is not null && v.Data is null))
            yield return Describe(value, $"This input is a {KindOf(value)}: no gradient is defined for it, and it cannot be drawn at random.", KindOf(value)!, Severity.Warning, "Leave what handles it outside the model.");
        foreach (var value in graph.Outputs.Where(v => KindOf(v) is not null))
            yield return Describe(value, $"This output is a {KindOf(value)}: a loss cannot be attached to it.", KindOf(value)!, Severity.Info, "Give the tensor behind it as an output (skl2onnx: options={\"zipmap\": False}).");
    }

    static string? KindOf(Value value) => value.Other is { } other
        ? other.Kind.ToString().ToLowerInvariant()
        : value.Type == ElementType.String ? "string tensor" : null;

    static Observation Describe(Value value, string message, string measured, Severity severity, string remedy) => new(value.Name, message, measured, "a dense tensor of numbers")
    {
        Severity = severity,
        Value = value,
        Remedy = remedy,
    };
}
