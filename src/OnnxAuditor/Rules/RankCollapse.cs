using MathNet.Numerics.Statistics;
using OnnxAuditor.Measurement.Instruments;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>ACT004.</summary>
static class RankCollapse
{
    static readonly Threshold TokenDifference = new("ACT004.tokens", 1e-3, "", "one minus the mean cosine of tokens: below this they are taken for one");
    static readonly Threshold Directions = new("ACT004.directions", 1.05, "directions", "fewer effective directions in the last quarter of the layers are reported");
    static readonly Threshold MinDepths = new("ACT004.depths", 8, "depths", "networks with measurements at fewer different depths are not judged by their directions");

    public static readonly Rule Rule = new("ACT004", "RankCollapse", "Representations collapse to one direction with depth", Severity.Warning, RuleCost.Forward, new RuleText(
        WhatItFinds: "Sequence models whose tokens become the same vector with depth (oversmoothing), and networks whose later layers vary along a single direction.",
        WhyItMatters: """
            What the last layers read is then one vector, or one number, for everything: the head has nothing to tell classes or positions apart by, and gradients of all tokens are the same. Attention without residual
            connections does so doubly exponentially with depth, and deep stacks of graph or attention layers do it slowly.
            """,
        HowItIsComputed: """
            In the run on the shipped weights:
            1. Behind each norm and sum whose output is [samples, tokens, channels] with at least 4 tokens: the mean cosine of pairs of tokens of one sample. The last such layer is judged.
            2. For each convolution and linear layer of at least 16 channels and 16 rows: the effective number of directions (tr C)² / tr C² of the channel covariance C over samples and positions. The median over the
               last quarter of the layers by depth is judged. Only with data of the user's: noise of one strength makes the layers of healthy networks vary along one direction too
               (published ones were measured down to 1.001).
            """,
        Threshold: """
            1. One minus the mean cosine below 1e-3 at the last layer and less than a tenth of that at the first: tokens differ by less than 5 % of their length. Published and drawn networks had 0.03 to 1.
            2. Fewer than 1.05 directions where the first quarter has more than 2; at least 8 different depths.
            """,
        Example: "`/layers.23/Add_1`: mean cosine of 128 tokens 0.9997, behind the first layer 0.31.",
        Remedy: "Restore the residual connections around attention and feed-forward blocks, put LayerNorm in front of the blocks, use fewer layers, or DropEdge and pair normalisation in graph networks.",
        WhenToIgnore: "Where tokens are meant to agree (a pooled vector that is broadcast), or all tokens of the input are the same.",
        References: "Dong, Cordonnier and Loukas 2021, arXiv 2103.03404; Oono and Suzuki 2020, arXiv 1905.10947; Noci et al. 2022, arXiv 2206.03126; Roy and Vetterli 2007"),
        Find)
    { Thresholds = [TokenDifference, Directions, MinDepths] };

    static IEnumerable<Observation> Find(RuleContext context) => Tokens(context).Concat(Channels(context));

    static IEnumerable<Observation> Tokens(RuleContext context)
    {
        if (context.Run?.Read(TokenCosines.Instrument).Value is not { Layers: [var first, .., var last] }) yield break;
        var (before, after) = (1 - first.Cosine, 1 - last.Cosine);
        if (!(after < context.Limit(TokenDifference)) || after > before / 10) yield break;
        yield return new Observation(
            last.Layer.Name, $"Behind this layer the {last.Tokens} tokens of a sample are nearly one vector; behind '{first.Layer.Name}' their mean cosine is {NumberFormat.Value(first.Cosine)}.",
            $"1 − mean cosine {NumberFormat.Value(Math.Max(0, after))}", $"≥ {NumberFormat.Value(context.Limit(TokenDifference))}", 1 - after)
        {
            Confidence = context.SyntheticInputs ? Confidence.Likely : Confidence.Certain,
            Node = last.Layer.Node,
            Remedy = "Restore the residual connections around the blocks and put LayerNorm in front of them.",
        };
    }

    static IEnumerable<Observation> Channels(RuleContext context)
    {
        if (context.SyntheticInputs || context is not { Run: { } run }) yield break;
        var layers = run.Layers
            .Where(l => l.Covariance is { Channels: >= 16, Rows: >= 16, ParticipationRatio: not null })
            .OrderBy(l => l.Layer.Depth).ToList();
        if (layers.Select(l => l.Layer.Depth).Distinct().Count() < context.Limit(MinDepths)) yield break;
        var quarter = layers.Count / 4;
        var front = layers.Take(quarter).Select(l => l.Covariance!.ParticipationRatio!.Value).Median();
        var back = layers.TakeLast(quarter).Select(l => l.Covariance!.ParticipationRatio!.Value).Median();
        if (back >= context.Limit(Directions) || front < 2) yield break;
        var last = layers[^1].Layer;
        yield return new Observation(
            last.Name, $"The last quarter of the layers varies along one direction (median {NumberFormat.Value(back)} effective directions; the first quarter {NumberFormat.Value(front)}).",
            $"{NumberFormat.Value(back)} directions", $"≥ {NumberFormat.Value(context.Limit(Directions))}", 1 / back)
        {
            Confidence = Confidence.Likely,
            Node = last.Node,
            Remedy = "Add residual connections or normalisation, and look for the first layer of rank 1 (layer table).",
        };
    }
}
