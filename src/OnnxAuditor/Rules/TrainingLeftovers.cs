using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN025.</summary>
static class TrainingLeftovers
{
    public static readonly Rule Rule = new("TRN025", "TrainingLeftovers", "The graph holds parts of a training program", Severity.Info, RuleCost.Scan, new RuleText(
        WhatItFinds: "Gradient operators, optimisers and gradient accumulators.",
        WhyItMatters: "The file is a training artefact, not a network: what comes out of it are losses or updated weights, and differentiating it once more is seldom what is wanted.",
        HowItIsComputed: "By operator: the domains ai.onnx.training and ai.onnx.preview.training, and in ONNX Runtime's domain operators whose name ends in Grad, Gradient, Optimizer or Accumulator.",
        Threshold: "None.",
        Example: "`training_model.onnx` written by `onnxruntime.training.artifacts.generate_artifacts`.",
        Remedy: "Audit the forward model instead (`generate_artifacts` writes it as eval_model.onnx), or the export that the artefacts were made from.",
        WhenToIgnore: "Where the training graph itself is what is looked at.",
        References: "ONNX Runtime, on-device training, https://onnxruntime.ai/docs/api/python/on_device_training/training_artifacts.html"),
        Find);

    /// <summary>Whether the node belongs to a training program.</summary>
    public static bool Contains(Node node) => node.Domain is "ai.onnx.training" or "ai.onnx.preview.training"
        || (node.Domain.Length > 0 && (node.OpType.EndsWith("Grad", StringComparison.Ordinal) || node.OpType.EndsWith("Gradient", StringComparison.Ordinal)
            || node.OpType.EndsWith("Optimizer", StringComparison.Ordinal) || node.OpType.StartsWith("InPlaceAccumulator", StringComparison.Ordinal)));

    static IEnumerable<Observation> Find(RuleContext context) => context.View.Nodes.Where(Contains)
        .Select(n => new Observation(context.View.NameOf(n), $"{n.Domain}::{n.OpType} is part of a training program, not of a network.", $"{n.Domain}::{n.OpType}", "forward operators")
        {
            Node = n,
            Remedy = "Audit the forward model that this training graph was made from.",
        });
}
