using GraphRewriter.Emission;
using GraphRewriter.Inference;
using GraphRewriter.Ir;

namespace GraphRewriter.Gradients;

/// <summary>A place where the gradient did not pass, though parameters or inputs lie behind it.</summary>
/// <param name="Node">The node.</param>
/// <param name="Reason">Why.</param>
/// <param name="IsMissingRule">True where this program lacks a rule, false where the operator has no gradient by its nature.</param>
public sealed record BlockedNode(Node Node, string Reason, bool IsMissingRule);

/// <summary>What the reverse sweep found.</summary>
/// <param name="Gradients">The gradient of each value it reached, of the value's own type and shape.</param>
/// <param name="Blocked">The nodes at which the gradient stopped, in graph order.</param>
/// <param name="ActiveNodes">The nodes that lie between a target and the loss.</param>
public sealed record DifferentiationResult(IReadOnlyDictionary<Value, Value> Gradients, IReadOnlyList<BlockedNode> Blocked, IReadOnlyList<Node> ActiveNodes);

/// <summary>
/// Reverse-mode differentiation of a graph into the same graph: the sweep. The rules are tables (<see cref="GradientRules"/>); broadcasting is
/// undone here, once. Only standard operators that have rules themselves are emitted, so the result can be differentiated again. Gradients of float16 and bfloat16 are
/// computed in float32 from end to end and cast to the type of what they are the gradient of at last: no sum is taken, and nothing underflows, in a narrow type.
/// </summary>
public static class Differentiate
{
    /// <summary>Emits the gradients of a scalar by the targets and by every value between them.</summary>
    /// <param name="graph">The graph; shapes are inferred. The emitted nodes are appended to it.</param>
    /// <param name="loss">A float scalar of the graph.</param>
    /// <param name="targets">Float values: parameters, inputs or inner values.</param>
    /// <param name="names">The names taken in the graph; null to collect them.</param>
    /// <param name="straightThrough">Whether gradients pass Round, and QuantizeLinear where it does not saturate, as if these did nothing.</param>
    /// <exception cref="ArgumentException">The loss is not a float scalar.</exception>
    public static DifferentiationResult Run(Graph graph, Value loss, IReadOnlyCollection<Value> targets, NameScope? names = null, bool straightThrough = false)
    {
        if (!loss.IsFloat || loss.Shape is { Rank: > 0 } s && s.ElementCount != 1) throw new ArgumentException($"The loss '{loss.Name}' is no float scalar: {loss}.", nameof(loss));
        var tape = new Tape(names ?? new NameScope(graph)) { Prefix = "grad/" };
        return Run(graph, [(loss, tape.FullLike(loss, 1))], targets, tape, straightThrough);
    }

    /// <summary>Emits vector–Jacobian products: the gradients of Σ ⟨seed, value⟩ by the targets and by every value between them.</summary>
    /// <param name="graph">The graph; the emitted nodes are appended to it.</param>
    /// <param name="seeds">Values with the cotangent each starts from, of the same shape.</param>
    /// <param name="targets">Float values.</param>
    /// <param name="tape">Where to emit; it is appended to the graph.</param>
    /// <param name="straightThrough">Whether gradients pass Round, and QuantizeLinear where it does not saturate, as if these did nothing.</param>
    public static DifferentiationResult Run(Graph graph, IReadOnlyList<(Value Value, Value Cotangent)> seeds, IReadOnlyCollection<Value> targets, Tape tape, bool straightThrough = false)
    {
        NameDimensions.Apply(graph);
        var alreadyThere = tape.Nodes.Count;
        tape.Widens = true;
        var result = Sweep(graph.Nodes, seeds, targets, tape, straightThrough ? GradientRules.StraightThrough : GradientRules.Exact);
        tape.Widens = false;
        result = result with { Gradients = result.Gradients.Where(g => IsFloat(g.Key)).ToDictionary(g => g.Key, g => g.Key.IsFloat ? tape.Stored(g.Value, g.Key.Type) : g.Value) };
        // A rule gives the gradients of all inputs, those of constants among them.
        tape.DropUnused(alreadyThere, result.Gradients.Values);
        tape.AppendTo(graph);
        return result;
    }

