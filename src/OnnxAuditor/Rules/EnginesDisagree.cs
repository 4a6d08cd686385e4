using OnnxAuditor.Measurement;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>NUM004.</summary>
static class EnginesDisagree
{
    public static readonly Rule Rule = new("NUM004", "EnginesDisagree", "The engines disagree on a value or a gradient", Severity.Error, RuleCost.CrossCheck, new RuleText(
        WhatItFinds: "Layers whose outputs, or parameters whose gradients, ONNX Runtime with our gradient graph and Torch with autograd compute differently, at a place that is no kink. Named is the first node in graph order at which the values part.",
        WhyItMatters: "One of the two is wrong, and what rests on it is not to be trusted: a kernel of ONNX Runtime, an operator of our Torch engine, or one of our gradient rules.",
        HowItIsComputed: "With `--cross-check`: the value of every layer and the gradient of every parameter, on the shipped weights. What differs is computed again at inputs moved within rounding, which tells kinks from errors. Of gradients that differ, central differences of the loss in float64 on Torch, with Richardson extrapolation, along the direction in which they differ, say which is right.",
        Threshold: "A difference of more than 1e-4 of the tensor's largest entry; for gradients, of at least a hundredth of the largest entry of all gradients.",
        Example: "`layer3.conv1.weight`: the gradients differ by 0.02 of the largest entry, finite differences agree with autograd.",
        Remedy: "Run the audit on the engine that the finite differences agree with (`--engine ort` or `--engine torch`), and report the difference with the model.",
        WhenToIgnore: "Never.",
        References: "Griewank and Walther, Evaluating Derivatives, 2008"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context.CrossChecked is not { Failure: null } found) yield break;
        if (found.FirstNode is { } first)
        {
            var worst = found.Layers.Where(t => t.Agreement == Agreement.Differs).Select(t => t.Difference).DefaultIfEmpty(0).Max();
            yield return new Observation(first, "From this node on the engines compute different values.", $"difference {NumberFormat.Value(worst)} of the largest entry", $"<= {NumberFormat.Value(CompareRuns.Tolerance)}", worst)
            {
                Node = context.CanonicalView?.Nodes.FirstOrDefault(n => string.Equals(n.LogicalName, first, StringComparison.Ordinal)),
                Remedy = "Report the difference with the model; the numbers behind this node are not to be trusted.",
            };
        }
        foreach (var tensor in found.Gradients.Where(t => t.Agreement == Agreement.Differs))
        {
            var witness = found.Witness is { } w ? $" Along the direction in which gradients differ the derivative is {NumberFormat.Value(w.Ours)} by ours, {NumberFormat.Value(w.Autograd)} by autograd and {NumberFormat.Value(w.Difference)} by finite differences." : "";
            yield return new Observation(tensor.Name, $"The engines give this parameter different gradients.{witness}", $"difference {NumberFormat.Value(tensor.Difference)} of the largest entry", $"<= {NumberFormat.Value(CompareRuns.Tolerance)}", tensor.Difference)
            {
                Value = context.Canonical?.Parameters.FirstOrDefault(p => string.Equals(p.Name, tensor.Name, StringComparison.Ordinal))?.Value,
                Remedy = "Run the audit on the engine that the finite differences agree with, and report the difference with the model.",
            };
        }
    }
}
