using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>GRD008.</summary>
static class IllConditionedLoss
{
    /// <summary>Below this share of the largest eigenvalue negative ones do not take much off the trace.</summary>
    const double Convex = 0.1;

    /// <summary>With fewer parameters a single direction may well have most of the curvature.</summary>
    const long MinParameters = 100;

    static readonly Threshold Directions = new("GRD008.directions", 2, "directions", "a trace of fewer times the largest eigenvalue is reported");

    public static readonly Rule Rule = new("GRD008", "IllConditionedLoss", "A single direction has most of the loss's curvature", Severity.Info, RuleCost.Curvature, new RuleText(
        WhatItFinds: "Models in which the Hessian's largest eigenvalue is more than half of its trace.",
        WhyItMatters: """
            The steepest direction limits the learning rate, and along all others, which hold what is to be learned, that rate is too small by the ratio of the eigenvalues. The Hessian of a classifier has
            about as many large eigenvalues as classes; a single one mostly comes from inputs or activations that are all of one sign: the mean of the features.
            """,
        HowItIsComputed: """
            With `--profile full`, on Torch: the trace of the Hessian of the loss by Hutchinson's estimator with 12 vectors of random signs, the direction of the largest eigenvalue taken exactly, over its largest eigenvalue (see GRD007). Two standard
            errors of the trace are added. Nothing is said of fewer than 100 parameters, nor where an eigenvalue is below -0.1 of the largest: negative ones make the trace small as well.
            """,
        Threshold: "A trace of less than twice the largest eigenvalue. The number is ours; at the weights of the networks in `models/` the ratio is 3 to 22.",
        Example: "A linear model of 128 inputs of mean 5 and standard deviation 1: the ratio is 1.04.",
        Remedy: "Subtract the mean of the inputs and scale them to unit variance, add normalisation layers, or train with an optimiser that scales each coordinate (Adam).",
        WhenToIgnore: "With second-order or adaptive optimisers.",
        References: "LeCun et al. 1998, Efficient BackProp; Hutchinson 1990; Sagun et al. 2017, arXiv 1706.04454; Ghorbani, Krishnan and Xiao 2019, arXiv 1901.10159"),
        Find)
    { Thresholds = [Directions] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context.Curvature?.Hessian is not { Largest: > 0, Trace: > 0, Parameters: >= MinParameters } hessian || hessian.Smallest < -Convex * hessian.Largest) yield break;
        if ((hessian.Trace + 2 * hessian.TraceError) / hessian.Largest >= context.Limit(Directions)) yield break;
        var ratio = hessian.Trace / hessian.Largest;
        yield return new Observation(
            context.LossPlace, $"One direction of {hessian.Parameters} has {NumberFormat.Percent(Math.Min(1, 1 / ratio))} of the loss's curvature.",
            $"trace {NumberFormat.Value(ratio)} times the largest eigenvalue", $"≥ {NumberFormat.Value(context.Limit(Directions))} times", 1 / ratio)
        {
            Confidence = context.SyntheticInputs ? Confidence.Hint : Confidence.Likely,
            Remedy = "Centre and scale the inputs, add normalisation, or train with Adam.",
        };
    }
}
