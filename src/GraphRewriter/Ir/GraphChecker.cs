namespace GraphRewriter.Ir;

/// <summary>Checks the rules that every model keeps, as read and after each pass.</summary>
public static class GraphChecker
{
    /// <summary>
    /// All breaches of these rules, a line each with the node or value; empty for a sound model: each value is defined once and before its use, names are unique in
    /// what can be seen from one place, outputs are defined, initializers have contents of their declared type, the standard operator set is imported where it is used.
    /// </summary>
    public static IReadOnlyList<string> Check(Model model)
    {
        var errors = new List<string>();
        new Walk(errors).Run(model.Graph, "");
        foreach (var function in model.Functions) new Walk(errors).Run(function.Body, $"function '{function.Name}': ");
        errors.AddRange(CheckImports(model));
        return errors;
    }

    /// <summary>An error for each graph or function that uses the standard operators without saying in which version.</summary>
    internal static IEnumerable<string> CheckImports(Model model)
    {
        if (!model.Opsets.ContainsKey("") && model.Graph.AllNodes().FirstOrDefault(n => n.Domain.Length == 0) is { } node)
            yield return $"model: standard operators are used (first by node {node}), but no version of the standard operator set is imported";
        foreach (var function in model.Functions)
            if (!function.Opsets.ContainsKey("") && !model.Opsets.ContainsKey("") && function.Body.AllNodes().FirstOrDefault(n => n.Domain.Length == 0) is { } inner)
                yield return $"function '{function.Name}': standard operators are used (first by node {inner}), but no version of the standard operator set is imported";
    }

    /// <summary>The domains whose operators the main graph uses without an import, in order of first use.</summary>
    internal static IEnumerable<string> DomainsNotImported(Model model) =>
        model.Graph.AllNodes().Select(n => n.Domain).Distinct(StringComparer.Ordinal).Where(d => !model.Opsets.ContainsKey(d));

    /// <summary>One walk over a graph and its subgraphs.</summary>
    sealed class Walk(List<string> errors)
    {
        readonly HashSet<Value> everywhere = [];
        readonly HashSet<Value> defined = [];
        readonly HashSet<Value> visible = [];
        readonly Dictionary<string, Value> names = new(StringComparer.Ordinal);
        readonly HashSet<Node> nodes = [];

        public void Run(Graph graph, string where)
        {
            Collect(graph);
            CheckGraph(graph, where);
        }

        void Collect(Graph graph)
        {
            everywhere.UnionWith(graph.Inputs);
            everywhere.UnionWith(graph.Initializers);
            foreach (var node in graph.Nodes)
            {
                foreach (var output in node.Outputs) if (output is not null) everywhere.Add(output);
                foreach (var (_, sub) in node.Subgraphs) Collect(sub);
            }
        }

        void CheckGraph(Graph graph, string where)
        {
            var own = new List<Value>();
            foreach (var input in graph.Inputs) Define(input, own, $"{where}input");
            var inputs = graph.Inputs.ToHashSet();
            foreach (var initializer in graph.Initializers)
            {
                if (initializer.Data is null && initializer.SparseData is null) errors.Add($"{where}initializer '{initializer.Name}': has no contents");
                if (initializer.Data is { } data && data.Type != initializer.Type) errors.Add($"{where}initializer '{initializer.Name}': is declared as {initializer.Type}, its contents are {data.Type}");
                if (initializer.Producer is { } producer) errors.Add($"{where}initializer '{initializer.Name}': is an output of node {producer} as well");
                if (!inputs.Contains(initializer)) Define(initializer, own, $"{where}initializer");
            }
            foreach (var node in graph.Nodes) CheckNode(node, own, where);
            foreach (var output in graph.Outputs)
                if (!visible.Contains(output)) errors.Add($"{where}output '{output.Name}': is defined {(everywhere.Contains(output) ? "only where it cannot be seen" : "nowhere")}");
            foreach (var value in own)
            {
                visible.Remove(value);
                if (names.TryGetValue(value.Name, out var holder) && holder == value) names.Remove(value.Name);
            }
        }

        void CheckNode(Node node, List<Value> own, string where)
        {
            var label = $"{where}node {node}";
            if (!nodes.Add(node)) errors.Add($"{label}: is in the model twice");
            for (var i = 0; i < node.Inputs.Count; i++)
            {
                if (node.Inputs[i] is not { } input || visible.Contains(input)) continue;
                errors.Add($"{label}: its input {i}, '{input.Name}', is defined {(everywhere.Contains(input) ? "later, or where it cannot be seen" : "nowhere")}");
            }
            foreach (var (attribute, sub) in node.Subgraphs) CheckGraph(sub, $"{label} {attribute}: ");
            foreach (var output in node.Outputs)
            {
                if (output is null) continue;
                if (output.Producer != node) errors.Add($"{label}: its output '{output.Name}' takes {output.Producer?.ToString() ?? "no node"} for its producer");
                Define(output, own, $"{label}: output");
            }
        }

        void Define(Value value, List<Value> own, string what)
        {
            if (!defined.Add(value)) errors.Add($"{what} '{value.Name}': is defined twice");
            if (!names.TryAdd(value.Name, value) && names[value.Name] != value) errors.Add($"{what} '{value.Name}': has the name of another value");
            visible.Add(value);
            own.Add(value);
        }
    }
}
