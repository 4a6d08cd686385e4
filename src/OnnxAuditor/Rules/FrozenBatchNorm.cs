using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN002.</summary>
static class FrozenBatchNorm
{
    public static readonly Rule Rule = new("TRN002", "FrozenBatchNorm", "BatchNormalization is in inference mode", Severity.Info, RuleCost.Scan, new RuleText(
        WhatItFinds: "BatchNormalization nodes that use the stored running statistics.",
        WhyItMatters: """
            That is what an export for inference should hold, and it keeps the network trainable: scale and shift are still there. But a training program that takes the graph as it is
            trains with frozen statistics, which is right for fine-tuning with small batches and wrong for training from scratch.
            """,
        HowItIsComputed: "`training_mode` is 0 or absent (from opset 14 on), or the node has one output (before).",
        Threshold: "None.",
        Example: "20 BatchNormalization nodes, `training_mode = 0`.",
        Remedy: """
            For fine-tuning on little data: nothing. For more: switch to batch statistics (`model.train()` after import, `training_mode = 1` in the graph) and take batches of at least 16
            samples. This program measures both ways: `--norm-stats frozen|batch`.
            """,
        WhenToIgnore: "Whenever the statistics are meant to stay.",
        References: "ONNX operator BatchNormalization, https://onnx.ai/onnx/operators/onnx__BatchNormalization.html; Ioffe and Szegedy 2015, arXiv 1502.03167"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var frozen = context.View.Nodes.Where(n => n.Is("BatchNormalization") && !TrainingModeBatchNorm.Trains(n, context.Model.Opset)).ToList();
        if (frozen.Count == 0) yield break;
        yield return new Observation(
            context.View.NameOf(frozen[0]), $"{NumberFormat.Count(frozen.Count, "BatchNormalization node uses", "BatchNormalization nodes use")} the stored statistics; scale and shift stay trainable.",
            NumberFormat.Count(frozen.Count, "node"), "0 for training from scratch")
        {
            Node = frozen[0],
            Count = frozen.Count,
            OtherPlaces = [.. frozen.Skip(1).Select(context.View.NameOf)],
            Remedy = "Nothing for fine-tuning; switch to batch statistics for training from scratch.",
        };
    }
}
