using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>
/// Gives back to each parameter its own initializer where the PyTorch exporter merged those of equal contents: it leaves Identity(initializer) nodes
/// whose outputs carry the names of the parameters that were lost. A table that is looked up on one side of the Identity and multiplied on the other
/// is a tie that was meant, and stays one tensor; so do integers and unnamed constants.
/// </summary>
static class UnshareInitializers
{
    public static void Apply(PassContext context)
    {
        var main = context.Model.Graph;
        var consumers = main.Consumers();
        var replaced = new Dictionary<Value, Value>();
        var count = 0;
        foreach (var graph in main.SelfAndSubgraphs().ToList())
        {
            foreach (var node in graph.Nodes.ToList())
            {
                if (!node.Is("Identity") || node.Inputs[0] is not { Data: { } data } source || graph.Outputs.Contains(node.Output)) continue;
                var merged = source.IsFloat && !context.FromConstantNodes.Contains(source) && !IsTie(source, node.Output, consumers);
                graph.Nodes.Remove(node);
                replaced[node.Output] = merged ? main.AddInitializer(node.Output.Name, data) : source;
                if (merged) count++;
            }
        }
        if (replaced.Count == 0) return;
        main.ReplaceUses(replaced);
        if (count > 0) context.Note($"{count} parameters that the exporter merged by equal contents are told apart again by their names.");
    }

    static bool IsTie(Value source, Value copy, Dictionary<Value, List<Node>> consumers)
    {
        var (table, matrix) = Uses(source, consumers);
        var (otherTable, otherMatrix) = Uses(copy, consumers);
        return (table && otherMatrix) || (matrix && otherTable);
    }

    static (bool Table, bool Matrix) Uses(Value value, Dictionary<Value, List<Node>> consumers)
    {
        var (table, matrix) = (false, false);
        foreach (var node in consumers.GetValueOrDefault(value, []))
        {
            if (node.Is("Gather")) table |= node.Inputs[0] == value;
            else if (node.Is("MatMul") || node.Is("Gemm")) matrix = true;
            else if (node.Is("Transpose"))
            {
                var (t, m) = Uses(node.Output, consumers);
                (table, matrix) = (table | t, matrix | m);
            }
        }
        return (table, matrix);
    }
}
