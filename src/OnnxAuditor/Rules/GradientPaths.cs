using GraphRewriter.Gradients;
using GraphRewriter.Ir;

namespace OnnxAuditor.Rules;

/// <summary>Which values a parameter reaches, with and without passing an operator that stops gradients.</summary>
static class GradientPaths
{
    /// <summary>Operators that only read a tensor's shape: a path through them carries no data, so that nothing is cut there.</summary>
    static readonly string[] ShapeReaders = ["Shape", "Size", "EyeLike", "ConstantOfShape", "RandomNormalLike", "RandomUniformLike"];

    /// <summary>Whether the node carries data from its inputs to its outputs at all.</summary>
    public static bool CarriesData(Node node) => !(node.Domain.Length == 0 && ShapeReaders.Contains(node.OpType, StringComparer.Ordinal));

    /// <summary>
    /// Why no gradient flows through the node by its nature; null where one does. Integer kernels are TRN009's business; QuantizeLinear is TRN008's (quantisation-aware
    /// training puts a straight-through estimator there).
    /// </summary>
    public static string? StopReason(RuleContext context, Node node)
    {
        if (node.Domain.Length > 0 || node.OpType is "QuantizeLinear" or "DynamicQuantizeLinear" || IntegerKernels.Contains(node)) return null;
        if (node.OpType is "Cast" or "CastLike")
            return node.Output is { Type: var type } && type != ElementType.Undefined && !type.IsFloat ? $"it casts to {type}" : null;
        return (context.StraightThrough ? GradientRules.StraightThrough : GradientRules.Exact).Stops.TryGetValue(node.OpType, out var stop) ? stop.Reason : null;
    }

    /// <summary>The values from which one of the given ones can be reached through nodes that pass, themselves included.</summary>
    public static HashSet<Value> Upstream(ModelView view, IEnumerable<Value> from, Func<Node, bool> passes)
    {
        var reached = new HashSet<Value>(from);
        for (var i = view.Graph.Nodes.Count - 1; i >= 0; i--)
        {
            var node = view.Graph.Nodes[i];
            if (!node.Outputs.Any(o => o is not null && reached.Contains(o)) || !passes(node)) continue;
            foreach (var read in ModelView.Reads(node)) reached.Add(read);
        }
        return reached;
    }
}
