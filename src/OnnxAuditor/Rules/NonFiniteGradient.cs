using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>GRD003.</summary>
static class NonFiniteGradient
{
    public static readonly Rule Rule = new("GRD003", "NonFiniteGradient", "A gradient is NaN or infinite", Severity.Error, RuleCost.Backward, new RuleText(
        WhatItFinds: "A backward pass that gives NaN or infinity although the forward pass is finite; named is the first node at which that happens.",
        WhyItMatters: """
            One step with such a gradient destroys the weights. The forward pass shows nothing: the derivative is infinite at a point where the function itself is finite, such as the square root
            or the norm at zero, x^p at zero for p < 1, or 0 · ∞ behind a Where that hides one branch.
            """,
        HowItIsComputed: """
            From the run on the shipped weights: gradients of all parameters are checked for values that are not finite. Where there are any, the nodes of the backward pass are searched from
            the loss on for the first that makes one from finite inputs, and it is reported under the name of the forward node it belongs to. Other findings on gradients are left out beside it.
            """,
        Threshold: "None: all gradients are finite or they are not.",
        Example: "`/loss/Sqrt`: the argument is exactly 0 for a sample, the derivative 1/(2·√0) infinite.",
        Remedy: """
            Put an ε inside: √(x + ε), x / (‖x‖ + ε), (x² + ε)^(p/2). For Where: make the argument safe before the dangerous function, not after it (`where(x > 0, log(where(x > 0, x, 1)), 0)`).
            In mixed precision: loss scaling that lowers itself on overflow.
            """,
        WhenToIgnore: "Where the probes hit the point by accident (all-zero padding) and real data never does; confirm with `--data`.",
        References: "IEEE 754-2019, section 7; JAX, frequently asked questions, gradients contain NaN where using where"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context.Run is not { } run) yield break;
        var spoilt = run.Parameters.Where(p => p.Gradient is { } g && !(double.IsFinite(g.Norm) && double.IsFinite(g.MaxAbs))).ToList();
        if (run.FirstNonFiniteGradient is null && spoilt.Count == 0) yield break;
        var node = run.FirstNonFiniteGradient is { } name ? context.CanonicalView?.Nodes.FirstOrDefault(n => string.Equals(n.LogicalName, name, StringComparison.Ordinal)) : null;
        var where = run.FirstNonFiniteGradient ?? spoilt[0].Parameter.Name;
        var what = run.FirstNonFiniteGradient is null ? "The gradient of this parameter is not finite" : $"The backward pass first leaves the finite numbers at this node{(node is null ? "" : $" ({node.OpType})")}";
        yield return new Observation(where, $"{what}; {NumberFormat.Count(spoilt.Count, "parameter")} of {run.Parameters.Count} have a gradient that is not finite.", $"{NumberFormat.Count(spoilt.Count, "gradient")} not finite", "0", spoilt.Count)
        {
            Node = node,
            Value = node is null && spoilt.Count > 0 ? spoilt[0].Parameter.Value : null,
            Confidence = context.SyntheticInputs ? Confidence.Likely : Confidence.Certain,
            Remedy = "Put an ε inside the root, norm, power or quotient at this node, or guard its argument in front of it.",
        };
    }
}
