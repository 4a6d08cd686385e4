using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>GRD004.</summary>
static class GradientConflict
{
    static readonly Threshold Share = new("GRD004.share", 0.5, "", "the share of pairs of samples whose gradients point against each other, above which it is reported");
    static readonly Threshold Confusion = new("GRD004.cosine", -0.3, "", "a smallest cosine of two samples below this is a conflict, not noise");

    public static readonly Rule Rule = new("GRD004", "GradientConflict", "Gradients of single samples point against each other", Severity.Warning, RuleCost.Thorough, new RuleText(
        WhatItFinds: "Batches in which most pairs of samples have gradients of opposite directions, so that a step that helps one sample harms another.",
        WhyItMatters: "The mean gradient is then what little the samples have left in common; stochastic gradient descent goes to and fro, and its speed falls with the size of the conflict. Depth without skip connections or normalisation makes conflict likely, and so do labels that contradict each other.",
        HowItIsComputed: """
            With `--profile full`, `--data` and `--labels`: the Gram matrix of the gradients of single samples' losses by all convolution and linear weights, on the shipped weights, with frozen statistics; of it the cosines of all pairs
            of at least 8 samples. Without labels of the user's nothing is said: gradients towards targets drawn at random conflict by construction (0.4 to 0.9 of the pairs, in the drawn networks measured).
            """,
        Threshold: """
            More than half of the pairs with a negative product, and a smallest cosine below −0.3 (gradient confusion, Sankararaman et al. 2020: of n random directions in thousands of dimensions none is below −0.1). Where the weights look
            trained (TRN026 says nothing) it is an info: at a minimum the gradients of the samples cancel.
            """,
        Example: "64 % of 120 pairs conflict; mean cosine −0.02, smallest −0.71.",
        Remedy: "Larger batches and a lower learning rate; residual connections and normalisation in deep plain networks; look at the two samples of the smallest cosine for contradicting labels. For several tasks: PCGrad.",
        WhenToIgnore: "Of a network trained to its minimum on these samples.",
        References: "Sankararaman et al. 2020, arXiv 1904.06963; Yu et al. 2020 (PCGrad), arXiv 2001.06782; Fort et al. 2019 (stiffness), arXiv 1901.09491"),
        Find)
    { Thresholds = [Share, Confusion] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (SampleGradients.Of(context) is not { } gradients || gradients.Conflicting <= context.Limit(Share) || gradients.SmallestCosine >= context.Limit(Confusion)) yield break;
        yield return new Observation(
            context.LossPlace, $"{NumberFormat.Percent(gradients.Conflicting)} of the pairs of {NumberFormat.Count(gradients.Samples, "sample")} have gradients against each other; their mean cosine is {NumberFormat.Value(gradients.MeanCosine)}, the smallest {NumberFormat.Value(gradients.SmallestCosine)}.",
            NumberFormat.Percent(gradients.Conflicting) + " of the pairs", $"≤ {NumberFormat.Percent(context.Limit(Share))}", gradients.Conflicting)
        {
            Severity = NeverTrained.Rule.Find(context).Any() ? Severity.Warning : Severity.Info,
            Confidence = Confidence.Likely,
            Remedy = "Use larger batches and a lower learning rate, and look for labels that contradict each other.",
        };
    }
}
