using OnnxAuditor.Measurement.Instruments;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>ACT006.</summary>
static class AttentionCollapse
{
    static readonly Threshold Collapsed = new("ACT006.collapsed", 0.05, "", "a mean relative entropy below this is collapsed");
    static readonly Threshold Uniform = new("ACT006.uniform", 0.99, "", "a mean relative entropy above this is uniform");

    public static readonly Rule Rule = new("ACT006", "AttentionCollapse", "Attention looks at one place only, or everywhere alike", Severity.Warning, RuleCost.Forward, new RuleText(
        WhatItFinds: "Attention layers whose heads, taken together, put all weight on single entries, or the same weight on all of them.",
        WhyItMatters: """
            Collapsed attention passes no gradient through its Softmax, whose derivative p(1 − p) is zero at both ends; training with it tends to diverge. Uniform attention is a mean over tokens: queries and keys have
            no effect, and the layer could be replaced by pooling.
            """,
        HowItIsComputed: """
            For each Softmax over the last axis, of at least 4 entries, that a matrix product takes as its first factor: the entropy −Σ p ln p of each row over ln n, n the entries that no mask takes (scores more than 5000 below the row's largest are masked), in the run on the
            shipped weights; its mean over rows, samples and heads. Single heads that look at one place are common and of use, so a layer is judged as a whole.
            """,
        Threshold: "Mean relative entropy below 0.05, or above 0.99. Freshly drawn weights give uniform attention by design: where they look drawn (TRN026), nothing is said. The heads of the trained network with attention that was measured here (ppocr_rec) had 0.57 to 0.96.",
        Example: "`/blocks.5/attn/Softmax`: mean relative entropy 0.012 over 8 heads of 128 keys.",
        Remedy: "Collapsed: normalise queries and keys (QK-norm), lower the learning rate or warm it up, reparametrise by the spectral norm (σReparam), check the factor 1/√d in front of the Softmax. Uniform: check that queries and keys are not zero and that no mask or position is missing.",
        WhenToIgnore: "Where attention is hard by design, and with random tokens, to which a trained model may answer by looking at one fixed place; confirm with `--data`.",
        References: "Zhai et al. 2023, arXiv 2303.06296; Dehghani et al. 2023, arXiv 2302.05442 (QK-norm); Vaswani et al. 2017, arXiv 1706.03762"),
        Find)
    { Thresholds = [Collapsed, Uniform] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context.Run?.Read(AttentionEntropies.Instrument).Value is not { } attention) yield break;
        var drawn = new Lazy<bool>(() => NeverTrained.Rule.Find(context).Any());
        foreach (var layer in attention.Layers)
        {
            var (mean, heads) = (layer.Mean, layer.Heads.Count);
            if (double.IsNaN(mean) || (mean >= context.Limit(Collapsed) && mean <= context.Limit(Uniform))) continue;
            var isUniform = mean > context.Limit(Uniform);
            if (isUniform && drawn.Value) continue;
            yield return new Observation(
                layer.Node.LogicalName, isUniform
                    ? $"Attention is uniform over {NumberFormat.Count(layer.Keys, "key")} in {NumberFormat.Count(heads, "head")}: queries and keys have no effect."
                    : $"Attention of {NumberFormat.Count(heads, "head")} puts nearly all weight on one of {NumberFormat.Count(layer.Keys, "key")}.",
                $"relative entropy {NumberFormat.Value(mean)}", isUniform ? $"≤ {NumberFormat.Value(context.Limit(Uniform))}" : $"≥ {NumberFormat.Value(context.Limit(Collapsed))}", isUniform ? mean : 1 - mean)
            {
                Confidence = context.SyntheticInputs ? Confidence.Hint : Confidence.Likely,
                Node = layer.Node,
                Remedy = isUniform ? "Check that queries, keys and positions reach the product and that none is zero; confirm with --data." : "Normalise queries and keys (QK-norm), warm the learning rate up, check the factor 1/√d; confirm with --data.",
            };
        }
    }
}
