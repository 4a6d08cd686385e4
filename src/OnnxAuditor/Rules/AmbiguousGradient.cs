using OnnxAuditor.Measurement;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>GRD015.</summary>
static class AmbiguousGradient
{
    public static readonly Rule Rule = new("GRD015", "AmbiguousGradient", "A gradient depends on which side of a kink rounding falls", Severity.Info, RuleCost.CrossCheck, new RuleText(
        WhatItFinds: "Gradients in which ONNX Runtime with our gradient graph and Torch with autograd differ, but no more than each differs from itself when the inputs are moved within rounding.",
        WhyItMatters: "At a kink (a ReLU at zero, equal numbers in a maximum or a MaxPool) the derivative is one of several, and rounding decides which. That is no error of an engine; but a network that stands on many kinks at once, as a quantised or zero-padded one may, trains differently on every machine.",
        HowItIsComputed: "With `--cross-check`: both engines give every parameter's gradient on the shipped weights; those that differ are computed again at inputs moved by 1e-6 of their largest magnitude, up to four times.",
        Threshold: "A difference of more than 1e-4 of the tensor's largest entry; for gradients, of at least a hundredth of the largest entry of all gradients.",
        Example: "`conv2.weight`: the engines differ by 3e-3; moved inputs make each differ from itself by as much.",
        Remedy: "Nothing to mend where few parameters are named. Where most are, look for inputs or activations that are exactly equal or exactly zero (padding, constant images, dead channels).",
        WhenToIgnore: "Always, where a handful of parameters is named.",
        References: "Griewank and Walther, Evaluating Derivatives, 2008, chapter 14"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context.CrossChecked is not { Failure: null } found) yield break;
        foreach (var tensor in found.Gradients.Where(t => t.Agreement == Agreement.Kink))
        {
            yield return new Observation(tensor.Name, "The engines differ here, and each differs from itself as much when the inputs are moved within rounding.", $"difference {NumberFormat.Value(tensor.Difference)} of the largest entry", $"<= {NumberFormat.Value(CompareRuns.Tolerance)}", tensor.Difference)
            {
                Remedy = "Nothing to mend in one place; where most parameters are named, look for activations that are exactly equal or zero.",
                Value = context.Canonical?.Parameters.FirstOrDefault(p => string.Equals(p.Name, tensor.Name, StringComparison.Ordinal))?.Value,
            };
        }
    }
}
