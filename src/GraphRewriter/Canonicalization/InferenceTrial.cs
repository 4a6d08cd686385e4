using GraphRewriter.Inference;
using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>Runs shape inference afresh from the inputs as they are bound.</summary>
static class InferenceTrial
{
    /// <summary>Returns null where the shapes agree, else what contradicts what.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="hints">Shapes known of node outputs, for dimensions on which inference has nothing to say.</param>
    public static string? Run(Graph graph, IReadOnlyDictionary<Value, Shape>? hints = null)
    {
        // Inference has nothing to say about operators of other domains; the shapes the file states for them must survive.
        var stated = graph.AllNodes().Where(n => n.Domain.Length > 0).SelectMany(n => n.Outputs).OfType<Value>().Select(v => (Value: v, v.Shape)).ToList();
        ShapeInference.Forget(graph);
        foreach (var (value, shape) in stated) value.Shape = shape;
        foreach (var (value, shape) in hints ?? new Dictionary<Value, Shape>()) value.Shape = shape;
        try
        {
            ShapeInference.Infer(graph);
            return null;
        }
        catch (ModelException e) when (e.Problem == ModelProblem.InvalidGraph)
        {
            return e.Message;
        }
    }
}
