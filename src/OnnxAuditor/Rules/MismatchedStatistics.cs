using GraphRewriter.Ir;
using MathNet.Numerics.Statistics;
using OnnxAuditor.Measurement;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>ACT013.</summary>
static class MismatchedStatistics
{
    static readonly Threshold Shift = new("ACT013.shift", 1, "standard deviations", "a median shift of the channels' means beyond this is reported");
    static readonly Threshold Spread = new("ACT013.spread", 4, "", "a median ratio of variances beyond this, either way, is reported");

    public static readonly Rule Rule = new("ACT013", "MismatchedStatistics", "BatchNormalization was trained on other data than these", Severity.Info, RuleCost.Backward, new RuleText(
        WhatItFinds: "A first BatchNormalization whose running statistics do not fit the data given with `--data`.",
        WhyItMatters: "Running statistics are a record of the training data. Where the data given have other means or variances, the preprocessing differs from that of training: the most common reason why a good network gives bad answers, and why fine-tuning begins with a jump of the loss.",
        HowItIsComputed: """
            Of the first BatchNormalization with frozen statistics that follows a convolution or linear layer: for each channel the distance of the batch's mean from the running mean, over the running standard deviation, and the
            batch's variance over the running variance; of each the median over channels. Judged with data of the user's only: synthetic noise fits no natural statistics. With batch statistics (`--norm-stats batch`) nothing is judged.
            """,
        Threshold: "A median shift of more than 1 standard deviation, or a median ratio of variances beyond 4 either way. A batch of 16 independent samples has means within 0.5 standard deviations, 19 times in 20, even where all positions of a sample agree.",
        Example: "`/conv1/bn`: the means are 3.1 standard deviations off, variances 38 times larger than in training.",
        Remedy: "Check the preprocessing: scale (0–1 or 0–255), mean and standard deviation, order of colour channels, order of axes. If the data are right, re-estimate the statistics: a few hundred batches in training mode without updating weights.",
        WhenToIgnore: "Where the data are meant to be of another kind than in training; then train with batch statistics or re-estimate them first.",
        References: "Ioffe and Szegedy 2015, arXiv 1502.03167; Li et al. 2017 (AdaBN), arXiv 1603.04779; Schneider et al. 2020, arXiv 2006.16971"),
        Find)
    { Thresholds = [Shift, Spread] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context.SyntheticInputs || First(context) is not { } first) yield break;
        var (shift, spread) = (first.Shifts.Median(), first.Spreads.Median());
        if (shift <= context.Limit(Shift) && spread <= context.Limit(Spread) && spread >= 1 / context.Limit(Spread)) yield break;
        yield return new Observation(
            first.Norm.LogicalName, $"The data's means lie {NumberFormat.Value(shift)} standard deviations from the running means, and their variances are {NumberFormat.Value(spread)} times the running ones (medians over {NumberFormat.Count(first.Shifts.Count, "channel")}).",
            $"shift {NumberFormat.Value(shift)}, variances × {NumberFormat.Value(spread)}", $"shift ≤ {NumberFormat.Value(context.Limit(Shift))}, variances within × {NumberFormat.Value(context.Limit(Spread))}", shift)
        {
            Confidence = Confidence.Likely,
            Node = first.Norm,
            Remedy = "Check scale, mean, standard deviation and channel order of the preprocessing; if the data are right, re-estimate the statistics.",
        };
    }

    /// <summary>
    /// How the batch at the first BatchNormalization with frozen statistics that follows a measured layer compares with its running statistics, channel by channel; null where there is none.
    /// </summary>
    /// <param name="context">What rules look at.</param>
    /// <returns>The norm, the layer in front of it, the distances of means in running standard deviations, and the batch's variances over the running ones.</returns>
    internal static (Node Norm, Layer Layer, IReadOnlyList<double> Shifts, IReadOnlyList<double> Spreads)? First(RuleContext context)
    {
        if (context is not { Run: { Protocol.Statistics: NormStatistics.Frozen } run, CanonicalView: { } view }) return null;
        foreach (var norm in view.Graph.Nodes.Where(n => n is { Domain: "", OpType: "BatchNormalization" }))
        {
            if (norm.Input(0) is not { } taken || run.Layers.FirstOrDefault(l => string.Equals(l.Layer.Output.Name, taken.Name, StringComparison.Ordinal)) is not { Channels: { } batch } measured) continue;
            if (Floats(norm.Input(3)) is not { } mean || Floats(norm.Input(4)) is not { } variance || mean.Length != batch.Mean.Count) return null;
            var epsilon = norm.Float("epsilon", 1e-5f);
            var channels = Enumerable.Range(0, mean.Length).Where(c => variance[c] > 0 && double.IsFinite(batch.Variance[c])).ToList();
            return channels.Count == 0 ? null
                : (norm, measured.Layer, [.. channels.Select(c => Math.Abs(batch.Mean[c] - mean[c]) / Math.Sqrt(variance[c] + epsilon))], [.. channels.Select(c => batch.Variance[c] / variance[c])]);
        }
        return null;
    }

    static float[]? Floats(Value? value) => ModelView.ConstantOf(value) is { Unavailable: null } data && data.Type.IsFloat ? data.ToFloats() : null;
}
