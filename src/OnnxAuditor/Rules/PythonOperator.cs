using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>SEC005.</summary>
static class PythonOperator
{
    public static readonly Rule Rule = new("SEC005", "PythonOperator", "The model calls Python code", Severity.Error, RuleCost.Scan, new RuleText(
        WhatItFinds: "PythonOp, PyOp and ATen nodes, which run a Python function or a PyTorch kernel by name.",
        WhyItMatters: """
            What they compute is not in the file: the name is looked up in whatever is installed where the model runs. The result depends on the machine, nothing of it can be differentiated here,
            and a name chosen by an attacker calls whatever bears it.
            """,
        HowItIsComputed: "By operator, in the runtime's and in custom domains.",
        Threshold: "None.",
        Example: "`com.microsoft::PythonOp` left by ORTModule for an autograd function.",
        Remedy: "Export without ORTModule's custom autograd support, or write the function in standard operators (`torch.onnx.register_custom_op_symbolic`).",
        WhenToIgnore: "Never for a model from elsewhere.",
        References: "ONNX Runtime, PyOp, https://onnxruntime.ai/docs/reference/operators/; CWE-470, https://cwe.mitre.org/data/definitions/470.html"),
        Find);

    /// <summary>Whether the node runs code that is not in the file, by name.</summary>
    public static bool Contains(Node node) => node.Domain.Length > 0 && node.OpType is "PythonOp" or "PythonOpGrad" or "PyOp" or "PyCustomOp" or "ATen" or "ATenOp";

    static IEnumerable<Observation> Find(RuleContext context) => context.View.Nodes.Where(Contains)
        .Select(n => new Observation(context.View.NameOf(n), $"{n.Domain}::{n.OpType} runs code that is not in the file.", $"{n.Domain}::{n.OpType}", "operators with a definition")
        {
            Node = n,
            Remedy = "Export with the function written in standard operators; do not run the model from an unknown source.",
        });
}
