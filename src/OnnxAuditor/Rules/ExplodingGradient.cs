using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>GRD002.</summary>
static class ExplodingGradient
{
    static readonly Threshold WarningRatio = new("GRD002.warning", 1e4, "", "a ratio of front to back above this is a warning");
    static readonly Threshold ErrorRatio = new("GRD002.error", 1e7, "", "a ratio of front to back above this is an error");

    public static readonly Rule Rule = new("GRD002", "ExplodingGradient", "Gradients explode towards the input", Severity.Warning, RuleCost.Backward, new RuleText(
        WhatItFinds: "Networks in which the weights near the inputs get gradients that are larger by orders of magnitude than those near the outputs.",
        WhyItMatters: """
            A learning rate that suits the last layers throws the first ones away within a few steps: the loss jumps and becomes NaN. Unscaled residual sums, recurrent matrices of spectral radius
            above 1 and weights initialised too large are the usual reasons.
            """,
        HowItIsComputed: """
            In the run on the shipped weights: the root mean square of the gradient of each convolution kernel and linear weight, sorted by the depth of its layer. The median over the quarter
            of the weights nearest to the inputs is divided by the median over the quarter nearest to the outputs. Gradients that are exactly zero are left out (TRN015); with fewer than
            8 weights nothing is said.
            """,
        Threshold: "Ratio above 1e4: warning; above 1e7 (float32 cannot hold both scales in one sum): error.",
        Example: "A plain network of 40 layers initialised at twice He's standard deviation: ratio 6e9.",
        Remedy: """
            Clip the gradient's global norm (`torch.nn.utils.clip_grad_norm_(parameters, 1.0)`), initialise by He's law, add normalisation, scale residual branches by 1/√L, and warm the
            learning rate up.
            """,
        WhenToIgnore: "Where the front is frozen anyway, or each layer has its own learning rate (LARS, LAMB).",
        References: "Pascanu, Mikolov and Bengio 2013, arXiv 1211.5063; He et al. 2015, arXiv 1502.01852; Philipp, Song and Carbonell 2018, arXiv 1712.05577"),
        Find)
    { Thresholds = [WarningRatio, ErrorRatio] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context.Run is not { } run || GradientProfile.Of(run) is not { } profile || profile.Ratio <= context.Limit(WarningRatio)) yield break;
        var isError = profile.Ratio > context.Limit(ErrorRatio);
        yield return new Observation(
            profile.First.Parameter.Name, $"Gradients near the inputs are {NumberFormat.Value(profile.Ratio)} times larger than near the outputs (medians over quarters of {profile.Weights} weights by depth).",
            $"ratio {NumberFormat.Value(profile.Ratio)}", $"≤ {NumberFormat.Value(context.Limit(isError ? ErrorRatio : WarningRatio))}", profile.Ratio)
        {
            Severity = isError ? Severity.Error : Severity.Warning,
            Confidence = context.SyntheticInputs ? Confidence.Likely : Confidence.Certain,
            Value = profile.First.Parameter.Value,
            Remedy = "Clip the global gradient norm, initialise by He's law, add normalisation or scale residual branches by 1/√L.",
        };
    }
}
