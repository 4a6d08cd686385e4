using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>ONX008. An audit that ended without its report left nothing to look at: <see cref="Finding"/> makes its finding.</summary>
static class UnfinishedAudit
{
    public static readonly Rule Rule = new("ONX008", "UnfinishedAudit", "The audit of the model ended before its report was made", Severity.Error, RuleCost.Scan, new RuleText(
        WhatItFinds: "A model whose audit, in a process of its own, crashed, was killed when memory ran out, or did not end in its time.",
        WhyItMatters: """
            Nothing is known of the model. A model that brings down a runtime while it is only measured will hardly do better in training; and a report that left it out would look as if all were well.
            """,
        HowItIsComputed: "Of several models each is audited in a process of its own. Where that process ends without handing over a report, its exit code or signal and the last line that it wrote are the finding. The other models are audited all the same.",
        Threshold: "None: the report was made or it was not. The program ends with exit code 5 where memory or time ran out, with 4 otherwise.",
        Example: "`vendor/huge.onnx`: the audit was killed, which the system does when memory runs out.",
        Remedy: """
            Memory: give a smaller `--batch`, smaller inputs by `--shape`, fewer `--jobs`, or a machine with more. Time: a larger `--time-budget`, `--profile fast`. A crash: audit the model alone; `onnx-auditor rewrite --canonical` and another
            version of ONNX Runtime show whether its kernels are to blame.
            """,
        WhenToIgnore: "Never. Suppress it by path where a model is known to be too large for the machine.",
        References: "None; an observation about the run."),
        _ => []);

    /// <summary>The finding of a model whose audit ended without a report.</summary>
    /// <param name="path">The model as reports name it.</param>
    /// <param name="reason">Why.</param>
    /// <param name="isBudget">Whether time or memory ran out.</param>
    public static Finding Finding(string path, string reason, bool isBudget) => new(
        Rule.Id, Severity.Error, Confidence.Certain, path, $"The audit ended without a report: {reason.TrimEnd('.')}.", "no report", "a report",
        isBudget ? "Give a smaller --batch, smaller inputs by --shape, fewer --jobs, or more time by --time-budget." : "Audit the model alone to see all that is said; another version of ONNX Runtime shows whether its kernels are to blame.",
        Fingerprints.OfFile(Rule.Id, path));
}
