using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN008.</summary>
static class QuantizedWeights
{
    static readonly Threshold MinElements = new("TRN008.elements", 64, "elements", "smaller constants are left alone");

    public static readonly Rule Rule = new("TRN008", "QuantizedWeights", "Weights are stored quantised", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: "Integer constants that DequantizeLinear turns into the weights of a layer (QDQ format).",
        WhyItMatters: """
            The graph computes in floats, so gradients flow, but the weights are integers: a step smaller than half a quantisation step changes nothing. Training needs the dequantised float
            weights, and where activations are quantised too, a straight-through estimator at each QuantizeLinear.
            """,
        HowItIsComputed: """
            Each DequantizeLinear whose first input is a constant of an integer or 8-bit float type with at least the given number of elements, and whose output arrives at an
            input that takes weights. QuantizeLinear nodes on the data path are counted beside it.
            """,
        Threshold: "64 elements, as for TRN005.",
        Example: "A QDQ ResNet: 53 weights int8, 54 activations quantised.",
        Remedy: """
            Start from the float model. Without it: dequantise the weights once (this program does; `onnx-auditor rewrite --canonical` writes them as float32), remove the activation pairs for
            training or treat them as straight-through, and quantise again afterwards.
            """,
        WhenToIgnore: "Where the file is a deployment artefact and training happens on its float original.",
        References: "ONNX operator DequantizeLinear, https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html; Bengio, Léonard and Courville 2013, arXiv 1308.3432"),
        Find)
    { Thresholds = [MinElements] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var view = context.View;
        var found = view.Nodes
            .Where(n => n.OpType is "DequantizeLinear" && ModelView.ConstantOf(n.Input(0)) is { } data && !data.Type.IsFloat && data.Count >= context.Limit(MinElements)
                && WeightSlots.Reached(view, n.Output) is not null)
            .ToList();
        if (found.Count == 0) yield break;
        var activations = view.Nodes.Count(n => n.OpType is "QuantizeLinear" && ModelView.ConstantOf(n.Input(0)) is null);
        var elements = found.Sum(n => ModelView.ConstantOf(n.Input(0))!.Count);
        var type = ModelView.ConstantOf(found[0].Input(0))!.Type;
        yield return new Observation(
            found[0].Input(0)!.Name, $"{NumberFormat.Count(found.Count, "weight is", "weights are")} stored as {type}{(activations > 0 ? $", and {NumberFormat.Count(activations, "activation is", "activations are")} quantised on the way" : "")}.",
            NumberFormat.Count(elements, "quantised element"), "0")
        {
            Value = found[0].Input(0),
            Count = found.Count,
            OtherPlaces = [.. found.Skip(1).Select(n => n.Input(0)!.Name)],
            Remedy = "Train the float original; without it, dequantise once (onnx-auditor rewrite --canonical) and quantise again afterwards.",
        };
    }
}
