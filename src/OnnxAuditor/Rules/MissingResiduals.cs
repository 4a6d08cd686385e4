using OnnxAuditor.Measurement;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>ACT012.</summary>
static class MissingResiduals
{
    static readonly Threshold MaxDepth = new("ACT012.depth", 30, "layers", "deeper networks without any joining path are reported");

    public static readonly Rule Rule = new("ACT012", "MissingResiduals", "A deep network has no skip connections", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: "Networks of more than thirty convolutions and linear layers in a row in which no addition or concatenation joins two paths.",
        WhyItMatters: """
            Plain networks of that depth are hard to train from scratch: gradients pass every layer, and their size and direction are lost on the way. A conversion that dropped the additions gives the
            same picture, with outputs that are wrong as well.
            """,
        HowItIsComputed: """
            In the canonical graph: the number of convolutions, linear and recurrent layers on the longest path from an input, and whether any Add, Sum or Concat joins two values that both depend on an
            input.
            """,
        Threshold: "30 layers: plain networks of 20 to 30 layers are the deepest that were trained routinely with batch normalisation and careful initialisation.",
        Example: "A plain 56-layer network, as in figure 1 of the ResNet paper.",
        Remedy: "Restore the skip connections of the architecture; compare the graph with the original's (an Add for each block). For a plain network: initialise by He's law and add normalisation.",
        WhenToIgnore: "Where the depth is by design and the network trains.",
        References: "He et al. 2016, arXiv 1512.03385, figure 1; Srivastava, Greff and Schmidhuber 2015, arXiv 1505.00387"),
        Find)
    { Thresholds = [MaxDepth] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context is not { Canonical: { StructureOnly: false } canonical, CanonicalView: { } view }) yield break;
        var deepest = FindLayers.In(canonical).MaxBy(l => l.Depth);
        if (deepest is null || deepest.Depth <= context.Limit(MaxDepth)) yield break;
        var data = view.Downstream(view.Graph.Inputs.Where(i => i.Data is null), GradientPaths.CarriesData);
        if (view.Graph.Nodes.Any(n => n.OpType is "Add" or "Sum" or "Concat" && n.Inputs.Count(i => i is not null && data.Contains(i)) >= 2)) yield break;
        yield return new Observation(deepest.Name, $"{deepest.Depth} layers lie in a row, and nothing joins two paths on the way.", $"depth {deepest.Depth}", $"≤ {NumberFormat.Value(context.Limit(MaxDepth))} without skip connections")
        {
            Confidence = Confidence.Likely,
            Node = deepest.Node,
            Remedy = "Restore the skip connections of the architecture, or initialise by He's law and add normalisation.",
        };
    }
}
