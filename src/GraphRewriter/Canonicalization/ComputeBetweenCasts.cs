using System.Collections.Frozen;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Canonicalization;

/// <summary>
/// Lets operators that take bfloat16 from opset 22 on only compute in float32 between Casts, as the canonical opset does not allow them that type. Their results are
/// rounded once, as those of a kernel that sums in float32.
/// </summary>
static class ComputeBetweenCasts
{
    /// <summary>
    /// The operators whose version 22 adds bfloat16, without those that make numbers of nothing. Source: the operator change log of ONNX (docs/Changelog.md in the onnx
    /// repository).
    /// </summary>
    static readonly FrozenSet<string> WithoutBFloat16 = new[]
    {
        "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "AveragePool", "Conv", "ConvTranspose", "Cos", "Cosh", "DeformConv", "Det", "Elu", "GRU", "GlobalAveragePool",
        "GlobalLpPool", "GlobalMaxPool", "GridSample", "HardSigmoid", "HardSwish", "InstanceNormalization", "LSTM", "LpNormalization", "LpPool", "MaxPool", "MaxRoiPool",
        "MaxUnpool", "Mish", "NegativeLogLikelihoodLoss", "RNN", "RoiAlign", "Round", "Selu", "Sin", "Sinh", "Softplus", "Softsign", "Tan", "ThresholdedRelu",
    }.ToFrozenSet(StringComparer.Ordinal);

    public static void Apply(PassContext context)
    {
        foreach (var graph in context.Model.Graph.SelfAndSubgraphs().ToList())
        {
            var nodes = new List<Node>();
            foreach (var node in graph.Nodes)
            {
                if (node.Domain.Length > 0 || !WithoutBFloat16.Contains(node.OpType) || !node.Inputs.Any(i => i?.Type == ElementType.BFloat16))
                {
                    nodes.Add(node);
                    continue;
                }
                for (var i = 0; i < node.Inputs.Count; i++)
                    if (node.Inputs[i] is { Type: ElementType.BFloat16 } narrow) node.Inputs[i] = Cast(context, nodes, node, narrow, new Value(context.FreshName(narrow.Name)), ElementType.Float32);
                nodes.Add(node);
                for (var i = 0; i < node.Outputs.Count; i++)
                {
                    if (node.Outputs[i] is not { Type: ElementType.BFloat16 } narrow) continue;
                    node.SetOutput(i, new Value(context.FreshName(narrow.Name), ElementType.Float32, narrow.Shape));
                    Cast(context, nodes, node, node.Outputs[i]!, narrow, ElementType.BFloat16);
                }
            }
            graph.Nodes.Clear();
            graph.Nodes.AddRange(nodes);
        }
    }

    static Value Cast(PassContext context, List<Node> nodes, Node around, Value from, Value to, ElementType type)
    {
        (to.Type, to.Shape) = (type, from.Shape);
        nodes.Add(new Node("Cast", [from], [to], [Attribute.Of("to", (long)type)], "", context.FreshName("Cast")) { Origin = around.LogicalName });
        return to;
    }
}