    /// <summary>
    /// Emits the gradients of values through nodes that stand on the tape already: for a rule that states its operator's meaning in simpler operators and leaves
    /// their differentiation to the sweep.
    /// </summary>
    /// <exception cref="InvalidOperationException">One of the nodes has neither a rule nor a stop.</exception>
    internal static IReadOnlyDictionary<Value, Value> Through(Tape tape, IReadOnlyList<Node> nodes, IReadOnlyList<(Value Value, Value Cotangent)> seeds, IReadOnlyCollection<Value> targets)
    {
        var origin = tape.Origin;
        var result = Sweep(nodes, seeds, targets, tape, GradientRules.Exact);
        tape.Origin = origin;
        return result.Blocked.FirstOrDefault(b => b.IsMissingRule) is { } missing ? throw new InvalidOperationException($"{missing.Node}: {missing.Reason}") : result.Gradients;
    }

    /// <summary>The sweep over nodes of one graph, which may be a subgraph; what it emits stays on the tape.</summary>
    internal static DifferentiationResult Sweep(IReadOnlyList<Node> among, IReadOnlyList<(Value Value, Value Cotangent)> seeds, IReadOnlyCollection<Value> targets, Tape tape, RuleSet rules)
    {
        var active = ActiveBetween(among, seeds.Select(s => s.Value), targets);
        var scope = new SweepScope(active.Values, rules);
        var pending = new Dictionary<Value, List<Value>>();
        var final = new Dictionary<Value, Value>();
        foreach (var (value, cotangent) in seeds) Contribute(pending, value, Shaped(tape.Operand(cotangent), value));
        for (var i = active.Nodes.Count - 1; i >= 0; i--)
        {
            var node = active.Nodes[i];
            tape.Origin = node.LogicalName;
            var outputGradients = new Value?[node.Outputs.Count];
            for (var o = 0; o < outputGradients.Length; o++)
                outputGradients[o] = node.Outputs[o] is { } output ? Accumulate(tape, pending, final, output) : null;
            if (Array.TrueForAll(outputGradients, g => g is null)) continue;
            if (!TryRule(node, scope, out var rule)) continue;
            if (!TryGradients(tape, node, rule, outputGradients, scope, out var gradients)) continue;
            foreach (var (input, gradient) in gradients) Contribute(pending, input, Shaped(gradient, input));
        }
        tape.Origin = null;
        foreach (var target in targets) Accumulate(tape, pending, final, target);
        scope.Blocked.Reverse();
        return new DifferentiationResult(final, scope.Blocked, [.. active.Nodes, .. scope.InnerNodes]);
    }

    static bool TryRule(Node node, SweepScope scope, out GradientRule rule)
    {
        rule = null!;
        if (node.Domain.Length > 0)
        {
            scope.Blocked.Add(new BlockedNode(node, $"'{node.Domain}::{node.OpType}' is no standard operator", IsMissingRule: true));
            return false;
        }
        if (scope.Rules.Stops.TryGetValue(node.OpType, out var stop))
        {
            scope.Blocked.Add(new BlockedNode(node, stop.Reason, IsMissingRule: false));
            return false;
        }
        if (scope.Rules.ByOp.TryGetValue(node.OpType, out rule!)) return true;
        scope.Blocked.Add(new BlockedNode(node, $"no gradient rule for '{node.OpType}' yet", IsMissingRule: true));
        return false;
    }

    /// <summary>Applies a rule and undoes broadcasting; a case that cannot be followed blocks the node with what is said of it.</summary>
    static bool TryGradients(Tape tape, Node node, GradientRule rule, Value?[] outputGradients, SweepScope scope, out IReadOnlyList<(Value Input, Value Gradient)> gradients)
    {
        try
        {
            var all = rule.GradientsByValue is { } byValue ? byValue(tape, node, outputGradients, scope) : ByInput(node, rule.Gradients(tape, node, outputGradients));
            gradients = [.. all.Where(g => scope.Wanted.Contains(g.Input)).Select(g => (g.Input, tape.SumTo(g.Gradient, g.Input)))];
            return true;
        }
        catch (ModelException e) when (e.Problem == ModelProblem.Unsupported)
        {
            scope.Blocked.Add(new BlockedNode(node, e.Message, IsMissingRule: true));
            gradients = [];
            return false;
        }
    }

