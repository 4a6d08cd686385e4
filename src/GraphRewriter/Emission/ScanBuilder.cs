using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Emission;

/// <summary>
/// Builds a Scan: a body that runs once for each slice of what it scans, with states carried from one run to the next. The order of use: carry and scan,
/// emit the body on <see cref="Body"/>, say what comes next and what is stacked, emit.
/// </summary>
/// <param name="outer">Where the node is emitted.</param>
sealed class ScanBuilder(Tape outer)
{
    readonly List<(Value Initial, Value Inner, Value Final)> states = [];
    readonly Dictionary<Value, Value> next = [];
    readonly List<(Value Stack, Value Inner, long Axis, bool Backwards)> items = [];
    readonly List<(Value Each, Value Stack, long Axis, bool Backwards)> yields = [];
    readonly Dictionary<Value, Value> replaced = [];

    /// <summary>Where the body is emitted; values of the graph around it may be used as well.</summary>
    public Tape Body { get; } = outer.Inner();

    /// <summary>Whether anything is scanned; a Scan needs something.</summary>
    public bool HasItems => items.Count > 0;

    /// <summary>Adds a state and returns its value inside the body.</summary>
    public Value Carry(Value initial)
    {
        var inner = new Value(outer.FreshName("state"), initial.Type, initial.Shape);
        states.Add((initial, inner, new Value(outer.FreshName("final"))));
        return inner;
    }

    /// <summary>Says what a state becomes.</summary>
    public void Next(Value state, Value value) => next[state] = value;

    /// <summary>The value that a state has after the last run; known once the node is emitted.</summary>
    public Value FinalOf(Value state) => states.Find(s => s.Inner == state).Final;

    /// <summary>Scans slices of a value along an axis, from the last one where backwards, and returns the slice inside the body.</summary>
    public Value Over(Value stack, long axis = 0, bool backwards = false)
    {
        var shape = stack.Shape is { } s ? new Shape(s.Where((_, i) => i != (axis < 0 ? axis + s.Rank : axis))) : null;
        var inner = new Value(outer.FreshName("slice"), stack.Type, shape);
        items.Add((stack, inner, axis, backwards));
        return inner;
    }

    /// <summary>Stacks a value of the body over all runs, the first one last where backwards, and returns the stack, known once the node is emitted.</summary>
    public Value Yield(Value each, long axis = 0, bool backwards = false)
    {
        var known = yields.Find(y => y.Each == each && y.Axis == axis && y.Backwards == backwards);
        if (known.Stack is not null) return known.Stack;
        var stack = new Value(outer.FreshName("stack"));
        yields.Add((each, stack, axis, backwards));
        return stack;
    }

    /// <summary>Says that the body uses one value in the place of another, whatever was emitted so far.</summary>
    public void Replace(Value old, Value replacement) => replaced[old] = replacement;

    /// <summary>What the body uses so far: its own values, and those that come from elsewhere.</summary>
    public IEnumerable<Value> UsedValues() => Body.Nodes.SelectMany(n => n.UsedValues()).Concat(Results);

    /// <summary>Drops what was emitted on the body but leads to nothing that is carried or stacked.</summary>
    public void DropUnused() => Body.DropUnused(0, Results);

    IEnumerable<Value> Results => states.Select(s => next[s.Inner]).Concat(yields.Select(y => y.Each));

    /// <summary>Emits the node.</summary>
    public Node Emit()
    {
        var body = new Graph { Name = outer.FreshName("body") };
        body.Inputs.AddRange(states.Select(s => s.Inner));
        body.Inputs.AddRange(items.Select(i => i.Inner));
        body.Outputs.AddRange(Body.AsOutputs(Results.Select(v => replaced.GetValueOrDefault(v, v))));
        Body.AppendTo(body);
        body.ReplaceUses(replaced);
        Attribute[] attributes =
        [
            Attribute.Of("body", body),
            Attribute.Of("num_scan_inputs", (long)items.Count),
            Attribute.Of("scan_input_axes", [.. items.Select(i => i.Axis)]),
            Attribute.Of("scan_input_directions", [.. items.Select(i => i.Backwards ? 1L : 0)]),
            Attribute.Of("scan_output_axes", [.. yields.Select(y => y.Axis)]),
            Attribute.Of("scan_output_directions", [.. yields.Select(y => y.Backwards ? 1L : 0)]),
        ];
        return outer.Emit(new Node("Scan", [.. states.Select(s => s.Initial), .. items.Select(i => i.Stack)],
            [.. states.Select(s => s.Final), .. yields.Select(y => y.Stack)], attributes, "", outer.FreshName("Scan")));
    }
}
