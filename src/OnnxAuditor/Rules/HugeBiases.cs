using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>WGT015.</summary>
static class HugeBiases
{
    static readonly Threshold Ratio = new("WGT015.ratio", 10, "", "a bias more than this many times the size of what it is added to is huge");
    static readonly Threshold Share = new("WGT015.share", 0.1, "", "the share of units with a huge bias from which on it is reported");
    static readonly Threshold MinUnits = new("WGT015.units", 8, "units", "layers of fewer units are left alone");

    public static readonly Rule Rule = new("WGT015", "HugeBiases", "Biases drown what they are added to", Severity.Warning, RuleCost.Forward, new RuleText(
        WhatItFinds: "Layers many of whose units have a bias far larger than anything their inputs add to it.",
        WhyItMatters: """
            Such a unit gives the same value for all inputs, up to a tenth: behind ReLU it is always on, and linear, or always off; behind sigmoid or tanh it is saturated. Its incoming weights get a
            gradient that says nothing of the input. In half precision the input's part is lost in the rounding of the bias.
            """,
        HowItIsComputed: """
            For each convolution and linear layer with a bias (its own, or an Add behind it): |b| of a unit over ‖w‖·rms(x), w the unit's incoming weights and x the layer's input as measured in the run on the shipped
            weights (1 for inputs drawn from N(0, 1)). ‖w‖·rms(x) is the standard deviation of what is added to the bias where the inputs are independent and of mean zero. Units without weights are WGT003's. Layers whose result is
            normalised over samples are left out, since that subtracts the bias.
            """,
        Threshold: "A ratio of 10, in at least 10 % of at least 8 units: then inputs of up to 100 elements of equal size cannot change the sign of the result (Cauchy–Schwarz).",
        Example: "`fc1`: 40 of 64 biases are more than 10 times the size of what they are added to, the largest 85 times.",
        Remedy: """
            Check the scale of the input first: a network trained on 0–255 has biases to match, and looks like this on inputs of unit size. Else re-initialise the biases (zero, or 0.01 in front of ReLU) and leave them out
            of what grew them: no weight decay on the weights alone, a lower learning rate for biases, normalisation in front of the layer. See ACT001 for units that are off.
            """,
        WhenToIgnore: "Where the probes are random and real inputs (`--data`) are larger.",
        References: "Lu, Shin, Su and Karniadakis 2020, arXiv 1903.06733; Goodfellow, Bengio and Courville 2016, Deep Learning, section 8.4"),
        Find)
    { Thresholds = [Ratio, Share, MinUnits] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context is not { Run: not null, CanonicalView: { } view }) yield break;
        foreach (var weight in context.Weights.Where(w => LayerChain.IsLayer(w) && w.UnitAxis is { } axis && w.Data.Dims[axis] >= context.Limit(MinUnits)))
        {
            if (view.Own(weight.Use.Node)?.OutputAt(0) is not { } output || ActivationScaleDrift.GoesIntoNorm(view, output)) continue;
            if (BiasEvidence.ShareOfHugeBiases(context, weight, context.Limit(Ratio)) is not var (share, largest) || share < context.Limit(Share)) continue;
            var units = weight.Data.Dims[weight.UnitAxis!.Value];
            yield return new Observation(
                view.NameOf(view.Own(weight.Use.Node)!), $"{Math.Round(share * units)} of {NumberFormat.Count(units, "bias", "biases")} are more than {NumberFormat.Value(context.Limit(Ratio))} times the size of what they are added to, the largest {NumberFormat.Value(largest)} times.",
                NumberFormat.Percent(share) + " of the units", $"< {NumberFormat.Percent(context.Limit(Share))}", share)
            {
                Confidence = context.SyntheticInputs ? Confidence.Hint : Confidence.Likely,
                Node = weight.Use.Node,
                Remedy = "Check the input scale first (--data); else re-initialise the biases and train on with a lower learning rate for them.",
            };
        }
    }
}
