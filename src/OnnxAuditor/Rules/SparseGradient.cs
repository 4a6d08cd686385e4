using GraphRewriter.Canonicalization;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>GRD009.</summary>
static class SparseGradient
{
    static readonly Threshold Zeros = new("GRD009.zeros", 0.9, "", "the share of exact zeros above which a gradient is sparse");
    static readonly Threshold MinElements = new("GRD009.elements", 65536, "elements", "smaller parameters are left alone");
    static readonly Threshold MinShare = new("GRD009.share", 0.1, "", "the share of all trainable elements below which a parameter is left alone");

    public static readonly Rule Rule = new("GRD009", "SparseGradient", "The gradient of a large parameter is mostly exact zeros", Severity.Info, RuleCost.Backward, new RuleText(
        WhatItFinds: "Embedding tables, and with data of the user's kernels too, that hold a good part of the model's elements and of which a batch moves less than a tenth.",
        WhyItMatters: "An optimiser that walks over all elements spends most of its time and memory on zeros, and one with momentum or weight decay moves rows that no sample asked for.",
        HowItIsComputed: "The share of exact zeros in the gradient of the run on the shipped weights, of parameters with at least 65536 elements and a tenth of all trainable ones. Kernels are judged with `--data` only: behind units that random inputs never switch on they have no gradient.",
        Threshold: "More than 90 % exact zeros. A batch of 16 sequences of 32 tokens touches at most 512 rows of a table.",
        Example: "`wte.weight`, 50257×768: 99 % of the gradient is zero; the table has 31 % of the elements.",
        Remedy: "For tables: `torch.nn.Embedding(…, sparse=True)` with SparseAdam or Adagrad, and no weight decay on them. For kernels: look for dead units behind them (ACT001).",
        WhenToIgnore: "Where the table is frozen or tied to the output layer, whose gradient is dense.",
        References: "Duchi, Hazan and Singer 2011 (Adagrad); PyTorch, torch.optim.SparseAdam"),
        Find)
    { Thresholds = [Zeros, MinElements, MinShare] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context.Run is not { Differentiation: not null } run) yield break;
        var all = run.Parameters.Where(p => p.Parameter.Trainable).Sum(p => p.Parameter.Count);
        foreach (var measured in run.Parameters)
        {
            if (measured is not { Parameter: { Trainable: true, IsTied: false } parameter, Gradient: { ZeroFraction: var zeros, MaxAbs: > 0 } }) continue;
            if (zeros <= context.Limit(Zeros) || parameter.Count < context.Limit(MinElements) || parameter.Count < context.Limit(MinShare) * all) continue;
            var isTable = parameter.Role == ParameterRole.Embedding;
            if (!isTable && (context.SyntheticInputs || !WeightSlots.IsKernel(parameter.Role))) continue;
            yield return new Observation(
                parameter.Name, $"{NumberFormat.Percent(zeros)} of the gradient is exactly zero; the tensor holds {NumberFormat.Percent((double)parameter.Count / all)} of the trainable elements.", NumberFormat.Percent(zeros) + " zeros", $"≤ {NumberFormat.Percent(context.Limit(Zeros))}", zeros * parameter.Count)
            {
                Value = parameter.Value,
                Remedy = isTable ? "Use sparse gradients (Embedding(…, sparse=True) with SparseAdam), and no weight decay on the table." : "Look for dead units behind this kernel (layer table, ACT001).",
            };
        }
    }
}
