using OnnxAuditor.Measurement;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>NUM005.</summary>
static class MixedPrecision
{
    /// <summary>float16: the largest number, the smallest normal and the smallest subnormal one.</summary>
    const double LargestHalf = 65504, SmallestNormalHalf = 6.103515625e-5, SmallestHalf = 5.960464477539063e-8;

    static readonly Threshold Limit = new("NUM005.limit", LargestHalf, "", "a larger absolute activation or weight overflows float16");
    static readonly Threshold Smallest = new("NUM005.smallest", SmallestHalf, "", "a gradient of a smaller root mean square is mostly zero in float16");
    static readonly Threshold Share = new("NUM005.share", 0.1, "", "the share of trainable elements with such gradients from which on loss scaling is asked for");

    public static readonly Rule Rule = new("NUM005", "MixedPrecision", "Parts of the network must stay in float32 when training in float16", Severity.Info, RuleCost.Backward, new RuleText(
        WhatItFinds: "What keeps a network from being trained in float16 as it is: activations and weights beyond its range, and gradients below it.",
        WhyItMatters: """
            Mixed precision halves the memory of activations and doubles the speed on most accelerators, but float16 ends at 65504 and at 6e-8. What lies beyond becomes infinite or zero, and the loss NaN or the layer
            still.
            """,
        HowItIsComputed: """
            From the run on the shipped weights, which computes in float32.
            1. Layers whose largest absolute output is above 65504 (as ACT009, which judges models that are stored in float16).
            2. Kernels with an element above 65504. Outliers within the range are WGT010's.
            3. Parameters whose gradient has a root mean square below 2⁻²⁴, the smallest float16: at 10 % of the trainable elements or more, a loss scale 2^k is proposed that brings the smallest of them to 2⁻¹⁴, as long as it keeps the largest entry of all
               gradients below 65504. Gradients that are exactly zero are TRN015's.

            Nothing is said where none of these is met: then float16 with dynamic loss scaling works as it is, as far as these inputs show.
            """,
        Threshold: "65504, 2⁻²⁴ and 2⁻¹⁴: the largest, the smallest and the smallest normal float16 (IEEE 754 binary16).",
        Example: "Keep `/head/MatMul` in float32 (largest output 81230); 62 % of the gradients are below 6e-8: loss scale 2^14.",
        Remedy: """
            bfloat16, which has float32's range, needs none of this. With float16: `torch.autocast` and `GradScaler(init_scale=2.0**k)`, and the layers named here inside `torch.autocast(enabled=False)`; for converted models
            `node_block_list` of `convert_float_to_float16`.
            """,
        WhenToIgnore: "Where training is in float32 or bfloat16.",
        References: "Micikevicius et al. 2018, arXiv 1710.03740; IEEE 754-2019, binary16; PyTorch, torch.amp"),
        Find)
    { Thresholds = [Limit, Smallest, Share] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context.Run is not { Differentiation: not null } run) yield break;
        var limit = context.Limit(Limit);
        List<(string Name, double Largest)> large = [
            .. run.Layers.Where(l => l.Moments is { MaxAbs: > 0 and < double.PositiveInfinity } m && m.MaxAbs > limit).Select(l => (l.Layer.Name, l.Moments!.MaxAbs)),
            .. context.Weights.Where(w => w.IsKernel && w.Statistics is { NonFinite: 0 } s && s.MaxAbs > limit).Select(w => (w.Name, w.Statistics.MaxAbs))];
        large = [.. large.OrderByDescending(l => l.Largest).ThenBy(l => l.Name, StringComparer.Ordinal)];
        var scale = Scale(context, run);
        if (large.Count == 0 && scale is null) yield break;
        var keep = large.Count == 0 ? "" : $"Keep in float32: {Phrase.List([.. large.Select(l => l.Name)], 5)} (largest value {NumberFormat.Value(large[0].Largest)}).";
        yield return new Observation(
            large.Count > 0 ? large[0].Name : scale!.Value.Place, string.Join(' ', new[] { keep, scale?.Text ?? "" }.Where(t => t.Length > 0)),
            large.Count > 0 ? $"largest value {NumberFormat.Value(large[0].Largest)}" : scale!.Value.Measured, large.Count > 0 ? $"≤ {NumberFormat.Value(limit)}" : $"≥ {NumberFormat.Value(context.Limit(Smallest))}", large.Count)
        {
            Confidence = context.SyntheticInputs ? Confidence.Hint : Confidence.Likely,
            OtherPlaces = [.. large.Skip(1).Select(l => l.Name)],
            Count = Math.Max(1, large.Count),
            Remedy = "Train in bfloat16, or in float16 with these layers in float32 (autocast off) and GradScaler.",
        };
    }

    /// <summary>What loss scaling must do; null where hardly any gradient is too small.</summary>
    static (string Place, string Text, string Measured)? Scale(RuleContext context, ModelMeasurement run)
    {
        var gradients = run.Parameters.Where(p => p.Parameter.Trainable && p.Gradient is { Rms: > 0 and < double.PositiveInfinity }).ToList();
        var small = gradients.Where(p => p.Gradient!.Rms < context.Limit(Smallest)).OrderBy(p => p.Gradient!.Rms).ToList();
        var share = small.Sum(p => (double)p.Parameter.Count) / Math.Max(1, gradients.Sum(p => (double)p.Parameter.Count));
        if (small.Count == 0 || share < context.Limit(Share)) return null;
        var wanted = (int)Math.Ceiling(Math.Log2(SmallestNormalHalf / small[0].Gradient!.Rms));
        var possible = (int)Math.Floor(Math.Log2(LargestHalf / gradients.Max(p => p.Gradient!.MaxAbs)));
        var scaling = wanted <= possible ? $"a loss scale of 2^{wanted} brings them back" : $"no loss scale brings them back without pushing the largest beyond float16 (2^{wanted} is needed, 2^{possible} possible)";
        return (small[0].Parameter.Name, $"The gradients of {NumberFormat.Percent(share)} of the trainable elements are below the smallest float16 number; {scaling}.", $"smallest gradient RMS {NumberFormat.Value(small[0].Gradient!.Rms)}");
    }
}
