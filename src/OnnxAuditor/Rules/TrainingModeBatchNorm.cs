using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN003.</summary>
static class TrainingModeBatchNorm
{
    public static readonly Rule Rule = new("TRN003", "TrainingModeBatchNorm", "BatchNormalization was left in training mode", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: "BatchNormalization nodes that normalise by the statistics of the batch at hand.",
        WhyItMatters: """
            The output for one sample then depends on the others in its batch, and for a batch of one the network computes something else than what was validated. For inference this is
            nearly always an export in the wrong mode; for training it is what one wants, if one knows of it.
            """,
        HowItIsComputed: "`training_mode` is 1 (from opset 14 on), or the node has outputs beyond the first (before).",
        Threshold: "None.",
        Example: "`torch.onnx.export(model.train(), ...)`.",
        Remedy: "For inference: `model.eval()` and `training=TrainingMode.EVAL` at export. For training: keep it, and feed batches of at least 16 samples.",
        WhenToIgnore: "Where the file is an artefact for training.",
        References: "ONNX operator BatchNormalization, https://onnx.ai/onnx/operators/onnx__BatchNormalization.html"),
        Find);

    /// <summary>Whether the node normalises by the batch's own statistics.</summary>
    public static bool Trains(Node node, long opset) => opset >= 14 ? node.Int("training_mode") != 0 : node.Outputs.Skip(1).Any(o => o is not null);

    static IEnumerable<Observation> Find(RuleContext context) => context.View.Nodes
        .Where(n => n.Is("BatchNormalization") && Trains(n, context.Model.Opset))
        .Select(n => new Observation(context.View.NameOf(n), "This BatchNormalization uses the statistics of the batch: a sample's output depends on its neighbours.", "training mode", "inference mode")
        {
            Node = n,
            Remedy = "Export in evaluation mode for inference (model.eval(), TrainingMode.EVAL); keep it for training with batches of at least 16.",
        });
}
