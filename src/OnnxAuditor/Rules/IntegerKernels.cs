using System.Collections.Frozen;
using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN009.</summary>
static class IntegerKernels
{
    static readonly FrozenSet<string> Operators = FrozenSet.Create(StringComparer.Ordinal,
        "ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul", "DynamicQuantizeMatMul", "MatMulIntegerToFloat", "MatMulNBits", "MatMulBnb4", "DynamicQuantizeLSTM", "QAttention",
        "QGemm", "QLinearAdd", "QLinearMul", "QLinearSigmoid", "QLinearLeakyRelu", "QLinearAveragePool", "QLinearGlobalAveragePool", "QLinearConcat", "QLinearSoftmax", "QLinearReduceMean",
        "QLinearWhere", "QEmbedLayerNormalization", "QOrderedMatMul", "QOrderedAttention", "GatherBlockQuantized", "QMoE");

    public static readonly Rule Rule = new("TRN009", "IntegerKernels", "Layers compute in integers", Severity.Error, RuleCost.Scan, new RuleText(
        WhatItFinds: """
            Operators that multiply or convolve quantised numbers directly: ConvInteger, MatMulInteger, QLinearConv, QLinearMatMul, and ONNX Runtime's own
            (MatMulNBits, DynamicQuantizeMatMul, QAttention, QGemm, …).
            """,
        WhyItMatters: """
            Integer arithmetic is a staircase: its derivative is zero wherever it exists. No gradient passes such a layer, and the values that the weights had before rounding are
            not in the file. The network in front of it cannot be trained through it, and its own weights cannot be trained at all.
            """,
        HowItIsComputed: "By the operators of all nodes, those of subgraphs and of functions included.",
        Threshold: "None: one such layer on the way is enough.",
        Example: "A transformer after `quantize_dynamic`: 48 MatMulInteger nodes.",
        Remedy: """
            Use the float model that this one was quantised from. Where there is none: dequantise the weights (w = scale · (q − zero point)) into a float graph and treat that as a
            starting point for fine-tuning; what rounding took is not recovered. To train for quantisation, quantise with QuantizeLinear/DequantizeLinear pairs (QDQ format) instead:
            `quantize_static(..., quant_format=QuantFormat.QDQ)`.
            """,
        WhenToIgnore: "Where the file is a deployment artefact and training happens on its float original.",
        References: "ONNX Runtime, quantisation formats, https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html; Jacob et al. 2018, arXiv 1712.05877"),
        Find);

    /// <summary>Whether the node computes in integers.</summary>
    public static bool Contains(Node node) => Operators.Contains(node.OpType);

    static IEnumerable<Observation> Find(RuleContext context) => context.View.Nodes
        .Concat(context.Model.Functions.SelectMany(f => f.Body.AllNodes()))
        .Where(n => Contains(n) && context.View.IsOnPath(n))
        .Select(n => new Observation(context.View.NameOf(n), $"{n.OpType} computes in integers: no gradient passes it, and its weights cannot be trained.", n.OpType, "a float operator")
        {
            Node = n,
            Remedy = "Use the float model that this one was quantised from, or one quantised in QDQ format.",
        });
}
