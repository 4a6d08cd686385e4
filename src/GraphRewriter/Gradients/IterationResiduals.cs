using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Gradients;

/// <summary>A value of a body over all its runs.</summary>
/// <param name="Stack">The runs side by side.</param>
/// <param name="Axis">Along which axis.</param>
/// <param name="Backwards">Whether the first run comes last.</param>
readonly record struct StackedRuns(Value Stack, long Axis, bool Backwards);

/// <summary>
/// What the backward pass of a loop needs of its forward pass: the node is made to stack it, where it does not yet, so that nothing is computed twice.
/// </summary>
sealed class IterationResiduals
{
    readonly Tape tape;
    readonly Iteration iteration;
    readonly HashSet<Value> inside;
    readonly Dictionary<Value, StackedRuns> stacks = [];

    public IterationResiduals(Tape tape, Iteration iteration)
    {
        this.tape = tape;
        this.iteration = iteration;
        var body = iteration.Body;
        inside = [.. body.Inputs, .. body.Nodes.SelectMany(n => n.Outputs).OfType<Value>()];
        foreach (var item in iteration.Items) stacks[item.Inner] = new StackedRuns(item.Stack, item.Axis, item.Backwards);
        foreach (var y in iteration.Yields)
            if (iteration.Node.OutputAt(y.Output) is { } stack) stacks.TryAdd(y.Each, new StackedRuns(stack, y.Axis, y.Backwards));
    }

    /// <summary>Whether a run of the body makes the value.</summary>
    public bool Holds(Value value) => inside.Contains(value);

    /// <summary>Moves what a tape computes of shapes alone into the body: a shape is smaller than what has it.</summary>
    public void TakeShapes(Tape inner)
    {
        foreach (var node in inner.Nodes.Where(n => n.OpType is "Shape" or "Size" && inside.Contains(n.Inputs[0]!)).ToList())
        {
            inner.Nodes.Remove(node);
            iteration.Body.Nodes.Add(node);
            inside.Add(node.Output);
        }
    }

    /// <summary>The value in all runs.</summary>
    /// <exception cref="ModelException">It is no tensor.</exception>
    public StackedRuns Of(Value value)
    {
        return stacks.TryGetValue(value, out var known) ? known : stacks[value] = Stacked(value);
    }

    /// <summary>The value in all runs, side by side along the first axis.</summary>
    public StackedRuns AlongFirst(Value value) => Of(value) is { Axis: 0 } known ? known : Stacked(value);

    StackedRuns Stacked(Value value)
    {
        if (value.Other is not null) throw new ModelException(ModelProblem.Unsupported, $"'{value.Name}' in the body of {iteration.Node} is no tensor; its values cannot be kept for the gradient.");
        var (node, body) = (iteration.Node, iteration.Body);
        var each = value;
        if (body.Inputs.Contains(value) || body.Outputs.Contains(value))
        {
            each = new Value(tape.FreshName(value.Name), value.Type, value.Shape);
            body.Nodes.Add(new Node("Identity", [value], [each], name: tape.FreshName("Identity")));
        }
        var counterOutputs = iteration.Counter is null ? 0 : 1;
        while (node.Outputs.Count < body.Outputs.Count - counterOutputs) node.AddOutput(new Value(tape.FreshName(node.OpType)));
        var stack = new Value(tape.FreshName(value.Name), value.Type, value.Shape is { } s ? new Shape([Length, .. s]) : null);
        body.Outputs.Add(each);
        node.AddOutput(stack);
        foreach (var list in (string[])["scan_output_axes", "scan_output_directions"])
            if (node.Ints(list) is { } given) node.Set(Attribute.Of(list, [.. given, 0]));
        return new StackedRuns(stack, 0, false);
    }

    /// <summary>The number of runs, as far as it is known.</summary>
    Dim Length
    {
        get
        {
            foreach (var item in iteration.Items)
                if (item.Stack.Shape is { } shape) return shape[(int)item.Axis];
            foreach (var y in iteration.Yields)
                if (iteration.Node.OutputAt(y.Output)?.Shape is { } shape) return shape[(int)y.Axis];
            return Dim.Unknown;
        }
    }
}
