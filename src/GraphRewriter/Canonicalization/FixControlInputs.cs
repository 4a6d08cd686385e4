using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>
/// Fixes scalar integer and bool inputs that decide an If (a sampling rate, a flag): to what the user gives, else to the value for which the If takes its first branch.
/// A fixed input leaves the graph's inputs.
/// </summary>
static class FixControlInputs
{
    public static IReadOnlyDictionary<Value, TensorData> Apply(PassContext context)
    {
        var graph = context.Model.Graph;
        var fixedInputs = new Dictionary<Value, TensorData>();
        foreach (var (name, data) in context.Options.InputValues)
        {
            var input = graph.Inputs.Find(v => string.Equals(v.Name, name, StringComparison.Ordinal))
                ?? throw new ModelException(ModelProblem.Binding, $"The model has no input '{name}'. Its inputs: {string.Join(", ", graph.Inputs.Select(v => v.Name))}.");
            Fix(graph, input, data, fixedInputs);
        }
        if (!context.Options.FixControlInputs || context.Options.KeepDynamic) return fixedInputs;
        foreach (var input in graph.Inputs.ToList())
        {
            if (!(input.Type.IsInteger || input.Type == ElementType.Bool) || input.Shape is not { ElementCount: 1 } shape) continue;
            var deciders = graph.Nodes.Where(n => n.Is("If")).Where(n => DependsOn(n.Inputs[0]!, input, [])).ToList();
            if (deciders.Count == 0) continue;
            foreach (var candidate in Candidates(input, deciders))
            {
                var data = TensorData.FromNumbers(input.Type, shape.ToArray(), [candidate]);
                input.Data = data;
                InferenceTrial.Run(graph);
                var decided = deciders.TrueForAll(n => n.Inputs[0]!.Constant is { Count: 1 } c && c.ToInt64s()[0] != 0);
                input.Data = null;
                if (!decided) continue;
                context.Note(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"Input '{input.Name}' decides {string.Join(", ", deciders.Select(n => $"'{n.LogicalName}'"))} and is fixed to {candidate}, for which the first branch is taken."));
                Fix(graph, input, data, fixedInputs);
                break;
            }
        }
        return fixedInputs;
    }

    static void Fix(Graph graph, Value input, TensorData data, Dictionary<Value, TensorData> fixedInputs)
    {
        if (data.Type != input.Type || (input.Shape is { } s && s.ElementCount >= 0 && s.ElementCount != data.Count))
            throw new ModelException(ModelProblem.Binding, $"Input '{input.Name}' was given {data}; the model takes {input.Type}[{input.Shape?.ToString() ?? "?"}].");
        fixedInputs[input] = data;
        var constant = graph.AddInitializer(input.Name, data);
        graph.Inputs.Remove(input);
        graph.ReplaceUses(input, constant);
    }

    /// <summary>Numbers the input is compared with on its way to the conditions, then one and zero.</summary>
    static IEnumerable<double> Candidates(Value input, List<Node> deciders)
    {
        var seen = new HashSet<Node>();
        var pending = new Stack<Value>(deciders.Select(n => n.Inputs[0]!));
        while (pending.TryPop(out var value))
        {
            if (value.Producer is not { } producer || !seen.Add(producer)) continue;
            if (producer.Is("Equal") && input.Type != ElementType.Bool)
                foreach (var side in producer.Inputs) if (side?.Constant is { Unavailable: null, Count: 1 } number) yield return number.ToDoubles()[0];
            foreach (var next in producer.Inputs) if (next is not null) pending.Push(next);
        }
        yield return 1;
        yield return 0;
    }

    static bool DependsOn(Value value, Value input, HashSet<Value> seen) =>
        value == input || (seen.Add(value) && value.Producer is { } p && p.Inputs.Any(i => i is not null && DependsOn(i, input, seen)));
}
