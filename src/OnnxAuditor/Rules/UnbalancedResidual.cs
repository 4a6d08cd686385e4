using OnnxAuditor.Measurement.Instruments;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>ACT011.</summary>
static class UnbalancedResidual
{
    static readonly Threshold Dominates = new("ACT011.dominates", 1e3, "", "a variance of the branch this many times that of the skip path drowns it");
    static readonly Threshold Vanishes = new("ACT011.vanishes", 1e-6, "", "a variance of the branch below this share of the skip path's does nothing");

    public static readonly Rule Rule = new("ACT011", "UnbalancedResidual", "A residual branch drowns its skip path, or vanishes beside it", Severity.Warning, RuleCost.Forward, new RuleText(
        WhatItFinds: "Residual blocks with an identity path whose branch has a variance larger or smaller than that of the path by orders of magnitude.",
        WhyItMatters: """
            The identity path is what carries signal and gradient through depth. Where the branch drowns it, a block is a plain layer and depth is as hard as without skip connections; where the branch
            vanishes, the block computes nothing that the next one could see.
            """,
        HowItIsComputed: """
            For each sum of two values of which one is computed from the other through a convolution, linear or recurrent layer: the variance of the branch over that of the skip path, each from 4096 elements at
            equal distances in the run on the shipped weights (a variance of Gaussian values is then right to 2 %). Blocks whose skip path is a projection are not judged. A branch that is exactly
            zero is an initialisation (zero-initialised scale, low-rank adapter) and is left out.
            """,
        Threshold: "Branch over skip above 1000, or below 1e-6. A stack of L equal branches at initialisation has 1/l at block l (De and Smith 2020), so that not even a thousand blocks leave these bounds. Networks measured here lie within a factor of 60 either way.",
        Example: "`/layer3.5/Add`: the branch has 4100 times the variance of the skip path.",
        Remedy: "Dominates: scale the branch by 1/√L over L blocks, use LayerScale, or normalise at the end of the branch. Vanishes: check the branch's last scale and weight decay on it; remove the block if it is not needed.",
        WhenToIgnore: "At the first block behind an embedding of small numbers, and with LayerScale at initialisation (1e-6 by design).",
        References: "De and Smith 2020, arXiv 2002.10444; Zhang, Dauphin and Ma 2019 (Fixup), arXiv 1901.09321; Touvron et al. 2021 (LayerScale), arXiv 2103.17239"),
        Find)
    { Thresholds = [Dominates, Vanishes] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (SignalLayers.Samples(context) is not { } samples) yield break;
        foreach (var block in ResidualSums.In(context))
        {
            if (samples.Of.GetValueOrDefault(LayerSamples.Operand(block.Sum.Node, block.Branch)) is not { } branch || samples.Of.GetValueOrDefault(LayerSamples.Operand(block.Sum.Node, block.Skip)) is not { } skip) continue;
            var (of, over) = (branch.Variance(), skip.Variance());
            var ratio = of / over;
            if (!(of > 0 && over > 0) || !double.IsFinite(ratio) || (ratio <= context.Limit(Dominates) && ratio >= context.Limit(Vanishes))) continue;
            var drowns = ratio > context.Limit(Dominates);
            yield return new Observation(
                block.Sum.Name, drowns ? $"The branch has {NumberFormat.Value(ratio)} times the variance of the skip path, which is drowned in it." : $"The branch has {NumberFormat.Value(ratio)} of the variance of the skip path: the block does nothing.",
                $"branch over skip {NumberFormat.Value(ratio)}", drowns ? $"≤ {NumberFormat.Value(context.Limit(Dominates))}" : $"≥ {NumberFormat.Value(context.Limit(Vanishes))}", Math.Abs(Math.Log10(ratio)))
            {
                Confidence = context.SyntheticInputs ? Confidence.Likely : Confidence.Certain,
                Node = block.Sum.Node,
                Remedy = drowns ? "Scale the branch by 1/√L over L blocks, use LayerScale, or normalise at its end." : "Check the scale at the end of the branch and the weight decay on it, or remove the block.",
            };
        }
    }
}
