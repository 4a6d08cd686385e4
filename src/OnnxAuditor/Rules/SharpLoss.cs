using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>GRD007.</summary>
static class SharpLoss
{
    static readonly Threshold LearningRate = new("GRD007.learning_rate", 0.1, "", "the learning rate that training is to start with; curvature above 2 over it is an info");
    static readonly Threshold Catapult = new("GRD007.warning", 12, "", "a product of curvature and learning rate above this is a warning");

    public static readonly Rule Rule = new("GRD007", "SharpLoss", "The loss is too sharp for the learning rate", Severity.Warning, RuleCost.Curvature, new RuleText(
        WhatItFinds: "Models at whose weights the loss curves so strongly along some direction that gradient descent at the learning rate cannot stay near it.",
        WhyItMatters: """
            Along a direction of curvature λ a step of gradient descent multiplies the distance from the lowest point by 1 - ηλ. Beyond λ = 2/η it grows with every step: the loss jumps until the
            weights have moved to where it is flatter, or to where it is not a number. Networks of ReLU were seen to recover up to about λ = 12/η, and not beyond.
            """,
        HowItIsComputed: """
            With `--profile full`, on Torch: the largest eigenvalue of the Hessian of the loss by all trainable parameters, by at most 24 steps of the Lanczos iteration with products of the Hessian
            and a vector, on one batch. BatchNormalization takes the statistics of the batch, as in training, where the batch has more than one sample. The iteration's value is never above the true one but for rounding.
            """,
        Threshold: """
            An eigenvalue above 2/η: info; above 12/η (Lewkowycz et al. 2020): warning. η is 0.1, with which networks are usually trained from scratch by stochastic gradient descent (He et al. 2016).
            Of weights that look trained (TRN026 says nothing) and drawn targets it stays an info: a trained classifier is wrong about drawn targets, and sharp there.
            """,
        Example: "`exploding_mlp`: eigenvalue 1e7; 2/η is 20.",
        Remedy: "Warm the learning rate up from below 2/λ, clip the gradient's global norm (`torch.nn.utils.clip_grad_norm_(parameters, 1.0)`), or initialise with a smaller gain.",
        WhenToIgnore: "With Adam and other optimisers that scale each coordinate, whose limit is another; where the learning rate is smaller (set `GRD007.learning_rate`); where the data are not those of training.",
        References: "LeCun, Simard and Pearlmutter 1992; Lewkowycz et al. 2020, arXiv 2003.02218; Cohen et al. 2021, arXiv 2103.00065; Gilmer et al. 2021, arXiv 2110.04369; He et al. 2016, arXiv 1512.03385; Pearlmutter 1994"),
        Find)
    { Thresholds = [LearningRate, Catapult] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context.Curvature is not { Hessian: { } hessian } measured) yield break;
        var rate = context.Limit(LearningRate);
        if (hessian.Largest <= 2 / rate) yield break;
        var isWarning = hessian.Largest > context.Limit(Catapult) / rate && (measured.OwnTargets || NeverTrained.Rule.Find(context).Any());
        yield return new Observation(
            context.LossPlace, $"The curvature of the loss along its sharpest direction is {NumberFormat.Value(hessian.Largest)}: plain gradient descent diverges there at learning rates above {NumberFormat.Value(2 / hessian.Largest)}.",
            $"eigenvalue {NumberFormat.Value(hessian.Largest)}", $"≤ {NumberFormat.Value((isWarning ? context.Limit(Catapult) : 2) / rate)} at a learning rate of {NumberFormat.Value(rate)}", hessian.Largest)
        {
            Severity = isWarning ? Severity.Warning : Severity.Info,
            Confidence = measured.OwnTargets && !context.SyntheticInputs ? Confidence.Likely : Confidence.Hint,
            Remedy = $"Start below a learning rate of {NumberFormat.Value(2 / hessian.Largest)} and warm it up, or clip the gradient's global norm.",
        };
    }
}
