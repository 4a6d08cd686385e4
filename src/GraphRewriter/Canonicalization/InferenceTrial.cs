using GraphRewriter.Inference;
using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>Runs shape inference afresh from the inputs as they are bound.</summary>
static class InferenceTrial
{
    /// <summary>Returns null where the shapes agree, else what contradicts what.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="hints">Shapes of node outputs that take the place of those inferred.</param>
    public static string? Run(Graph graph, IReadOnlyDictionary<Value, Shape>? hints = null)
    {
        // Inference has nothing to say about operators of other domains; the shapes the file states for them must survive.
        var stated = graph.AllNodes().Where(n => n.Domain.Length > 0).SelectMany(n => n.Outputs).OfType<Value>().Select(v => (Value: v, v.Shape)).ToList();
        ShapeInference.Forget(graph);
        foreach (var (value, shape) in stated) value.Shape = shape;
        try
        {
            foreach (var node in graph.Nodes)
            {
                ShapeInference.Infer(node);
                if (hints is null) continue;
                foreach (var output in node.Outputs) if (output is not null && hints.TryGetValue(output, out var shape)) output.Shape = shape;
            }
            return null;
        }
        catch (ModelException e) when (e.Problem == ModelProblem.InvalidGraph)
        {
            return e.Message;
        }
    }
}
