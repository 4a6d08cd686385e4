using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN018.</summary>
static class TiedParameter
{
    public static readonly Rule Rule = new("TRN018", "TiedParameter", "One parameter serves several layers", Severity.Info, RuleCost.Scan, new RuleText(
        WhatItFinds: "Parameters that more than one operator uses.",
        WhyItMatters: """
            Their gradient is the sum over all uses. That is what weight sharing means, and it is right; but importers that make a parameter of each use untie them silently, and a count of
            parameters by layers counts them twice.
            """,
        HowItIsComputed: """
            From the canonical graph: one tensor that reaches several weight slots. Tensors that an exporter merged merely because their values are equal, recognisable by an Identity with the lost
            parameter's name, are taken apart first and not counted. A shared vector all of whose elements are equal was probably merged in the same way, without a trace; the message says so.
            """,
        Threshold: "None.",
        Example: "`wte.weight` is the table of a Gather and, transposed, the matrix of the last MatMul.",
        Remedy: """
            Nothing, where the sharing is meant: check after import that it is still one parameter. Where a tool merged equal values: export in training mode
            (`training=torch.onnx.TrainingMode.TRAINING`: PyTorch's exporter then merges only what is one tensor in memory), or give each operator its own copy before training.
            """,
        WhenToIgnore: "Where the sharing is by design: tied embeddings, recurrent cells that were unrolled, detection heads shared over scales.",
        References: "Press and Wolf 2017, arXiv 1608.05859"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var repeated = context.Weights.Where(w => !w.IsKernel && w.Statistics is { NonFinite: 0, Variance: 0, Count: > 1 }).Select(w => w.Value).ToHashSet();
        foreach (var parameter in (context.Canonical?.Parameters ?? []).Where(p => p is { IsTied: true, Trainable: true }))
        {
            var merged = repeated.Contains(parameter.Value);
            var users = $"{NumberFormat.Count(parameter.Uses.Count, "operator")} use this parameter: {Phrase.List([.. parameter.Uses.Select(u => u.Node.LogicalName)])}";
            yield return new Observation(
                parameter.Name, merged ? $"{users}. All its elements are equal: a tool has probably merged parameters that merely had equal values." : $"{users}.",
                NumberFormat.Count(parameter.Uses.Count, "use"), "1", parameter.Count)
            {
                Confidence = merged ? Confidence.Likely : Confidence.Certain,
                Value = parameter.Value,
                Remedy = merged
                    ? "Give each operator its own copy before training: otherwise biases and scales of different layers move together."
                    : "Nothing, where the sharing is meant; check after import that it is still one parameter.",
            };
        }
    }
}
