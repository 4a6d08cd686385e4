using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>GRD010.</summary>
static class ShatteredGradient
{
    static readonly Threshold Autocorrelation = new("GRD010.autocorrelation", 0.35, "", "an autocorrelation at lag one below this is reported");

    public static readonly Rule Rule = new("GRD010", "ShatteredGradient", "Gradients of neighbouring inputs have nothing in common", Severity.Warning, RuleCost.Curvature, new RuleText(
        WhatItFinds: "Networks whose gradient by the input changes from point to point like white noise.",
        WhyItMatters: """
            A step of training follows the gradient at one point and counts on its holding in the neighbourhood. In deep networks without residual connections the gradients of neighbouring inputs
            lose their correlation exponentially with depth; a step then helps one sample and moves the others at random.
            """,
        HowItIsComputed: """
            With `--profile full`, on Torch: the gradient of a random combination of the output by the largest input of floats, at 32 points along the line from each sample to the next, 1/64 of the way
            apart; of this series, less its mean, the autocorrelation at lag one over all samples. Statistics of BatchNormalization are the shipped ones.
            """,
        Threshold: "Below 0.35: a series of 32 numbers of white noise has an autocorrelation of at most 2/√32 in size, 19 times in 20 (Bartlett 1946). The networks in `models/` have 0.77 to 0.91, nine networks that others trained or exported 0.64 to 0.91, one 0.07.",
        Example: "30 tanh layers of three times LeCun's standard deviation: autocorrelation 0.1.",
        Remedy: "Add residual connections, scaled by 1/√L over L blocks; initialise at the edge of chaos (He's law for ReLU, LeCun's for tanh), or with layers that are linear at first (looks-linear initialisation).",
        WhenToIgnore: "Where inputs are no points of a space in which the way between two means something (hashes, one-hot codes).",
        References: "Balduzzi et al. 2017, arXiv 1702.08591; Bartlett 1946"),
        Find)
    { Thresholds = [Autocorrelation] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context.Curvature?.Input is not { Autocorrelation: { } measured } input || measured >= context.Limit(Autocorrelation)) yield break;
        yield return new Observation(
            input.Input, $"Along lines between samples the gradient by this input keeps {NumberFormat.Value(Math.Max(0, measured))} of its correlation from one of {input.Points} points to the next.",
            $"autocorrelation {NumberFormat.Value(measured)}", $"≥ {NumberFormat.Value(context.Limit(Autocorrelation))}", 1 - measured)
        {
            Confidence = context.SyntheticInputs ? Confidence.Hint : Confidence.Likely,
            Value = context.Canonical?.Model.Graph.Inputs.Find(i => string.Equals(i.Name, input.Input, StringComparison.Ordinal)),
            Remedy = "Add residual connections, and initialise at the edge of chaos.",
        };
    }
}
