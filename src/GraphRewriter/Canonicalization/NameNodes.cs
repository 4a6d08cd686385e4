
namespace GraphRewriter.Canonicalization;

/// <summary>
/// Gives every node a unique name and every value a unique one. A node without name is called by operator and place, for example Conv_12, counted over the model as given,
/// so that the names do not depend on what later passes do.
/// </summary>
static class NameNodes
{
    public static void Apply(PassContext context)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var index = 0;
        foreach (var node in context.Model.Graph.AllNodes())
        {
            if (node.Name.Length == 0) node.Name = context.FreshName(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{node.OpType}_{index}"));
            else if (seen.Contains(node.Name)) node.Name = context.FreshName(node.Name);
            seen.Add(node.Name);
            index++;
        }
    }

    /// <summary>Makes value names unique; the inputs and outputs of the main graph keep theirs. A constant whose name another branch had gets it back where it is free.</summary>
    public static void UniteValues(PassContext context)
    {
        var main = context.Model.Graph;
        var taken = main.AllValues().Select(v => v.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var initializer in main.Initializers)
            if (context.GivenNames.TryGetValue(initializer, out var given) && taken.Add(given)) initializer.Name = given;
        var kept = main.Inputs.Concat(main.Outputs).ToHashSet();
        var seen = kept.Select(v => v.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var value in main.Initializers.Concat(main.AllValues()))
        {
            if (!kept.Add(value)) continue;
            if (value.Name.Length == 0 || !seen.Add(value.Name))
            {
                value.Name = context.FreshName(value.Name.Length == 0 ? "value" : value.Name);
                seen.Add(value.Name);
            }
        }
    }
}
