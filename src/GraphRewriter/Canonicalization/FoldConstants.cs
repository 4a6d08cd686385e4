using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>
/// Turns what constant evaluation knows (shape arithmetic, mostly) into initializers. Whatever is computed from a parameter stays computed, so that gradients reach the parameter.
/// </summary>
static class FoldConstants
{
    public static void Apply(PassContext context, IReadOnlySet<Value> parameters)
    {
        var main = context.Model.Graph;
        var outputs = main.SelfAndSubgraphs().SelectMany(g => g.Outputs).ToHashSet();
        var fromParameter = new Dictionary<Value, bool>();
        var replaced = new Dictionary<Value, Value>();
        foreach (var node in main.AllNodes())
        {
            if (node.Subgraphs.Any()) continue;
            foreach (var output in node.Outputs)
            {
                if (output?.Evaluated is not { } data || outputs.Contains(output) || ComesFromParameter(output)) continue;
                replaced[output] = new Value(output.Name, data.Type, data.Shape) { Data = data };
            }
        }
        main.Initializers.AddRange(replaced.Values);
        main.ReplaceUses(replaced);
        foreach (var (folded, constant) in replaced)
        {
            // The node is removed as dead code, unless another of its outputs is needed; that output must not share a name with the constant.
            folded.Name = context.FreshName(constant.Name + "_folded");
        }

        bool ComesFromParameter(Value value)
        {
            if (value.Producer is not { } producer) return parameters.Contains(value);
            // The shape of a parameter does not change with its contents.
            if (producer.OpType is "Shape" or "Size") return false;
            if (fromParameter.TryGetValue(value, out var known)) return known;
            return fromParameter[value] = producer.Inputs.Any(i => i is not null && ComesFromParameter(i));
        }
    }
}
