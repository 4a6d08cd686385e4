using OnnxAuditor.Numerics;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>GRD013.</summary>
static class IllConditionedKernel
{
    static readonly Threshold Condition = new("GRD013.condition", 1e7, "", "a larger condition number of the kernel is reported");

    public static readonly Rule Rule = new("GRD013", "IllConditionedKernel", "The neural tangent kernel cannot tell samples apart", Severity.Info, RuleCost.Thorough, new RuleText(
        WhatItFinds: "Networks whose gradients of single samples are so alike that gradient descent fits differences between samples more slowly, by orders of magnitude, than what they share.",
        WhyItMatters: "To first order, the error along an eigenvector of the tangent kernel falls at the rate of its eigenvalue. With a condition number κ the last direction takes κ times the steps of the first; where the kernel is singular, two samples cannot get different outputs at all.",
        HowItIsComputed: """
            With `--profile full`: Θ_ij = ⟨gᵢ, gⱼ⟩, gᵢ the gradient of the sum of sample i's logits by all convolution and linear weights and norm scales, on the shipped weights, with frozen statistics. The condition number is
            λ_max / λ_min. It is the kernel of the proxy `ntk_condition`, which takes re-initialised weights instead. Of weights that look trained (TRN026 says nothing) it is judged with data of the user's only: to noise
            far from their data, published networks answer the same for all samples (silero_vad is singular there).
            """,
        Threshold: "1e7, beyond which the smallest eigenvalue is rounding of float32. Networks measured here have 18 to 4e4, but for those above; the number grows with the batch.",
        Example: "`deep_sigmoid_mlp`: all gradients are parallel, the kernel is singular.",
        Remedy: "Look for where samples become alike (ACT004, ACT005), and for samples that are equal; normalise inputs, take normalisation or residual connections.",
        WhenToIgnore: "Where samples of the batch are equal or nearly so, and where the sum of logits is constant by construction.",
        References: "Jacot, Gabriel and Hongler 2018, arXiv 1806.07572; Xiao, Pennington and Schoenholz 2020, arXiv 1912.13053; Chen, Gong and Wang 2021 (TE-NAS), arXiv 2102.11535"),
        Find)
    { Thresholds = [Condition] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context.Thorough?.LogitGram.Value is not { Samples: >= 2 } gram || Array.Exists(gram.Matrix, v => !double.IsFinite(v))) yield break;
        if (context.SyntheticInputs && !NeverTrained.Rule.Find(context).Any()) yield break;
        var eigenvalues = SymmetricEigenvalues.Of([.. gram.Matrix], gram.Samples);
        if (!(eigenvalues[^1] > 0) || eigenvalues[^1] < context.Limit(Condition) * eigenvalues[0]) yield break;
        var singular = eigenvalues[0] <= 1e-7 * eigenvalues[^1];
        var place = context.LossPlace;
        yield return new Observation(
            place, singular ? $"The tangent kernel of {NumberFormat.Count(gram.Samples, "sample")} is singular to rounding: their gradients are linearly dependent." : $"The tangent kernel of {NumberFormat.Count(gram.Samples, "sample")} is ill-conditioned.",
            singular ? "condition number above 1e7" : $"condition number {NumberFormat.Value(eigenvalues[^1] / eigenvalues[0])}", $"≤ {NumberFormat.Value(context.Limit(Condition))}", Math.Min(1e16, eigenvalues[^1] / Math.Max(eigenvalues[0], 1e-16 * eigenvalues[^1])))
        {
            Confidence = context.SyntheticInputs ? Confidence.Hint : Confidence.Likely,
            Remedy = "Look for the layer at which samples become alike (ACT004, ACT005), and for equal samples.",
        };
    }
}
