using OnnxAuditor.Measurement;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>NUM003.</summary>
static class RewriteChangesOutputs
{
    public static readonly Rule Rule = new("NUM003", "RewriteChangesOutputs", "The rewritten model computes something else than the file", Severity.Error, RuleCost.CrossCheck, new RuleText(
        WhatItFinds: "Outputs of the canonical form, from which all measurements are made, that differ from those of the file as it was read, both on ONNX Runtime with the same inputs.",
        WhyItMatters: "Everything in the report is then about another network than the one in the file. This is a self-check: the fault is this program's, or an optimisation of ONNX Runtime's.",
        HowItIsComputed: "With `--cross-check`: the file as it was read, without optimisation, and its canonical form run on the same inputs. Models that draw at random, are stored in half precision or are bound to other shapes than the file fixes are not compared, and the report says so.",
        Threshold: "A difference of more than 1e-4 of the output's largest entry that stays where the inputs are moved within rounding.",
        Example: "Output `logits`: 0.02 of the largest entry.",
        Remedy: "Report it with the model or the smallest part of it that shows the difference; take no number of this report for true.",
        WhenToIgnore: "Never.",
        References: "The operators' definitions: ONNX operator schemas"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context.CrossChecked is not { Failure: null } found) yield break;
        foreach (var tensor in found.Outputs.Where(t => t.Agreement == Agreement.Differs))
        {
            yield return new Observation(tensor.Name, "This output of the canonical form differs from that of the file as it was read.", $"difference {NumberFormat.Value(tensor.Difference)} of the largest entry", $"<= {NumberFormat.Value(CompareRuns.Tolerance)}", tensor.Difference)
            {
                Remedy = "Report it with the model; take no number of this report for true.",
            };
        }
    }
}
