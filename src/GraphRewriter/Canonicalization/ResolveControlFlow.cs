using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>
/// Puts the branch that is taken in the place of each If whose condition is known after binding and inference. Loops and scans stay.
/// </summary>
static class ResolveControlFlow
{
    /// <summary>Returns whether anything changed.</summary>
    public static bool Apply(PassContext context)
    {
        var changed = false;
        foreach (var graph in context.Model.Graph.SelfAndSubgraphs().ToList()) changed |= Resolve(context, graph);
        return changed;
    }

    static bool Resolve(PassContext context, Graph graph)
    {
        var changed = false;
        var nodes = new List<Node>(graph.Nodes.Count);
        var replaced = new Dictionary<Value, Value>();
        foreach (var node in graph.Nodes)
        {
            if (!node.Is("If") || Condition(node) is not { } condition || node.Subgraph(condition ? "then_branch" : "else_branch") is not { } branch)
            {
                nodes.Add(node);
                continue;
            }
            changed = true;
            context.Note($"If '{node.LogicalName}' resolved: its condition is always {(condition ? "true" : "false")}.");
            graph.Initializers.AddRange(branch.Initializers);
            nodes.AddRange(branch.Nodes);
            nodes.AddRange(BindOutputs(context, node, branch, replaced));
        }
        if (!changed) return false;
        graph.Nodes.Clear();
        graph.Nodes.AddRange(nodes);
        graph.ReplaceUses(replaced);
        return true;
    }

    static bool? Condition(Node node) => node.Inputs[0]?.Constant is { Unavailable: null, Type: ElementType.Bool, Count: 1 } known ? known.ToInt64s()[0] != 0 : null;

    /// <summary>The If's outputs take the place of the branch's; one that the branch only passes on goes through an Identity.</summary>
    static IEnumerable<Node> BindOutputs(PassContext context, Node node, Graph branch, Dictionary<Value, Value> replaced)
    {
        for (var i = 0; i < branch.Outputs.Count; i++)
        {
            if (node.OutputAt(i) is not { } outer) continue;
            var inner = branch.Outputs[i];
            node.SetOutput(i, null);
            if (inner.Producer is { } producer && branch.Nodes.Contains(producer) && !replaced.ContainsKey(inner))
            {
                producer.SetOutput(producer.Outputs.ToList().IndexOf(inner), outer);
                replaced[inner] = outer;
            }
            else yield return new Node("Identity", [inner], [outer], name: context.FreshName(node.Name + "_identity"));
        }
    }
}
