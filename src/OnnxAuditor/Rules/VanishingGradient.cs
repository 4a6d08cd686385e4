using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>GRD001.</summary>
static class VanishingGradient
{
    static readonly Threshold WarningRatio = new("GRD001.warning", 1e-4, "", "a ratio of front to back below this is a warning");
    static readonly Threshold ErrorRatio = new("GRD001.error", 1e-7, "", "a ratio of front to back below this is an error");

    public static readonly Rule Rule = new("GRD001", "VanishingGradient", "Gradients vanish towards the input", Severity.Warning, RuleCost.Backward, new RuleText(
        WhatItFinds: "Networks in which the weights near the inputs get gradients that are smaller by orders of magnitude than those near the outputs.",
        WhyItMatters: """
            With one learning rate for all, the first layers stay where they were initialised while the last ones train: the network is as deep as its last few layers. Saturating
            activations (sigmoid, tanh) and products of small weights are the usual reasons.
            """,
        HowItIsComputed: """
            In the run on the shipped weights: the root mean square of the gradient of each convolution kernel and linear weight, sorted by the depth of its layer. The median over the quarter
            of the weights nearest to the inputs is divided by the median over the quarter nearest to the outputs. Gradients that are exactly zero are left out (TRN015); with fewer than
            8 weights nothing is said.
            """,
        Threshold: "Ratio below 1e-4: warning. Below 1e-7, the resolution of float32: error, since an optimiser step of a size that suits the last layers does not change the first ones any more.",
        Example: "A sigmoid network of 20 layers: ratio 3e-11.",
        Remedy: """
            Residual connections around every one or two layers; BatchNorm or LayerNorm; ReLU or GELU instead of sigmoid and tanh; He's or Glorot's initialisation. An optimiser that
            normalises each parameter's step (Adam, LAMB) softens the effect but not its cause.
            """,
        WhenToIgnore: "Where the front is frozen anyway. With random labels on a trained network the ratio is still meaningful, since it is a ratio of gradients of one loss.",
        References: "Hochreiter 1991; Bengio, Simard and Frasconi 1994; Glorot and Bengio 2010, Understanding the difficulty of training deep feedforward neural networks; He et al. 2016, arXiv 1512.03385"),
        Find)
    { Thresholds = [WarningRatio, ErrorRatio] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context.Run is not { } run || GradientProfile.Of(run) is not { } profile || profile.Ratio >= context.Limit(WarningRatio)) yield break;
        var isError = profile.Ratio < context.Limit(ErrorRatio);
        yield return new Observation(
            profile.First.Parameter.Name, $"Gradients near the inputs are {NumberFormat.Value(1 / profile.Ratio)} times smaller than near the outputs (medians over quarters of {profile.Weights} weights by depth).",
            $"ratio {NumberFormat.Value(profile.Ratio)}", $"≥ {NumberFormat.Value(context.Limit(isError ? ErrorRatio : WarningRatio))}", 1 / profile.Ratio)
        {
            Severity = isError ? Severity.Error : Severity.Warning,
            Confidence = context.SyntheticInputs ? Confidence.Likely : Confidence.Certain,
            Value = profile.First.Parameter.Value,
            Remedy = "Add residual connections or normalisation, replace saturating activations by ReLU or GELU, and initialise by He's or Glorot's law.",
        };
    }
}
