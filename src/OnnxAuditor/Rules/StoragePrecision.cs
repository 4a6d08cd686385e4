using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>WGT017.</summary>
static class StoragePrecision
{
    static readonly Threshold Share = new("WGT017.share", 0.5, "", "the share of weight elements in float64 from which on it is a warning");

    public static readonly Rule Rule = new("WGT017", "StoragePrecision", "Weights are stored in another type than float32", Severity.Info, RuleCost.Scan, new RuleText(
        WhatItFinds: "Weights in float16, bfloat16 or float64.",
        WhyItMatters: """
            Half precision has 11 (bfloat16: 8) significant bits: updates below a thousandth (hundredth) of a weight are rounded away, so that training in it needs a float32 master copy and, for
            float16, loss scaling. Double precision costs twice the memory and up to 64 times the arithmetic on GPUs, without benefit for training.
            """,
        HowItIsComputed: "Elements by type over the constants that arrive at inputs which take weights. This program computes in float32 in either case.",
        Threshold: "Info where there are any; warning where at least half of the weight elements are float64.",
        Example: "A SqueezeNet of 1.2 million float16 weights.",
        Remedy: """
            Half: cast to float32 for training (`model.float()`), train under autocast, and convert afterwards. Double: `model.float()` before export; in numpy-based exporters `astype(np.float32)`.
            """,
        WhenToIgnore: "float16 or bfloat16 for inference; float64 where the application needs it.",
        References: "Micikevicius et al. 2018, arXiv 1710.03740; Kalamkar et al. 2019, arXiv 1905.12322"),
        Find)
    { Thresholds = [Share] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var weights = context.View.Constants.Where(c => c.Type.IsFloat && WeightSlots.Reached(context.View, c.Value) is not null).ToList();
        var total = weights.Sum(c => c.Count);
        foreach (var group in weights.Where(c => c.Type != ElementType.Float32).GroupBy(c => c.Type).OrderBy(g => g.Key))
        {
            var elements = group.Sum(c => c.Count);
            var isDouble = group.Key == ElementType.Float64;
            var first = group.OrderByDescending(c => c.Count).ThenBy(c => c.Value.Name, StringComparer.Ordinal).First();
            yield return new Observation(
                first.Value.Name, $"{NumberFormat.Count(group.Count(), "weight")} of {NumberFormat.Count(elements)} elements are stored in {group.Key}.", NumberFormat.Percent((double)elements / total) + $" of the weight elements in {group.Key}", "float32", elements)
            {
                Severity = isDouble && elements >= context.Limit(Share) * total ? Severity.Warning : Severity.Info,
                Value = first.Value,
                Count = group.Count(),
                Remedy = isDouble ? "Cast to float32 before export (model.float())." : "Keep a float32 master copy for training and convert afterwards; float16 needs loss scaling.",
            };
        }
    }
}