    static List<(Value Input, Value Gradient)> ByInput(Node node, Value?[] gradients)
    {
        if (gradients.Length != node.Inputs.Count)
            throw new InvalidOperationException($"The rule of {node.OpType} gave {gradients.Length} gradients for the {node.Inputs.Count} inputs of {node}.");
        var result = new List<(Value Input, Value Gradient)>();
        for (var k = 0; k < gradients.Length; k++)
            if (gradients[k] is { } gradient && node.Inputs[k] is { } input) result.Add((input, gradient));
        return result;
    }

    /// <summary>A gradient has the shape of its value, even where inference does not see that it has (a scatter to where a slice with computed bounds came from).</summary>
    static Value Shaped(Value gradient, Value value)
    {
        if (value.Shape is { } known && gradient.Shape is not { IsStatic: true }) gradient.Shape = known;
        return gradient;
    }

    static void Contribute(Dictionary<Value, List<Value>> pending, Value value, Value gradient)
    {
        if (!pending.TryGetValue(value, out var parts)) pending[value] = parts = [];
        parts.Add(gradient);
    }

    static Value? Accumulate(Tape tape, Dictionary<Value, List<Value>> pending, Dictionary<Value, Value> final, Value value)
    {
        if (final.TryGetValue(value, out var known)) return known;
        if (!pending.Remove(value, out var parts)) return null;
        var sum = parts.Count switch
        {
            1 => parts[0],
            2 => tape.Add(parts[0], parts[1]),
            _ => tape.Op("Sum", [.. parts]),
        };
        return final[value] = sum;
    }

    /// <summary>The nodes and values on float paths from the targets to the seeds.</summary>
    static (List<Node> Nodes, HashSet<Value> Values) ActiveBetween(IReadOnlyList<Node> among, IEnumerable<Value> seeds, IEnumerable<Value> targets)
    {
        var (forward, downstream) = Downstream(among, targets);
        var (nodes, upstream) = Upstream(forward, seeds);
        upstream.IntersectWith(downstream);
        upstream.RemoveWhere(v => !IsFloat(v) && !QuantizationRules.CarriesGradient(v));
        return (nodes, upstream);
    }

    /// <summary>Whether a value is a float for all that is known of it.</summary>
    static bool IsFloat(Value value) => value.IsFloat || value.Type == ElementType.Undefined;

    /// <summary>The nodes that depend on some values, in graph order, and the values with what those nodes make.</summary>
    internal static (List<Node> Nodes, HashSet<Value> Values) Downstream(IReadOnlyList<Node> among, IEnumerable<Value> from)
    {
        var values = new HashSet<Value>(from);
        var nodes = new List<Node>();
        foreach (var node in among)
        {
            if (!node.UsedValues().Any(values.Contains)) continue;
            nodes.Add(node);
            foreach (var output in node.Outputs) if (output is not null) values.Add(output);
        }
        return (nodes, values);
    }

    /// <summary>The nodes that lead to some values, in graph order, and the values with what those nodes use.</summary>
    internal static (List<Node> Nodes, HashSet<Value> Values) Upstream(IReadOnlyList<Node> among, IEnumerable<Value> to)
    {
        var values = new HashSet<Value>(to);
        var nodes = new List<Node>();
        for (var i = among.Count - 1; i >= 0; i--)
        {
            if (!among[i].Outputs.Any(o => o is not null && values.Contains(o))) continue;
            nodes.Add(among[i]);
            values.UnionWith(among[i].UsedValues());
        }
        nodes.Reverse();
        return (nodes, values);
    }
}
