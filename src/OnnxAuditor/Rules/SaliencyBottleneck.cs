using OnnxAuditor.Measurement;
using OnnxAuditor.Measurement.Instruments;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>GRD014.</summary>
static class SaliencyBottleneck
{
    static readonly Threshold Share = new("GRD014.share", 1e-6, "", "a share of the saliency of all layers below this is reported");
    static readonly Threshold MinLayers = new("GRD014.layers", 4, "layers", "networks of fewer layers with weights are left alone");

    public static readonly Rule Rule = new("GRD014", "SaliencyBottleneck", "A layer that everything passes has no weight in the loss", Severity.Warning, RuleCost.Backward, new RuleText(
        WhatItFinds: "Layers that all paths from inputs to outputs pass, and whose weights, all together, matter less to the loss than a millionth of all weights.",
        WhyItMatters: "Where everything passes such a layer, the signal is lost there: changing any of its weights by a per cent changes nothing. A pruning by saliency would remove the layer as a whole (layer collapse) and cut the network in two.",
        HowItIsComputed: """
            Σ |w · ∂L/∂w| over the weights of each convolution, linear and recurrent layer, in the run on the shipped weights, over the sum for all layers. It does not change where one layer is scaled up and the next one down, nor under
            normalisation. Judged are layers whose output every path passes: of parallel branches and heads, one may matter little without being a bottleneck. Saliencies of exactly zero are TRN015's business. Left out where gradients vanish
            altogether (GRD001).
            """,
        Threshold: "1e-6 of the whole. Networks measured here have 9e-4 or more at every layer, but for detectors with parallel branches and heads, of which one may have 9e-8.",
        Example: "`/neck/Conv`: 3e-8 of the saliency.",
        Remedy: "Widen the layer, re-initialise it and the one in front of it, or look for saturated or dead units behind it (ACT001, ACT002).",
        WhenToIgnore: "Where the loss of the report is not that of training.",
        References: "Lee, Ajanthan and Torr 2019 (SNIP), arXiv 1810.02340; Tanaka et al. 2020 (SynFlow, layer collapse), arXiv 2006.05467"),
        Find)
    { Thresholds = [Share, MinLayers] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context is not { Run: { } run, Canonical: { } canonical } || run.Read(WeightSaliency.Instrument).Value is not { } saliency || saliency.Of.Count < context.Limit(MinLayers)) yield break;
        var total = saliency.Of.Sum(s => s.Saliency);
        if (!(total > 0) || !double.IsFinite(total)) yield break;
        var weak = saliency.Of.Where(s => s.Saliency > 0 && s.Saliency < context.Limit(Share) * total).ToList();
        if (weak.Count == 0) yield break;
        var passed = FindBlocks.CutValues(canonical.Model.Graph).Select(v => v.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var (parameter, of) in weak)
        {
            if (!parameter.Uses.All(u => u.Node.Outputs.Any(o => o is not null && passed.Contains(o.Name)))) continue;
            yield return new Observation(
                parameter.Name, $"All paths pass this layer, whose weights have {NumberFormat.Value(of / total)} of the saliency of all {saliency.Of.Count} layers.", $"share {NumberFormat.Value(of / total)}", $"≥ {NumberFormat.Value(context.Limit(Share))}", total / of)
            {
                Confidence = context.OwnTargets && !context.SyntheticInputs ? Confidence.Likely : Confidence.Hint,
                Value = parameter.Value,
                Remedy = "Widen or re-initialise the layer, and look for saturated or dead units behind it.",
            };
        }
    }
}
