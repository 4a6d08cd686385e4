using GraphRewriter.Ir;

namespace OnnxAuditor;

/// <summary>Gives data that names no input to the input that it must be for.</summary>
static class GivenData
{
    /// <summary>The name of data whose file names no input.</summary>
    public const string Unnamed = "";

    /// <summary>The options with all data under the names of the model's inputs.</summary>
    /// <exception cref="UsageException">It is not clear which input is meant.</exception>
    public static AuditOptions Named(AuditOptions options, Graph graph)
    {
        if (!options.Data.TryGetValue(Unnamed, out var data)) return options;
        var open = graph.Inputs.Where(i => i.Data is null && i.SparseData is null && !options.Data.ContainsKey(i.Name)).Select(i => i.Name).ToList();
        if (open.Count != 1)
            throw new UsageException($"The data do not say which input they are for: name it, as in --data NAME=FILE. Inputs without data: {(open.Count == 0 ? "none" : string.Join(", ", open))}.");
        var named = options.Data.Where(d => d.Key.Length > 0).Append(new(open[0], data)).ToDictionary(StringComparer.Ordinal);
        return options with { Data = named };
    }
}
