using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using GraphRewriter.Ir;

namespace GraphRewriter.Emission;

/// <summary>
/// Computes once what a graph computes several times (common subexpressions, by their structure): parts that are emitted one by one ask for the same transposes, products and reductions. In time linear in
/// the graph; what ONNX Runtime does about memory and fusion later takes more than that.
/// </summary>
static class MergeEqualNodes
{
    /// <summary>Constants of more elements are not compared: those that are emitted are shapes, axes and scalars.</summary>
    const long MaxElements = 64;

    static readonly FrozenSet<string> Random = new[] { "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli", "Dropout" }.ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Merges the nodes of the outermost graph; those that hold subgraphs or draw numbers, and those whose outputs the graph shows, stay.</summary>
    /// <param name="graph">The graph; it is changed.</param>
    /// <param name="apart">Constants that are not to be merged though their contents are equal: parameters, which may be fed.</param>
    /// <returns>How many nodes went.</returns>
    public static int Apply(Graph graph, IReadOnlySet<Value> apart)
    {
        var replaced = new Dictionary<Value, Value>();
        MergeConstants(graph, apart, replaced);
        var ids = new Dictionary<Value, int>();
        int IdOf(Value value) => ids.TryGetValue(value, out var known) ? known : ids[value] = ids.Count;
        var shown = graph.Outputs.ToHashSet();
        var seen = new Dictionary<string, Node>(StringComparer.Ordinal);
        var gone = new HashSet<Node>();
        foreach (var node in graph.Nodes)
        {
            for (var i = 0; i < node.Inputs.Count; i++)
                if (node.Inputs[i] is { } input && replaced.TryGetValue(input, out var other)) node.Inputs[i] = other;
            if (Key(node, IdOf) is not { } key || seen.TryAdd(key, node)) continue;
            var first = seen[key];
            if (node.Outputs.Any(o => o is not null && shown.Contains(o)) || node.Outputs.Zip(first.Outputs).Any(p => p.First is not null && p.Second is null)) continue;
            foreach (var (own, same) in node.Outputs.Zip(first.Outputs)) if (own is not null) replaced[own] = same!;
            gone.Add(node);
        }
        if (replaced.Count == 0) return 0;
        graph.Nodes.RemoveAll(gone.Contains);
        // Uses inside of subgraphs.
        graph.ReplaceUses(replaced);
        return gone.Count;
    }

    static void MergeConstants(Graph graph, IReadOnlySet<Value> apart, Dictionary<Value, Value> replaced)
    {
        var shown = graph.Outputs.ToHashSet();
        var known = new Dictionary<string, Value>(StringComparer.Ordinal);
        foreach (var value in graph.Initializers)
        {
            if (value.Data is not { Unavailable: null, Type: not ElementType.String } data || data.Count > MaxElements || apart.Contains(value) || shown.Contains(value)) continue;
            var key = string.Create(CultureInfo.InvariantCulture, $"{data.Type} {string.Join(',', data.Dims)} {Convert.ToBase64String(data.Bytes.Span)}");
            if (!known.TryAdd(key, value)) replaced[value] = known[key];
        }
        graph.Initializers.RemoveAll(replaced.ContainsKey);
    }

    /// <summary>What two nodes have in common that compute the same; null for a node that is not to be merged.</summary>
    static string? Key(Node node, Func<Value, int> idOf)
    {
        if (node.Domain.Length != 0 || Random.Contains(node.OpType)) return null;
        var key = new StringBuilder(node.OpType).Append('/').Append(node.Outputs.Count);
        foreach (var input in node.Inputs) key.Append(' ').Append(input is null ? -1 : idOf(input));
        foreach (var attribute in node.Attributes.Values)
        {
            if (attribute.Reference is not null || Text(attribute.Content) is not { } text) return null;
            key.Append('|').Append(attribute.Name).Append('=').Append(text);
        }
        return key.ToString();
    }

    static string? Text(object? content) => content switch
    {
        long value => value.ToString(CultureInfo.InvariantCulture),
        float value => BitConverter.SingleToInt32Bits(value).ToString(CultureInfo.InvariantCulture),
        byte[] value => Convert.ToHexString(value),
        long[] values => string.Join(',', values),
        float[] values => string.Join(',', values.Select(BitConverter.SingleToInt32Bits)),
        _ => null,
    };
}
