using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>WGT002.</summary>
static class DenormalWeights
{
    static readonly Threshold Share = new("WGT002.share", 0.01, "", "the share of elements above which it is a warning");

    public static readonly Rule Rule = new("WGT002", "DenormalWeights", "Weights have decayed to denormal numbers", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: "Parameters of which more than a hundredth of the elements lie below the smallest normal float32 number without being zero.",
        WhyItMatters: """
            Such numbers are what weight decay leaves of weights that get no gradient: units that are dead for the loss. Processors compute with them up to a hundred times slower unless told to
            flush them to zero, and results differ between machines that do and that do not.
            """,
        HowItIsComputed: "The share of elements with 0 < |w| < 2^-126 (1.175e-38), over trainable parameters as float32.",
        Threshold: "1 % of the elements. Single denormals occur in healthy networks.",
        Example: "`conv5.weight`: 12 % of the elements are denormal, whole filters of them.",
        Remedy: "Set them to zero (`w[w.abs() < 1e-30] = 0`), exclude dead units or lower the weight decay, and look at WGT003 afterwards: the filters are then zero.",
        WhenToIgnore: "Where the runtime flushes denormals (`session.set_denormal_as_zero` in ONNX Runtime) and the model is not trained further.",
        References: "IEEE 754-2019, section 3.4; ONNX Runtime, session option set_denormal_as_zero"),
        Find)
    { Thresholds = [Share] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        foreach (var weight in context.Weights.Where(w => w.Trainable))
        {
            var share = (double)weight.Statistics.Subnormal / weight.Statistics.Count;
            if (share <= context.Limit(Share)) continue;
            yield return new Observation(weight.Name, $"{NumberFormat.Count(weight.Statistics.Subnormal)} of {NumberFormat.Count(weight.Statistics.Count, "element")} are denormal.", NumberFormat.Percent(share) + " of the elements", $"≤ {NumberFormat.Percent(context.Limit(Share))}", share)
            {
                Value = weight.Value,
                Remedy = "Set them to zero and lower the weight decay, or remove the units that they belong to.",
            };
        }
    }
}
