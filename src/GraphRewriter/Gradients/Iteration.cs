using GraphRewriter.Ir;

namespace GraphRewriter.Gradients;

/// <summary>A value that a loop hands from one run of its body to the next.</summary>
/// <param name="Initial">What it starts as.</param>
/// <param name="Inner">The body's input.</param>
/// <param name="Next">The body's output.</param>
/// <param name="Output">The index of the node's output that it ends as.</param>
readonly record struct CarriedState(Value Initial, Value Inner, Value Next, int Output);

/// <summary>A value of which each run of a body sees a slice.</summary>
/// <param name="Stack">The whole.</param>
/// <param name="Inner">The body's input.</param>
/// <param name="Axis">The axis.</param>
/// <param name="Backwards">Whether the last slice comes first.</param>
readonly record struct ScannedInput(Value Stack, Value Inner, long Axis, bool Backwards);

/// <summary>A value of which each run of a body yields a slice.</summary>
/// <param name="Each">The body's output.</param>
/// <param name="Output">The index of the node's output that holds the stack.</param>
/// <param name="Axis">The axis.</param>
/// <param name="Backwards">Whether the first slice comes last.</param>
readonly record struct StackedOutput(Value Each, int Output, long Axis, bool Backwards);

/// <summary>What a Scan and a Loop have in common: a body that runs many times, and what goes in and out of it.</summary>
/// <param name="Node">The node.</param>
/// <param name="Body">The body.</param>
/// <param name="States">What is carried.</param>
/// <param name="Items">What is scanned; none for a Loop.</param>
/// <param name="Yields">What is stacked.</param>
/// <param name="Counter">The body's input that counts the runs of a Loop; null for a Scan.</param>
sealed record Iteration(Node Node, Graph Body, IReadOnlyList<CarriedState> States, IReadOnlyList<ScannedInput> Items, IReadOnlyList<StackedOutput> Yields, Value? Counter)
{
    /// <summary>Reads a Scan.</summary>
    public static Iteration OfScan(Node node)
    {
        var body = node.Subgraph("body")!;
        var scanned = (int)node.Int("num_scan_inputs");
        var carried = node.Inputs.Count - scanned;
        var states = Enumerable.Range(0, carried).Select(i => new CarriedState(node.Inputs[i]!, body.Inputs[i], body.Outputs[i], i));
        var items = Enumerable.Range(0, scanned).Select(i => new ScannedInput(
            node.Inputs[carried + i]!, body.Inputs[carried + i], At(node, "scan_input_axes", i), At(node, "scan_input_directions", i) != 0));
        var yields = Enumerable.Range(0, body.Outputs.Count - carried).Select(i => new StackedOutput(
            body.Outputs[carried + i], carried + i, At(node, "scan_output_axes", i), At(node, "scan_output_directions", i) != 0));
        return new Iteration(node, body, [.. states], [.. items], [.. yields], null);
    }

    /// <summary>Reads a Loop. Its body takes the count and the condition first and gives the condition first.</summary>
    public static Iteration OfLoop(Node node)
    {
        var body = node.Subgraph("body")!;
        var carried = Math.Max(0, node.Inputs.Count - 2);
        var states = Enumerable.Range(0, carried).Select(i => new CarriedState(node.Inputs[i + 2]!, body.Inputs[i + 2], body.Outputs[i + 1], i));
        var yields = Enumerable.Range(carried, body.Outputs.Count - 1 - carried).Select(i => new StackedOutput(body.Outputs[i + 1], i, 0, false));
        return new Iteration(node, body, [.. states], [], [.. yields], body.Inputs[0]);
    }

    /// <summary>The values of the graphs around it that the body uses.</summary>
    public static IEnumerable<Value> CapturedBy(Graph body)
    {
        var own = new HashSet<Value>();
        var used = new List<Value>();
        Visit(body);
        return used.Where(v => !own.Contains(v)).Distinct();

        void Visit(Graph graph)
        {
            own.UnionWith(graph.Inputs);
            own.UnionWith(graph.Initializers);
            foreach (var node in graph.Nodes)
            {
                own.UnionWith(node.Outputs.OfType<Value>());
                used.AddRange(node.Inputs.OfType<Value>());
                foreach (var (_, sub) in node.Subgraphs) Visit(sub);
            }
            used.AddRange(graph.Outputs);
        }
    }

    static long At(Node node, string attribute, int index) => node.Ints(attribute) is { } list && index < list.Length ? list[index] : 0;
}
