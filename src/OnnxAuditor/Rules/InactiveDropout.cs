using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN004.</summary>
static class InactiveDropout
{
    public static readonly Rule Rule = new("TRN004", "InactiveDropout", "Dropout is switched off", Severity.Info, RuleCost.Scan, new RuleText(
        WhatItFinds: "Dropout nodes that pass everything on: in inference mode, or of ratio 0.",
        WhyItMatters: """
            For inference that is right. Fine-tuning without the dropout that the network was trained with overfits sooner, and nothing in the loss says why. Most exports drop the nodes altogether,
            which cannot be seen from the file.
            """,
        HowItIsComputed: """
            From operator set 12 on: `training_mode` absent or constant false, or a ratio of 0. Before, Dropout has no mode and is off wherever the file is run. Networks without Dropout nodes are not
            judged: many never had any.
            """,
        Threshold: "None.",
        Example: "12 Dropout nodes of ratio 0.1, `training_mode` absent.",
        Remedy: "For fine-tuning: set `training_mode` to true in the training program, or put Dropout back behind attention and feed-forward blocks (PyTorch: export with `training=TrainingMode.PRESERVE` from a model in training mode).",
        WhenToIgnore: "Where the model is only run.",
        References: "ONNX operator Dropout, https://onnx.ai/onnx/operators/onnx__Dropout.html; Srivastava et al. 2014, Dropout: a simple way to prevent neural networks from overfitting"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var off = context.View.Nodes.Where(n => n.Is("Dropout") && IsOff(n, context.Model.Opset)).ToList();
        if (off.Count == 0) yield break;
        yield return new Observation(context.View.NameOf(off[0]), $"{NumberFormat.Count(off.Count, "Dropout node passes", "Dropout nodes pass")} everything on.", NumberFormat.Count(off.Count, "node"), "0 for training")
        {
            Node = off[0],
            Count = off.Count,
            OtherPlaces = [.. off.Skip(1).Select(context.View.NameOf)],
            Remedy = "Set training_mode in the training program where the network is fine-tuned.",
        };
    }

    static bool IsOff(Node node, long opset)
    {
        if (opset < 12) return true;
        if (ModelView.ConstantOf(node.Input(1)) is { Count: 1 } ratio && ratio.ToDoubles()[0] == 0) return true;
        return node.Input(2) is null || (ModelView.ConstantOf(node.Input(2)) is { Count: 1 } mode && mode.ToInt64s()[0] == 0);
    }
}
