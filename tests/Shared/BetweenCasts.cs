using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace Testing;

/// <summary>
/// Lets a model of float16 or bfloat16 run where a runtime has no kernels of these types: every operator computes in float32 between casts, so that its results are
/// those of a kernel that sums in float32 and rounds once.
/// </summary>
static class BetweenCasts
{
    /// <summary>Rewrites a graph and its subgraphs in place; types must be inferred.</summary>
    public static void Put(Graph graph)
    {
        var nodes = new List<Node>();
        foreach (var node in graph.Nodes)
        {
            foreach (var (_, sub) in node.Subgraphs) Put(sub);
            if (node.Subgraphs.Any() || node.OpType is "Cast" or "ConstantOfShape")
            {
                nodes.Add(node);
                continue;
            }
            for (var i = 0; i < node.Inputs.Count; i++)
                if (node.Inputs[i] is { } narrow && IsNarrow(narrow)) node.Inputs[i] = Cast(nodes, narrow, new Value($"{node.Name}/wide{i}"), ElementType.Float32);
            nodes.Add(node);
            for (var i = 0; i < node.Outputs.Count; i++)
            {
                if (node.Outputs[i] is not { } narrow || !IsNarrow(narrow)) continue;
                var wide = new Value($"{narrow.Name}/wide", ElementType.Float32, narrow.Shape);
                node.SetOutput(i, wide);
                Cast(nodes, wide, narrow, narrow.Type);
            }
        }
        graph.Nodes.Clear();
        graph.Nodes.AddRange(nodes);
    }

    static bool IsNarrow(Value value) => value.Type is ElementType.Float16 or ElementType.BFloat16;

    static Value Cast(List<Node> nodes, Value from, Value to, ElementType type)
    {
        (to.Type, to.Shape) = (type, from.Shape);
        nodes.Add(new Node("Cast", [from], [to], [Attribute.Of("to", (long)type)], "", $"{to.Name}/cast"));
        return to;
    }
}
