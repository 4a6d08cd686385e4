using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN018.</summary>
static class TiedParameter
{
    public static readonly Rule Rule = new("TRN018", "TiedParameter", "One parameter serves several layers", Severity.Info, RuleCost.Scan, new RuleText(
        WhatItFinds: "Parameters that more than one operator uses.",
        WhyItMatters: """
            Their gradient is the sum over all uses. That is what weight sharing means, and it is right; but importers that make a parameter of each use untie them silently, and a count of
            parameters by layers counts them twice.
            """,
        HowItIsComputed: """
            From the canonical graph: one tensor that reaches several weight slots. Tensors that an exporter merged merely because their values are equal, recognisable by an Identity with the lost
            parameter's name, are taken apart first and not counted.
            """,
        Threshold: "None.",
        Example: "`wte.weight` is the table of a Gather and, transposed, the matrix of the last MatMul.",
        Remedy: "Nothing, where the sharing is meant. Check after import that it is still one parameter.",
        WhenToIgnore: "Where the sharing is by design: tied embeddings, recurrent cells that were unrolled, detection heads shared over scales.",
        References: "Press and Wolf 2017, arXiv 1608.05859"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context) => (context.Canonical?.Parameters ?? [])
        .Where(p => p is { IsTied: true, Trainable: true })
        .Select(p => new Observation(
            p.Name, $"{NumberFormat.Count(p.Uses.Count, "operator")} use this parameter: {Phrase.List([.. p.Uses.Select(u => u.Node.LogicalName)])}.", NumberFormat.Count(p.Uses.Count, "use"), "1", p.Count)
        {
            Value = p.Value,
            Remedy = "Nothing, where the sharing is meant; check after import that it is still one parameter.",
        });
}
