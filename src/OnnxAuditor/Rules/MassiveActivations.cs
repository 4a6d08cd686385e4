using OnnxAuditor.Measurement;
using OnnxAuditor.Measurement.Instruments;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>ACT008.</summary>
static class MassiveActivations
{
    static readonly Threshold Ratio = new("ACT008.ratio", 1e3, "", "a largest value this many times the median is massive");
    static readonly Threshold Size = new("ACT008.size", 100, "", "smaller values are none, whatever the median");

    public static readonly Rule Rule = new("ACT008", "MassiveActivations", "A few activations are thousands of times larger than the rest", Severity.Warning, RuleCost.Forward, new RuleText(
        WhatItFinds: "Layers, and sums at the end of residual blocks, whose largest value exceeds the typical one by more than a thousand times.",
        WhyItMatters: """
            A scale that fits the largest value leaves nothing for the others: quantised to 8 bits they are all zero, and float16 is near its end. In training such values act as biases that the
            optimiser hardly moves; gradients through the following normalisation are those of the few channels alone.
            """,
        HowItIsComputed: """
            In the run on the shipped weights: the largest absolute value of the output of each convolution, linear layer and norm, and of each sum at the end of a residual block, over the median of the absolute values.
            The largest is that of all elements; the median is that of 4096 elements at equal distances, since a median inside of the graph would sort every tensor: its rank is right to 1.6 %, and a ratio of
            a thousand does not depend on that. A layer whose median is zero has none and is left out.
            """,
        Threshold: "A ratio above 1000 and a value above 100, as massive activations are defined by Sun et al. 2024. Published networks without them were measured at ratios of 4 to 540.",
        Example: "`/layers.3/Add_1`: largest value 2412, median 0.31.",
        Remedy: "For quantisation: keep the layer in float, or quantise by channel or after a rotation. For training: clip the norm of gradients, add registers or an attention sink (a learned bias key), or train with weight decay on the norm's scale.",
        WhenToIgnore: "Where the model is neither trained on nor quantised.",
        References: "Sun et al. 2024, Massive activations in large language models, arXiv 2402.17762; Dettmers et al. 2022, arXiv 2208.07339; Xiao et al. 2023, arXiv 2211.10438"),
        Find)
    { Thresholds = [Ratio, Size] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context is not { Run: { } run } || SignalLayers.Samples(context) is not { } samples) yield break;
        var layers = run.Layers.Where(l => l.Layer.Kind is LayerKind.Convolution or LayerKind.Linear or LayerKind.Norm).Select(l => (l.Layer, Largest: l.Moments?.MaxAbs))
            .Concat(ResidualSums.In(context).Select(s => (Layer: s.Sum, Largest: samples.Of.GetValueOrDefault(LayerSamples.Output(s.Sum.Output))?.MaxAbs)));
        foreach (var (layer, largest) in layers)
        {
            if (largest is not { } most || samples.Of.GetValueOrDefault(LayerSamples.Output(layer.Output)) is not { } sample || most <= context.Limit(Size)) continue;
            var median = sample.MedianAbs();
            if (!(median > 0) || !(most / median > context.Limit(Ratio)) || !double.IsFinite(most)) continue;
            yield return new Observation(
                layer.Name, $"The largest value is {NumberFormat.Value(most)} where half of the values are below {NumberFormat.Value(median)}.", $"ratio {NumberFormat.Value(most / median)}", $"≤ {NumberFormat.Value(context.Limit(Ratio))}", most / median)
            {
                Confidence = context.SyntheticInputs ? Confidence.Likely : Confidence.Certain,
                Node = layer.Node,
                Remedy = "Keep this layer out of quantisation and float16, or quantise by channel; for training clip gradients and add a learned attention sink.",
            };
        }
    }
}
