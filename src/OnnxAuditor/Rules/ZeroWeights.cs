using GraphRewriter.Canonicalization;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>WGT003.</summary>
static class ZeroWeights
{
    static readonly Threshold UnitShare = new("WGT003.units", 0.05, "", "the share of output units with all-zero weights from which on it is a warning; below, it is an info");

    public static readonly Rule Rule = new("WGT003", "ZeroWeights", "Weights or whole filters are exactly zero", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: "Kernels, matrices and tables that are zero throughout, and output units (filters, rows) whose weights are all exactly zero.",
        WhyItMatters: """
            A zero tensor passes neither signal nor, to what lies in front of it, gradient. A zero filter gives a constant channel: it costs computation, and behind a ReLU with a bias
            below zero it is dead for good. Weight decay and structured pruning leave such filters; so does a conversion that lost a tensor.
            """,
        HowItIsComputed: """
            Over the trainable kernels (convolutions, matrices, embeddings, recurrent matrices) as stored.
            1. The whole tensor is zero: error. Where its layer's result is only added to a residual stream, it is a deliberate zero initialisation and is left alone.
            2. Some output units have weights of L2 norm zero: warning from 5 % of the units on, info below.
            3. The scale of a normalisation is zero throughout: warning, but where the result is added to a residual stream, it is the customary zero initialisation and is left
               alone.

            Biases, shifts, initial states and tables of the front end may be zero.
            """,
        Threshold: "Exact zero; 5 % of units, below which pruning them gains nothing worth a warning.",
        Example: "`features.12.conv.weight`: 37 of 96 filters are zero.",
        Remedy: """
            Structured pruning or strong weight decay: remove the filters from the architecture (torch-pruning) before fine-tuning, or re-initialise them if the capacity is
            wanted. A whole tensor: compare with the checkpoint's, a conversion may have lost it.
            """,
        WhenToIgnore: "Where the network was pruned on purpose and is to stay so; keep the mask while training.",
        References: "Goyal et al. 2017, arXiv 1706.02677, section 5.1 (zero-initialised residual scale); Li et al. 2017, arXiv 1608.08710 (filter pruning)"),
        Find)
    { Thresholds = [UnitShare] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var view = context.CanonicalView ?? context.View;
        foreach (var weight in context.Weights.Where(w => w.Trainable && (w.IsKernel || w.Role == ParameterRole.NormalizationScale)))
        {
            var whole = weight.Statistics.Zeros == weight.Statistics.Count;
            if (whole && !Residual.FeedsSum(view, weight.Use.Node)) yield return WholeTensor(weight);
            else if (!whole && weight.IsKernel && weight.UnitNorms() is { } norms && norms.Count(n => n == 0) is > 0 and var zero) yield return Units(context, weight, zero, norms.Length);
        }
    }

    static Observation WholeTensor(Weight weight) => new(
        weight.Name, $"All {NumberFormat.Count(weight.Statistics.Count, "element")} of this {(weight.IsKernel ? "weight" : "normalisation scale")} are zero: nothing passes the layer.",
        "100 % zeros", "< 100 %", weight.Statistics.Count)
    {
        Severity = weight.IsKernel ? Severity.Error : Severity.Warning,
        Value = weight.Value,
        Remedy = "Compare with the checkpoint: a conversion may have lost the tensor; otherwise re-initialise the layer.",
    };

    static Observation Units(RuleContext context, Weight weight, int zero, int units)
    {
        var share = (double)zero / units;
        return new Observation(
            weight.Name, $"{zero} of {NumberFormat.Count(units, "output unit")} have weights that are all exactly zero.", NumberFormat.Percent(share) + " of the units",
            $"< {NumberFormat.Percent(context.Limit(UnitShare))}", share)
        {
            Severity = share < context.Limit(UnitShare) ? Severity.Info : Severity.Warning,
            Value = weight.Value,
            Remedy = "Remove the units from the architecture before fine-tuning, or re-initialise them; keep a mask if the sparsity is meant.",
        };
    }
}
