using GraphRewriter.Ir;
using OnnxAuditor.Measurement;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>ACT007.</summary>
static class ConstantChannels
{
    /// <summary>Deviations of less than this share of the mean are rounding of float32: the mean of equal numbers is right to about 1e-7 of them.</summary>
    const double Rounding = 1e-6;

    static readonly Threshold Share = new("ACT007.share", 0.1, "", "the share of constant channels above which a layer is reported");
    static readonly Threshold OnNoise = new("ACT007.noise", 0.5, "", "the same where inputs are random");
    static readonly Threshold MinChannels = new("ACT007.channels", 8, "channels", "layers of fewer channels are left alone");
    static readonly Threshold MinValues = new("ACT007.values", 64, "values a channel", "fewer observed values than this prove no channel constant");

    public static readonly Rule Rule = new("ACT007", "ConstantChannels", "Channels give one number whatever comes in", Severity.Warning, RuleCost.Backward, new RuleText(
        WhatItFinds: "Convolutions and linear layers some of whose channels are the same number at all positions of all samples, though their weights are not zero.",
        WhyItMatters: "Such a channel is a bias of the next layer that costs a filter. What it takes is constant itself (dead or saturated units in front of it), or its weights are so small that nothing shows beside the bias.",
        HowItIsComputed: """
            From the variance of each channel over samples and positions, in the run on the shipped weights: a channel is constant where its standard deviation is at most 1e-6 of its mean, which is what rounding
            leaves. Channels whose weights are all zero are WGT003's business; a layer that takes nothing but an activation with as many dead units is ACT001's. Layers that meet nothing but a state are left out.
            """,
        Threshold: "More than 10 % of at least 8 channels, seen at 64 values at least. With random inputs more than half: on noise, single channels of published networks are constant (up to a third of a layer).",
        Example: "`/stage3/conv2/Conv`: 20 of 60 channels are constant.",
        Remedy: "Prune the channels: fold their value into the biases of the next layer. Where training is to go on: re-initialise their filters, lower weight decay, and look for dead units in front of them.",
        WhenToIgnore: "Where inputs are random and real ones reach the channels; confirm with `--data`. In networks pruned on purpose.",
        References: "Li et al. 2017, arXiv 1608.08710; Mehta et al. 2019, arXiv 1811.12495 (filters that weight decay removes)"),
        Find)
    { Thresholds = [Share, OnNoise, MinChannels, MinValues] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context is not { Run: { } run, CanonicalView: { } view }) yield break;
        var fed = SignalLayers.Fed(context, view);
        var dead = run.Layers.Where(l => l.Moments is { DeadFraction: > 0 }).ToDictionary(l => l.Layer.Output.Name, l => l, StringComparer.Ordinal);
        var limit = context.Limit(context.SyntheticInputs ? OnNoise : Share);
        foreach (var measured in run.Layers)
        {
            if (measured is not { Channels: { } channels, Covariance.Rows: var rows } || channels.Mean.Count < context.Limit(MinChannels) || rows < context.Limit(MinValues)) continue;
            if (view.Own(measured.Layer.Output) is not { } output || !fed.Contains(output)) continue;
            var norms = context.Weights.FirstOrDefault(w => w.IsKernel && w.Use.Node == view.Own(measured.Layer.Node))?.UnitNorms();
            var count = 0;
            for (var c = 0; c < channels.Mean.Count; c++)
                if (Math.Sqrt(channels.Variance[c]) <= Rounding * Math.Abs(channels.Mean[c]) && !(norms is not null && norms.Length == channels.Mean.Count && norms[c] == 0)) count++;
            var share = (double)count / channels.Mean.Count;
            if (share <= limit || IsExplained(view, measured.Layer, count, dead)) continue;
            yield return new Observation(
                measured.Layer.Name, $"{count} of {NumberFormat.Count(channels.Mean.Count, "channel")} are the same number at all {NumberFormat.Count(rows, "position")} of all samples, though their weights are not zero.",
                NumberFormat.Percent(share) + " of the channels", $"≤ {NumberFormat.Percent(limit)}", share)
            {
                Confidence = context.SyntheticInputs ? Confidence.Likely : Confidence.Certain,
                Node = measured.Layer.Node,
                Remedy = "Fold the channels into the next layer's biases, or re-initialise their filters and lower weight decay; confirm with --data where inputs are synthetic.",
            };
        }
    }

    /// <summary>Whether the layer takes the output of an activation that has as many dead units.</summary>
    static bool IsExplained(ModelView view, Layer layer, int count, Dictionary<string, LayerMeasurement> dead) =>
        view.Own(layer.Node)?.Inputs.OfType<Value>().Any(i => dead.TryGetValue(i.Name, out var before) && before.Moments!.DeadFraction * before.Layer.Output.Shape?[before.Layer.ChannelAxis].Size >= count - 0.5) == true;
}
