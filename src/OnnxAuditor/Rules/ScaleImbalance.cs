using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>WGT014.</summary>
static class ScaleImbalance
{
    static readonly Threshold Ratio = new("WGT014.ratio", 1000, "", "a larger ratio of the sizes of consecutive layers is reported");

    public static readonly Rule Rule = new("WGT014", "ScaleImbalance", "Consecutive layers differ in scale by orders of magnitude", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: "Pairs of consecutive layers with ReLU or nothing between them, one of which has weights a thousand times as large as the other's.",
        WhyItMatters: """
            Multiplying a layer by s and the next by 1/s leaves the outputs as they are, but not the training: the gradient of the one grows by s, that of the other shrinks by it. At a ratio of 1000 one learning rate
            moves the small layer by more than itself a step and the large one not at all, and weight decay pulls on the large one alone.
            """,
        HowItIsComputed: """
            The size of a layer is the root mean square of its weights times √fan_in: what it does to the size of a signal. Compared are two layers with nothing between them but ReLU, LeakyReLU, PRelu, pooling, biases and
            re-laying, and no other use of the value between: exactly then the factor can be moved. A normalisation between them divides it out; such pairs are left alone.
            """,
        Threshold: "A ratio of 1000 either way. Laws of initialisation keep it within 2.5; the trained networks of docs/findings.md lie within 10.",
        Example: "`conv1.weight` has size 0.002, `conv2.weight` 31: a ratio of 1.6e4.",
        Remedy: """
            Move the factor: divide the larger layer's weights by √ratio, multiply the smaller one's weights and bias by it (biases of the layers behind are not touched). The outputs stay the same to rounding. Or use
            an optimiser that normalises steps by layer (Adam, LARS, LAMB).
            """,
        WhenToIgnore: "Where the optimiser does not care (Adam without weight decay), or one of the two layers stays frozen.",
        References: "Neyshabur, Salakhutdinov and Srebro 2015, arXiv 1506.02617 (Path-SGD); Stock et al. 2019, arXiv 1902.10416 (equi-normalisation); Nagel et al. 2019, arXiv 1906.04721 (cross-layer equalisation)"),
        Find)
    { Thresholds = [Ratio] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context is not { Canonical: { StructureOnly: false }, CanonicalView: { } view }) yield break;
        var layers = LayerChain.Layers(context);
        foreach (var first in layers.Values)
        {
            var step = LayerChain.Next(view, layers, first);
            if (step.Next is not { } second || !LayerChain.KeepsFactors(step.Activation)) continue;
            var ratio = SizeOf(second) / SizeOf(first);
            if (Math.Max(ratio, 1 / ratio) <= context.Limit(Ratio)) continue;
            yield return new Observation(
                first.Name, $"The layer has size {NumberFormat.Value(SizeOf(first))}, the next one, {second.Name}, {NumberFormat.Value(SizeOf(second))}: one learning rate does not fit both.",
                $"ratio {NumberFormat.Value(Math.Max(ratio, 1 / ratio))}", $"≤ {NumberFormat.Value(context.Limit(Ratio))}", Math.Max(ratio, 1 / ratio))
            {
                Value = first.Value,
                OtherPlaces = [second.Name],
                Remedy = "Divide the larger of the two layers by the root of the ratio and multiply the smaller one, with its bias where it is the first, by it: the outputs stay the same.",
            };
        }
    }

    /// <summary>rms(w)·√fan_in.</summary>
    static double SizeOf(Weight weight) => weight.Statistics.Rms * Math.Sqrt(weight.FanIn!.Value);
}
