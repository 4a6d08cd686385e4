using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>WGT001.</summary>
static class NonFiniteWeights
{
    public static readonly Rule Rule = new("WGT001", "NonFiniteWeights", "Weights are NaN or infinite", Severity.Error, RuleCost.Scan, new RuleText(
        WhatItFinds: "Parameters and running statistics that hold NaN or infinite elements.",
        WhyItMatters: """
            One such element makes every output that depends on it NaN or infinite, and with the first backward pass every parameter in front of it. The file is the result of a
            training run that diverged, of a conversion to float16 that overflowed, or of a damaged copy.
            """,
        HowItIsComputed: """
            Every element of every parameter is looked at, in the precision in which it is stored. A summand that consists of nothing but −∞ and finite numbers, with at least
            one of each, is an attention mask and is left alone.
            """,
        Threshold: "None: one element is enough.",
        Example: "`layer3.weight`: 2 of 4096 elements are NaN, the first at [1, 17].",
        Remedy: """
            Load the last checkpoint whose weights are finite (`torch.isfinite(p).all()` over `state_dict().values()`) and export that. Where the float32 checkpoint is finite and
            this file is float16: the conversion overflowed; keep the layer in float32 (`node_block_list` of `convert_float_to_float16`).
            """,
        WhenToIgnore: "Never.",
        References: "IEEE 754-2019, section 6 (infinities and NaN)"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context)
    {
        foreach (var weight in context.Weights)
        {
            var statistics = weight.Statistics;
            if (statistics.NonFinite == 0 || IsMask(weight)) continue;
            var what = (statistics.NotANumber, statistics.Infinite) switch
            {
                ( > 0, 0) => $"{NumberFormat.Count(statistics.NotANumber)} NaN",
                (0, _) => $"{NumberFormat.Count(statistics.Infinite)} infinite",
                _ => $"{NumberFormat.Count(statistics.NotANumber)} NaN and {NumberFormat.Count(statistics.Infinite)} infinite",
            };
            yield return new Observation(
                weight.Name, $"{what} of {NumberFormat.Count(statistics.Count, "element")}, the first at [{Coordinates(statistics.FirstNonFinite, weight.Data.Dims)}].",
                $"{NumberFormat.Count(statistics.NonFinite, "element")} not finite", "0", statistics.NonFinite)
            {
                Value = weight.Value,
                Remedy = "Export the last checkpoint whose weights are all finite; for a float16 file keep this layer in float32.",
            };
        }
    }

    static bool IsMask(Weight weight) => weight.Role is GraphRewriter.Canonicalization.ParameterRole.Shift or GraphRewriter.Canonicalization.ParameterRole.FrontEnd
        && weight.Statistics is { NotANumber: 0 } s && s.Infinite < s.Count && weight.Floats.IndexOf(float.PositiveInfinity) < 0;

    static string Coordinates(long index, IReadOnlyList<long> dims)
    {
        var at = new long[dims.Count];
        for (var axis = dims.Count - 1; axis >= 0; axis--) (index, at[axis]) = Math.DivRem(index, dims[axis]);
        return string.Join(", ", at);
    }
}
