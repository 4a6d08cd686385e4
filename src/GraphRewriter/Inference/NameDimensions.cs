using System.Globalization;
using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>
/// Gives each unknown dimension a name where it first appears, and infers the shapes behind it again. Two values whose sizes follow from the same unknown one are
/// then known to be of the same size, which spares a gradient the question, at run time, whether it was broadcast.
/// </summary>
static class NameDimensions
{
    /// <summary>Names the unknown dimensions of the inputs and the nodes' outputs in a graph whose shapes are inferred.</summary>
    public static void Apply(Graph graph)
    {
        if (!graph.Inputs.Exists(IsNameless) && !graph.Nodes.Exists(n => n.Outputs.Any(IsNameless))) return;
        var taken = new HashSet<string>(StringComparer.Ordinal);
        foreach (var value in graph.Inputs.Concat(graph.Nodes.SelectMany(n => n.Outputs).OfType<Value>()))
            foreach (var dim in value.Shape ?? Shape.Scalar)
                if (dim.Symbol is not null) taken.Add(dim.Symbol);
        var next = 0;
        void Name(Value? value)
        {
            if (IsNameless(value)) value!.Shape = new Shape(value.Shape!.Select(d => d.IsKnown || d.Symbol is not null ? d : new Dim(-1, Fresh(taken, ref next))));
        }
        graph.Inputs.ForEach(Name);
        var changed = graph.Inputs.ToHashSet();
        foreach (var node in graph.Nodes)
        {
            if (node.Inputs.Any(i => i is not null && changed.Contains(i))) ShapeInference.Infer(node);
            foreach (var output in node.Outputs) Name(output);
            // What changed here may show in the shapes behind it, through other nodes that changed nothing themselves.
            changed.UnionWith(node.Outputs.OfType<Value>().Where(o => o.Shape is { IsStatic: false } || !o.Dims.IsDefault));
        }
    }

    static bool IsNameless(Value? value) => value?.Shape is { } shape && shape.Any(d => !d.IsKnown && d.Symbol is null);

    static string Fresh(HashSet<string> taken, ref int next)
    {
        string name;
        do name = string.Create(CultureInfo.InvariantCulture, $"unknown_{++next}");
        while (!taken.Add(name));
        return name;
    }
}
