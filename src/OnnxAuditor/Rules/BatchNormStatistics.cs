using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>WGT016.</summary>
static class BatchNormStatistics
{
    static readonly Threshold Share = new("WGT016.share", 0.1, "", "the share of a layer's channels from which on it is a warning; below, it is an info");
    static readonly Threshold Scale = new("WGT016.scale", 1e-4, "", "a |γ| below this part of the layer's median |γ| counts as none");
    static readonly Threshold Variance = new("WGT016.variance", 0.01, "", "a running variance below this part of ε counts as none");
    static readonly Threshold Mean = new("WGT016.mean", 100, "standard deviations", "a running mean beyond this many standard deviations is huge");

    public static readonly Rule Rule = new("WGT016", "BatchNormStatistics", "BatchNormalization has dead or extreme channels", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: "Channels of a BatchNormalization whose scale γ or running variance is practically zero, or whose running mean lies far outside the spread.",
        WhyItMatters: """
            A channel with γ = 0 passes on a constant. A channel with variance 0 never varied in training: what is divided by is ε alone, so that the smallest change at its input is amplified by
            1/√ε (300 for ε = 1e-5). With batch statistics such a channel behaves altogether differently than with the stored ones.
            """,
        HowItIsComputed: """
            For each BatchNormalization, per channel: |γ| against the layer's median |γ|; running variance against ε; |running mean| against √(variance + ε). A layer all of whose γ are zero is WGT003's.
            """,
        Threshold: "|γ| < 1e-4 of the median, variance < 0.01 ε, |mean| > 100 standard deviations. Warning from 10 % of a layer's channels on, info below: weight decay leaves a few in most networks.",
        Example: "`bn4`: 40 of 96 channels have variance below 1e-9, ε = 1e-5.",
        Remedy: "Remove the channels (the convolution in front gives a constant there), or re-initialise its filters. Re-estimate the statistics on data before fine-tuning: one epoch of forward passes in training mode.",
        WhenToIgnore: "Where the statistics stay frozen and the accuracy is as it should be.",
        References: "Ioffe and Szegedy 2015, arXiv 1502.03167; Liu et al. 2017, arXiv 1708.06519 (γ as a measure of a channel's use)"),
        Find)
    { Thresholds = [Share, Scale, Variance, Mean] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var norms = context.Weights.Where(w => w.Use.Node.OpType is "BatchNormalization").GroupBy(w => w.Use.Node);
        foreach (var norm in norms)
        {
            var epsilon = norm.Key.Float("epsilon", 1e-5f);
            var gamma = norm.FirstOrDefault(w => w.Use.Input == 1);
            var mean = norm.FirstOrDefault(w => w.Use.Input == 3);
            var variance = norm.FirstOrDefault(w => w.Use.Input == 4);
            if (gamma is not null && DeadScales(context, gamma) is { } scales) yield return scales;
            if (variance is null) continue;
            var flat = Count(variance, v => v < context.Limit(Variance) * epsilon);
            if (flat > 0) yield return Describe(context, variance, flat, $"a running variance below {NumberFormat.Value(context.Limit(Variance) * epsilon)} (ε is {NumberFormat.Value(epsilon)})", "variance ≈ 0");
            if (mean is not null && FarMeans(context, mean, variance, epsilon) is > 0 and var far)
                yield return Describe(context, mean, far, $"a running mean beyond {NumberFormat.Value(context.Limit(Mean))} standard deviations", "huge mean");
        }
    }

    static Observation? DeadScales(RuleContext context, Weight gamma)
    {
        var sizes = gamma.Floats.ToArray().Select(Math.Abs).Order().ToList();
        var median = sizes[sizes.Count / 2];
        if (median == 0) return null;
        var dead = sizes.Count(s => s < context.Limit(Scale) * median);
        return dead == 0 ? null : Describe(context, gamma, dead, $"a scale below {NumberFormat.Value(context.Limit(Scale))} of the layer's median", "γ ≈ 0");
    }

    static int FarMeans(RuleContext context, Weight mean, Weight variance, double epsilon)
    {
        var m = mean.Floats;
        var v = variance.Floats;
        var far = 0;
        for (var i = 0; i < Math.Min(m.Length, v.Length); i++) if (Math.Abs(m[i]) > context.Limit(Mean) * Math.Sqrt(Math.Max(v[i], 0) + epsilon)) far++;
        return far;
    }

    static int Count(Weight weight, Func<float, bool> condition)
    {
        var count = 0;
        foreach (var v in weight.Floats) if (condition(v)) count++;
        return count;
    }

    static Observation Describe(RuleContext context, Weight weight, int channels, string what, string kind)
    {
        var share = (double)channels / weight.Data.Count;
        return new Observation(weight.Name, $"{channels} of {NumberFormat.Count(weight.Data.Count, "channel")} have {what}.", $"{NumberFormat.Percent(share)} of the channels ({kind})", $"< {NumberFormat.Percent(context.Limit(Share))}", share)
        {
            Severity = share < context.Limit(Share) ? Severity.Info : Severity.Warning,
            Value = weight.Value,
            Remedy = "Remove or re-initialise these channels, and re-estimate the statistics on data before fine-tuning.",
        };
    }
}
