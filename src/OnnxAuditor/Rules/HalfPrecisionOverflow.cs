using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>ACT009.</summary>
static class HalfPrecisionOverflow
{
    const double LargestHalf = 65504;

    static readonly Threshold Limit = new("ACT009.limit", LargestHalf, "", "a larger absolute value overflows float16");

    public static readonly Rule Rule = new("ACT009", "HalfPrecisionOverflow", "Activations of a float16 model exceed float16", Severity.Error, RuleCost.Forward, new RuleText(
        WhatItFinds: "Layers of a model stored in float16 whose outputs, computed in float32, exceed the largest float16 number.",
        WhyItMatters: """
            In the precision that the file asks for, these values are infinite, and NaN a few operators later. Whether that happens depends on the input, so that such models fail now and then, and
            during training, where activations drift, sooner or later always.
            """,
        HowItIsComputed: """
            This program computes in float32, whatever the file's type. The largest absolute value of each layer's output in the run on the shipped weights is held against 65504, for models at least half
            of whose weight elements are float16. Models in float32 are not judged, nor are bfloat16 ones, which have float32's range.
            """,
        Threshold: "65504, the largest finite float16 number (IEEE 754 binary16).",
        Example: "`/encoder/layer.5/ffn/MatMul`: largest absolute value 81230.",
        Remedy: "Keep the node in float32 (`node_block_list` of `convert_float_to_float16`, or autocast), use bfloat16, or scale: divide the weights in front of a normalisation by a power of two.",
        WhenToIgnore: "Where the probes are random and real inputs are smaller; confirm with `--data`.",
        References: "Micikevicius et al. 2018, arXiv 1710.03740; IEEE 754-2019, binary16"),
        Find)
    { Thresholds = [Limit] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context.Run is not { } run || !IsHalf(context)) yield break;
        foreach (var measured in run.Layers)
        {
            if (measured.Moments is not { MaxAbs: var largest } || !(largest > context.Limit(Limit))) continue;
            yield return new Observation(measured.Layer.Name, "The output exceeds the largest float16 number: in the precision of the file it is infinite.", $"largest |value| {NumberFormat.Value(largest)}", $"≤ {NumberFormat.Value(context.Limit(Limit))}", largest)
            {
                Confidence = context.SyntheticInputs ? Confidence.Likely : Confidence.Certain,
                Node = measured.Layer.Node,
                Remedy = "Keep this node in float32 or bfloat16, or scale what goes into it; confirm with --data where inputs are synthetic.",
            };
        }
    }

    /// <summary>Whether at least half of the weight elements are stored in float16.</summary>
    internal static bool IsHalf(RuleContext context)
    {
        var weights = context.View.Constants.Where(c => c.Type.IsFloat && WeightSlots.Reached(context.View, c.Value) is not null).ToList();
        var half = weights.Where(c => c.Type == ElementType.Float16).Sum(c => c.Count);
        return half > 0 && 2 * half >= weights.Sum(c => c.Count);
    }
}
