using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Gradients;

/// <summary>The gradient of an If: an If on the same condition, whose branches give the gradients of every value that either branch captures.</summary>
static class BranchGradient
{
    static readonly string[] Branches = ["then_branch", "else_branch"];

    public static IReadOnlyList<(Value Input, Value Gradient)> Emit(Tape t, Node n, IReadOnlyList<Value?> dy, SweepScope scope)
    {
        var swept = Branches.Select(b => Swept(t, n.Subgraph(b)!, dy, scope)).ToList();
        List<Value> captured = [.. swept.SelectMany(s => s.Gradients.Keys).Distinct()];
        if (captured.Count == 0) return [];
        var attributes = Branches.Zip(swept, (name, s) => Attribute.Of(name, Graph(t, s.Inner, captured.Select(c => s.Gradients.GetValueOrDefault(c) ?? s.Inner.ZerosLike(c)))));
        var node = t.Emit(new Node("If", [n.Inputs[0]], captured.Select(_ => new Value(t.FreshName("If"))), attributes, "", t.FreshName("If")));
        return [.. captured.Zip(node.Outputs, (c, g) => (c, g!))];
    }

    /// <summary>A copy of a branch on a tape of its own, and behind it the gradients of what the branch captures.</summary>
    static (Tape Inner, Dictionary<Value, Value> Gradients) Swept(Tape t, Graph branch, IReadOnlyList<Value?> dy, SweepScope scope)
    {
        var copy = branch.Copy([]);
        Rename(t, copy);
        var inner = t.Inner();
        var captured = Iteration.CapturedBy(branch).Where(scope.Wanted.Contains).ToList();
        var seeds = copy.Outputs.Zip(dy).Where(o => o.Second is not null && o.First.IsFloat).Select(o => (o.First, o.Second!)).ToList();
        var result = Differentiate.Sweep(copy.Nodes, seeds, captured, inner, scope.Rules);
        scope.Add(result);
        inner.Nodes.InsertRange(0, copy.Nodes);
        inner.Constants.AddRange(copy.Initializers);
        return (inner, captured.Where(result.Gradients.ContainsKey).ToDictionary(c => c, c => result.Gradients[c]));
    }

    static Graph Graph(Tape t, Tape inner, IEnumerable<Value> outputs)
    {
        var graph = new Graph { Name = t.FreshName("branch") };
        graph.Outputs.AddRange(inner.AsOutputs(outputs));
        inner.DropUnused(0, graph.Outputs);
        inner.AppendTo(graph);
        return graph;
    }

    /// <summary>Names are unique across a model; a copy needs its own.</summary>
    static void Rename(Tape t, Graph graph)
    {
        foreach (var value in graph.Inputs.Concat(graph.Initializers)) value.Name = t.FreshName(value.Name);
        foreach (var node in graph.Nodes)
        {
            node.Origin ??= node.Name;
            node.Name = t.FreshName(node.Name);
            foreach (var output in node.Outputs) output?.Name = t.FreshName(output.Name);
            foreach (var (_, sub) in node.Subgraphs) Rename(t, sub);
        }
    }
}
