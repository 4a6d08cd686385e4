using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN011.</summary>
static class CustomOperator
{
    public static readonly Rule Rule = new("TRN011", "CustomOperator", "An operator is defined nowhere in the file", Severity.Error, RuleCost.Scan, new RuleText(
        WhatItFinds: "Nodes of a domain that is neither the standard's nor a known runtime's, for which the model carries no function body.",
        WhyItMatters: """
            What the operator computes is known only to a native library that has to be loaded beside the runtime. Nothing can be differentiated through it, and whoever runs the model has to
            trust that library.
            """,
        HowItIsComputed: """
            By the domain of each node that is used; domains that are merely imported do not count, since exporters list many that they never use. Where parameters lie in front of it, so that
            their gradient would have to pass, or the model has none, it is an error; where it only prepares the input, a warning.
            """,
        Threshold: "None.",
        Example: "`ai.onnx.contrib::DecodeImage` at the input and `ai.onnx.contrib::EncodeImage` at the output of a super-resolution network.",
        Remedy: """
            Pre- and post-processing: export the network without it and do that in the program around it. An operator in the middle: express it in standard operators at export
            (PyTorch: `torch.onnx.register_custom_op_symbolic`, or the `custom_translation_table` of the dynamo exporter), or give the model a function body (`onnx.helper.make_function`).
            """,
        WhenToIgnore: "Where it lies outside the part that is trained.",
        References: "ONNX IR specification, model-local functions, https://github.com/onnx/onnx/blob/main/docs/IR.md; onnxruntime-extensions, https://github.com/microsoft/onnxruntime-extensions"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var view = context.View;
        var custom = view.Nodes.Where(n => Contains(context.Model, n) && view.IsOnPath(n)).ToList();
        if (custom.Count == 0) yield break;
        var weights = view.Constants.Where(c => c.Type.IsFloat && WeightSlots.Reached(view, c.Value) is not null).Select(c => c.Value).ToList();
        var behindWeights = view.Downstream(weights);
        foreach (var node in custom)
        {
            var inTheWay = weights.Count == 0 || node.Inputs.Any(i => i is not null && behindWeights.Contains(i));
            yield return new Observation(
                view.NameOf(node), $"{node.Domain}::{node.OpType} is defined nowhere in the file{(weights.Count == 0 ? "" : inTheWay ? ", and parameters lie in front of it: no gradient comes from behind it" : "; no parameter lies in front of it")}.",
                $"{node.Domain}::{node.OpType}", "standard operators, or a function body in the file")
            {
                Severity = inTheWay ? Severity.Error : Severity.Warning,
                Node = node,
                Remedy = "Export the network without this pre- or post-processing, or give the operator a function body of standard operators.",
            };
        }
    }

    /// <summary>Whether the node's operator is defined neither by the standard, nor by the runtime, nor by the file.</summary>
    public static bool Contains(Model model, Node node) => node.Domain is not ("" or "ai.onnx.ml" or "ai.onnx.training" or "ai.onnx.preview.training") && !FusedOperators.IsRuntimeDomain(node.Domain)
        && !model.Functions.Exists(f => string.Equals(f.Domain, node.Domain, StringComparison.Ordinal) && string.Equals(f.Name, node.OpType, StringComparison.Ordinal));
}
