using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>ACT010.</summary>
static class NonFiniteActivation
{
    public static readonly Rule Rule = new("ACT010", "NonFiniteActivation", "A node makes NaN or infinity from finite numbers", Severity.Error, RuleCost.Forward, new RuleText(
        WhatItFinds: "The first node, in the order of computation, whose output is not finite although all its inputs are.",
        WhyItMatters: """
            From there NaN spreads through everything that depends on it, and a single training step writes it into the weights. The thousand tensors behind it are consequences:
            only the origin is worth looking at, and only the origin is reported.
            """,
        HowItIsComputed: """
            The largest absolute value of the nodes' outputs is measured in the run on the shipped weights. Where one is not finite, the nodes are searched in order for the first whose inputs
            are all finite. Findings on activations and gradients are left out beside this one.
            """,
        Threshold: "None: all values are finite or they are not.",
        Example: "`/head/Log`: −∞ where the Softmax in front of it underflowed to zero.",
        Remedy: """
            By operator. Log, Div, Sqrt, Reciprocal, Pow: add an ε to the argument, or clamp it away from zero. Exp: subtract the maximum first. Softmax with a mask of −∞: a row that is masked
            throughout is 0/0; mask with a large finite number. Overflow in float16: compute that node in float32. Re-run with `--data`, in case the random probes lie outside the domain (negative
            numbers into a logarithm).
            """,
        WhenToIgnore: "Where real data cannot take the values that the random probes took; confirm with `--data`.",
        References: "IEEE 754-2019, sections 6 and 7"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context.Run?.FirstNonFinite is not { } name) yield break;
        var node = context.CanonicalView?.Nodes.FirstOrDefault(n => string.Equals(n.LogicalName, name, StringComparison.Ordinal));
        var what = node is null ? "" : $" ({node.OpType})";
        yield return new Observation(name, $"The first output that is not finite comes from this node{what}; its inputs are finite.", "NaN or infinity", "finite values")
        {
            Node = node,
            Confidence = context.SyntheticInputs ? Confidence.Likely : Confidence.Certain,
            Remedy = node?.OpType switch
            {
                "Log" or "Div" or "Sqrt" or "Reciprocal" or "Pow" => $"Keep the argument of {node.OpType} away from the edge of its domain (add an ε or clamp it); confirm with --data where inputs are synthetic.",
                "Exp" => "Subtract the maximum before Exp, or clamp its argument.",
                "Softmax" or "LogSoftmax" => "Mask with a large finite number instead of −∞: a row that is masked throughout is 0/0.",
                _ => "Look at the range of this node's inputs (layer table): they overflow float32; normalise in front of it. Confirm with --data where inputs are synthetic.",
            },
        };
    }
}
