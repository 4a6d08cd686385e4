
namespace GraphRewriter.Canonicalization;

/// <summary>
/// Finds the parameters by the slots that float constants reach, directly or through operators that only change their look. Training changes them; running statistics and
/// front-end tables are listed with them but are not trainable. A constant of one element in an elementwise slot is a number of the formula, not a parameter.
/// </summary>
static class FindParameters
{
    public static IReadOnlyList<Parameter> Apply(PassContext context)
    {
        var graph = context.Model.Graph;
        var finder = new ParameterFinder(graph, context.FromConstantNodes);
        foreach (var node in graph.AllNodes()) finder.Visit(node);
        return finder.Result();
    }
}
