using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>WGT011.</summary>
static class SparseWeights
{
    static readonly Threshold Share = new("WGT011.share", 0.5, "", "the share of exact zeros from which on a kernel counts as pruned");
    static readonly Threshold MinElements = new("WGT011.elements", 1024, "elements", "smaller tensors are left alone");

    public static readonly Rule Rule = new("WGT011", "SparseWeights", "Weights were pruned", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: "Kernels at least half of whose elements are exactly zero, and among them those with two zeros in every four neighbours.",
        WhyItMatters: """
            The zeros were put there by pruning, and a plain training step fills them again: the sparsity that was paid for in accuracy is lost with the first step, and with a 2:4
            pattern the hardware's sparse kernels do not apply any more.
            """,
        HowItIsComputed: """
            The share of exact zeros over trainable kernels of at least 1024 elements. The pattern 2:4 is reported where each run of four elements along the input axis holds at least two zeros.
            """,
        Threshold: "50 % exact zeros. Trained dense weights have none, or a few filters of them (WGT003).",
        Example: "`fc1.weight`: 90 % zeros.",
        Remedy: "Train with the mask: `torch.nn.utils.prune.custom_from_mask(module, \"weight\", module.weight != 0)`, or multiply the gradient by it. For 2:4: `torch.sparse.to_sparse_semi_structured` after training.",
        WhenToIgnore: "Where the network may become dense again.",
        References: "Zhu and Gupta 2018, arXiv 1710.01878; Mishra et al. 2021, arXiv 2104.08378 (2:4 sparsity)"),
        Find)
    { Thresholds = [Share, MinElements] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        foreach (var weight in context.Weights.Where(w => w.IsKernel && w.Data.Count >= context.Limit(MinElements)))
        {
            var share = weight.Statistics.ZeroShare;
            if (share < context.Limit(Share) || share == 1) continue;
            var pattern = IsTwoOfFour(weight) ? ", two of every four along the input axis" : "";
            yield return new Observation(weight.Name, $"{NumberFormat.Percent(share)} of the elements are exactly zero{pattern}.", NumberFormat.Percent(share) + " zeros", $"< {NumberFormat.Percent(context.Limit(Share))}", share)
            {
                Value = weight.Value,
                Remedy = "Keep the mask while training (torch.nn.utils.prune.custom_from_mask), or accept that the weights become dense.",
            };
        }
    }

    static bool IsTwoOfFour(Weight weight)
    {
        var dims = weight.Data.Dims;
        if (weight.UnitAxis is not (0 or 1) || dims.Count < 2) return false;
        var axis = 1 - weight.UnitAxis.Value;
        if (dims[axis] % 4 != 0) return false;
        var stride = 1L;
        for (var i = axis + 1; i < dims.Count; i++) stride *= dims[i];
        var values = weight.Floats;
        for (var i = 0; i < values.Length; i++)
        {
            if (i / stride % dims[axis] % 4 != 0) continue;
            var zeros = 0;
            for (var k = 0; k < 4; k++) if (values[(int)(i + k * stride)] == 0) zeros++;
            if (zeros < 2) return false;
        }
        return true;
    }
}
