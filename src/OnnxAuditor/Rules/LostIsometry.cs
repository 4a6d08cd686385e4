using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>GRD011.</summary>
static class LostIsometry
{
    static readonly Threshold Least = new("GRD011.least", 1e-4, "", "a gain below this is reported");
    static readonly Threshold Most = new("GRD011.most", 1e4, "", "a gain above this is reported");

    public static readonly Rule Rule = new("GRD011", "LostIsometry", "The network shrinks or stretches what passes it by orders of magnitude", Severity.Warning, RuleCost.Curvature, new RuleText(
        WhatItFinds: "Networks whose Jacobian from input to output has singular values far from 1.",
        WhyItMatters: """
            The Jacobian carries changes of the input forward and gradients back. Networks in which its singular values stay near 1 (dynamical isometry) learn at a speed that hardly depends on their
            depth; where they are all tiny the output does not see the input and gradients vanish, where they are large both explode.
            """,
        HowItIsComputed: """
            With `--profile full`, on Torch: up to 16 orthonormal directions of the output (all of them where it has no more), before a Softmax or Sigmoid that the loss takes the place of, are followed
            back to the largest input of floats, each sample by itself. The root mean square σ of the singular values on these directions times the root mean square of the sample's entries is the
            gain: by how much noise of the input's own size moves an output, to first order. The message also tells the participation ratio (Σσ²)² / Σσ⁴: how many of the directions have singular
            values of the largest size. Medians over the samples. Where the gain is exactly 0 nothing is said (TRN027, TRN014).
            """,
        Threshold: "A gain outside of 1e-4 to 1e4. The numbers are ours: a network in isometry has about 1, and those of `models/` that are healthy have 0.1 to 1, ten networks that others trained or exported 0.08 to 9.5.",
        Example: "`deep_sigmoid_mlp`: gain 4e-11; `exploding_mlp`: 6e5.",
        Remedy: "Initialise with orthogonal weights (`torch.nn.init.orthogonal_`) at the gain of the activation, add residual connections or normalisation, and use another activation than the sigmoid in deep stacks.",
        WhenToIgnore: "Where the output's scale is far from 1 by intent (regression of large numbers).",
        References: "Saxe, McClelland and Ganguli 2014, arXiv 1312.6120; Pennington, Schoenholz and Ganguli 2017, arXiv 1711.04735; Xiao et al. 2018, arXiv 1806.05393"),
        Find)
    { Thresholds = [Least, Most] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context.Curvature?.Input is not { Gain: > 0 } input) yield break;
        var (least, most) = (context.Limit(Least), context.Limit(Most));
        if (input.Gain >= least && input.Gain <= most) yield break;
        var shrinks = input.Gain < least;
        yield return new Observation(
            input.Input, $"Noise of this input's own size moves the output '{input.Output}' by {NumberFormat.Value(input.Gain)}; of {input.Directions} directions followed back {NumberFormat.Value(input.Participation)} have singular values of the largest size.",
            $"gain {NumberFormat.Value(input.Gain)}", shrinks ? $"≥ {NumberFormat.Value(least)}" : $"≤ {NumberFormat.Value(most)}", Math.Abs(Math.Log10(input.Gain)))
        {
            Confidence = context.SyntheticInputs ? Confidence.Likely : Confidence.Certain,
            Value = context.Canonical?.Model.Graph.Inputs.Find(i => string.Equals(i.Name, input.Input, StringComparison.Ordinal)),
            Remedy = "Initialise with orthogonal weights at the activation's gain, and add residual connections or normalisation.",
        };
    }
}
