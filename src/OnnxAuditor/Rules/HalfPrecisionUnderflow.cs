using System.Globalization;
using OnnxAuditor.Measurement;
using OnnxAuditor.Measurement.Instruments;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>GRD012.</summary>
static class HalfPrecisionUnderflow
{
    /// <summary>The smallest positive float16 number, 2⁻²⁴, and the largest.</summary>
    const double Smallest = 1.0 / (1 << 24), Largest = 65504;

    /// <summary>Room that a loss scale leaves below the largest number, as gradients grow from step to step.</summary>
    const double Headroom = 8;

    static readonly Threshold Share = new("GRD012.share", 0.05, "", "the share of entries below the smallest float16 number above which it is reported");

    public static readonly Rule Rule = new("GRD012", "HalfPrecisionUnderflow", "Gradients of a float16 model are below float16", Severity.Warning, RuleCost.Backward, new RuleText(
        WhatItFinds: "Models stored in float16 whose gradients, computed in float32, are in good part smaller than the smallest float16 number.",
        WhyItMatters: "In float16 these entries are zero: part of the network gets no gradient at all, and nothing says so. Multiplying the loss by a power of two before the backward pass, and dividing gradients by it afterwards in float32, moves them back into range without any loss.",
        HowItIsComputed: """
            This program computes gradients in float32, whatever the file's type. From 2048 entries, at equal distances, of the gradient by each layer's output in the run on the shipped weights, weighted by the layers' sizes: the share of the entries that are not
            zero and lie below 2⁻²⁴. The loss scale named is the largest power of two that keeps the largest entry seen, by layers and by parameters, below an eighth of 65504. Judged are models at least half of whose
            weight elements are float16, not bfloat16.
            """,
        Threshold: "More than 5 % of the entries; 2⁻²⁴ = 6e-8 is the smallest positive number of IEEE 754 binary16. The detector in section 3.2 of Micikevicius et al. diverged without a loss scale.",
        Example: "34 % of the entries are below 6e-8; with a loss scale of 2^12 it would be 0.1 %.",
        Remedy: "Scale the loss (`torch.amp.GradScaler(init_scale=2.0**k)`) and keep float32 master weights, or train in bfloat16.",
        WhenToIgnore: "Where the model is converted back to float32 for training.",
        References: "Micikevicius et al. 2018, arXiv 1710.03740, section 3.2; IEEE 754-2019, binary16"),
        Find)
    { Thresholds = [Share] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context.Run is not { } run || !HalfPrecisionOverflow.IsHalf(context) || Measured(run) is not { } gradients || gradients.Share <= context.Limit(Share)) yield break;
        var scale = Math.Pow(2, gradients.Power);
        yield return new Observation(
            context.LossPlace, string.Create(CultureInfo.InvariantCulture, $"{NumberFormat.Percent(gradients.Share)} of the entries of gradients by layers' outputs are below the smallest float16 number; with a loss scale of 2^{gradients.Power} it would be {NumberFormat.Percent(gradients.Scaled)}."),
            NumberFormat.Percent(gradients.Share) + " of the entries", $"≤ {NumberFormat.Percent(context.Limit(Share))}", gradients.Share)
        {
            Confidence = context.OwnTargets && !context.SyntheticInputs ? Confidence.Certain : Confidence.Likely,
            Remedy = string.Create(CultureInfo.InvariantCulture, $"Scale the loss by 2^{gradients.Power} ({scale:0}) and keep float32 master weights, or train in bfloat16."),
        };
    }

    /// <summary>
    /// The share of the entries of gradients by layers' outputs that float16 would make zero, the power of two that a loss scale may have, and the share with it; null where no gradient was sampled or one is not finite.
    /// </summary>
    internal static (double Share, int Power, double Scaled)? Measured(ModelMeasurement run)
    {
        if (run.Read(GradientSamples.Instrument).Value is not { } gradients) return null;
        var largest = gradients.Of.SelectMany(g => g.Values).Select(v => Math.Abs((double)v)).Append(0).Max();
        if (!(largest > 0) || !double.IsFinite(largest)) return null;
        var power = (int)Math.Floor(Math.Log2(Largest / Headroom / largest));
        double Below(double limit)
        {
            double below = 0, all = 0;
            foreach (var g in gradients.Of.Where(g => !g.OfParameter))
            {
                var weight = (double)g.Count / g.Values.Length;
                all += weight * g.Values.Count(v => v != 0);
                below += weight * g.Values.Count(v => v != 0 && Math.Abs(v) < limit);
            }
            return all > 0 ? below / all : 0;
        }
        return (Below(Smallest), power, Below(Smallest / Math.Pow(2, power)));
    }
}
