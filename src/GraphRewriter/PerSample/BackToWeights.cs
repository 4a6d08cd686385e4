using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.PerSample;

/// <summary>Carries the gradients of slots back to the parameters, sample by sample.</summary>
sealed class BackToWeights
{
    readonly Tape tape;
    readonly RuleSet rules;
    readonly Dictionary<Value, List<Contribution>> contributions = [];
    readonly Dictionary<Value, Value> sums = [];
    readonly Dictionary<Value, string> refused = [];

    public BackToWeights(Tape tape, SampleAxes samples, WeightSplit split, DifferentiationResult outputs, RuleSet rules)
    {
        (this.tape, this.rules, Blocked) = (tape, rules, outputs.Blocked);
        foreach (var (node, index) in split.Slots)
        {
            Value?[] dy = [.. node.Outputs.Select(o => o is null ? null : outputs.Gradients.GetValueOrDefault(o))];
            if (Array.TrueForAll(dy, d => d is null) || node.Inputs[index] is not { IsFloat: true } weight || rules.Stops.ContainsKey(node.OpType)) continue;
            Take(new Slot(node, index, weight, samples, dy));
        }
        foreach (var node in split.Nodes.Reverse()) Pass(node);
    }

    /// <summary>The nodes at which the gradient stopped.</summary>
    public IReadOnlyList<BlockedNode> Blocked { get; }

    /// <summary>Whether a parameter has gradients.</summary>
    public bool Reached(Value parameter) => contributions.ContainsKey(parameter) && !refused.ContainsKey(parameter);

    /// <summary>Why parameters have none.</summary>
    public Dictionary<Value, string> RefusedOf(IEnumerable<Value> parameters) => parameters.Distinct().Where(refused.ContainsKey).ToDictionary(p => p, p => refused[p]);

    /// <summary>[N, shape] of a parameter that is reached.</summary>
    public Value Gradient(Value parameter)
    {
        if (sums.TryGetValue(parameter, out var known)) return known;
        var parts = contributions[parameter].ConvertAll(c => c.Gradient);
        return sums[parameter] = parts.Count == 1 ? parts[0] : tape.Op("Sum", [.. parts]);
    }

    /// <summary>What a parameter adds to the Gram matrix: [N, N].</summary>
    public Value Gram(Value parameter)
    {
        // Of several uses the gradients are added before they are multiplied.
        if (contributions[parameter] is [{ Gram: { } direct } only])
        {
            tape.Origin = only.Node.LogicalName;
            return direct(tape);
        }
        var flat = tape.Flat(Gradient(parameter));
        return tape.Op("Gemm", [Attribute.Of("transB", 1L)], flat, flat);
    }

    void Take(Slot slot)
    {
        tape.Origin = slot.Node.LogicalName;
        try
        {
            var rule = SlotRules.ByOp.GetValueOrDefault(slot.Node.OpType) ?? throw slot.Refusal("gradients of single samples are not taken through it");
            var gradient = rule.Gradient(slot);
            // What a parameter turns out not to need is dropped at the end.
            Contribute(slot.Weight, new Contribution(slot.Node, gradient.Gradient(tape), gradient.Gram));
        }
        catch (ModelException e) when (e.Problem == ModelProblem.Unsupported)
        {
            refused.TryAdd(slot.Weight, e.Message);
        }
    }

    /// <summary>Takes the gradients of a node's outputs to its inputs; what is missing of one output is missing of all inputs.</summary>
    void Pass(Node node)
    {
        tape.Origin = node.LogicalName;
        var why = node.Outputs.OfType<Value>().Select(refused.GetValueOrDefault).FirstOrDefault(r => r is not null);
        Value?[] dy = [.. node.Outputs.Select(o => o is not null && contributions.ContainsKey(o) ? Gradient(o) : null)];
        if (why is null && Array.TrueForAll(dy, d => d is null)) return;
        try
        {
            if (why is not null) throw new ModelException(ModelProblem.Unsupported, why);
            foreach (var (input, gradient) in WeightSide.Back(tape, node, dy, rules)) Contribute(input, new Contribution(node, gradient, null));
        }
        catch (ModelException e) when (e.Problem == ModelProblem.Unsupported)
        {
            foreach (var input in node.Inputs.OfType<Value>()) refused.TryAdd(input, e.Message);
        }
    }

    void Contribute(Value value, Contribution contribution)
    {
        if (!contributions.TryGetValue(value, out var list)) contributions[value] = list = [];
        list.Add(contribution);
    }

    /// <summary>What one use of a value adds to its gradients.</summary>
    /// <param name="Node">The node that uses it.</param>
    /// <param name="Gradient">[N, shape].</param>
    /// <param name="Gram">Emits the Gram matrix of this use without the gradients, where that is cheaper.</param>
    sealed record Contribution(Node Node, Value Gradient, Func<Tape, Value>? Gram);
}
