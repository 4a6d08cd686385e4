using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN005.</summary>
static class WeightsInConstants
{
    static readonly Threshold MinElements = new("TRN005.elements", 64, "elements", "smaller constants may be hyper-parameters and are left alone");

    public static readonly Rule Rule = new("TRN005", "WeightsInConstants", "Trainable weights are stored as Constant nodes", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: "Weights that are outputs of Constant nodes of the main graph instead of initializers.",
        WhyItMatters: """
            Most tools take initializers for the parameters and Constant nodes for part of the computation. To them such a model has no parameters: ONNX Runtime Training finds
            nothing to train, onnx2torch makes buffers instead of parameters, quantisers and pruners skip the weights, all without an error.
            """,
        HowItIsComputed: """
            Each Constant node of the main graph that holds at least the given number of floats is followed to where it is used, through Identity, Transpose, Reshape, Squeeze,
            Unsqueeze, Cast and DequantizeLinear. It counts where it arrives at an input that takes weights: of a convolution, matrix product, normalisation, recurrent layer, PRelu,
            or as the table of a Gather.
            """,
        Threshold: "64 elements: no constant of an activation function or of shape arithmetic is that large, and no useful layer is smaller.",
        Example: "A PaddleOCR export of 4.7 MB with no initializer and 300 Constant nodes.",
        Remedy: """
            This program lifts them by itself, so the rest of this report already counts them as parameters. For other tools: `onnx-auditor rewrite --canonical in.onnx out.onnx` writes
            them as initializers; so does onnxoptimizer's pass `extract_constant_to_initializer`. Paddle2ONNX writes Constant nodes always; run the pass after it.
            """,
        WhenToIgnore: "Where the file only ever goes to an inference engine.",
        References: "ONNX operator Constant, https://onnx.ai/onnx/operators/onnx__Constant.html; onnxoptimizer, https://github.com/onnx/optimizer"),
        Find)
    { Thresholds = [MinElements] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var found = context.View.Constants
            .Where(c => c.Source == ConstantSource.ConstantNode && c.Type.IsFloat && c.Count >= context.Limit(MinElements) && WeightSlots.Reached(context.View, c.Value) is not null)
            .OrderByDescending(c => c.Count).ThenBy(c => c.Value.Name, StringComparer.Ordinal)
            .ToList();
        if (found.Count == 0) yield break;
        var elements = found.Sum(c => c.Count);
        yield return new Observation(
            found[0].Value.Name, $"{NumberFormat.Count(found.Count, "weight tensor is a Constant node", "weight tensors are Constant nodes")}, {NumberFormat.Count(elements)} elements in all; training tools that look for initializers find none of them.",
            NumberFormat.Count(elements, "element"), $"< {NumberFormat.Value(context.Limit(MinElements))} elements a constant")
        {
            Value = found[0].Value,
            Count = found.Count,
            OtherPlaces = [.. found.Skip(1).Select(c => c.Value.Name)],
            Remedy = "Lifted automatically here; for other tools write initializers with onnx-auditor rewrite --canonical, or onnxoptimizer's pass extract_constant_to_initializer.",
        };
    }
}
