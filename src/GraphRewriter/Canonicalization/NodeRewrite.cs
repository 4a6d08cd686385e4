using GraphRewriter.Emission;
using GraphRewriter.Inference;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Canonicalization;

/// <summary>What an adapter works with: the tape that takes new nodes, and the ways to change the node at hand.</summary>
sealed class NodeRewrite(PassContext context, Node node, long opset)
{
    readonly List<(Value Old, Value Made, int Output)> bindings = [];
    readonly Dictionary<Value, Value> renamed = [];

    public PassContext Context { get; } = context;

    public Tape Tape => Context.Tape;

    /// <summary>The opset the node was written for.</summary>
    public long Opset { get; } = opset;

    /// <summary>Whether other nodes have taken the node's place.</summary>
    public bool Replaced { get; private set; }

    /// <summary>Whether the adapter gave up; the node stays as it is and is listed as unsupported.</summary>
    public bool Refused { get; private set; }

    /// <summary>Gives up, with the reason.</summary>
    public void Refuse(string reason)
    {
        Refused = true;
        Context.Refuse(node, reason);
    }

    /// <summary>Gives up in the middle: what was emitted and bound so far is dropped.</summary>
    public void Abandon(string reason)
    {
        Tape.Forget();
        bindings.Clear();
        Replaced = false;
        Refuse(reason);
    }

    /// <summary>Sets an input, adding left-out ones before it where the list is shorter.</summary>
    public void SetInput(int index, Value? value)
    {
        while (node.Inputs.Count <= index) node.Inputs.Add(null);
        node.Inputs[index] = value;
    }

    /// <summary>Moves an int list attribute to an input; nothing happens where it is absent.</summary>
    public void MoveIntsToInput(string attribute, int index)
    {
        if (node.Ints(attribute) is { } values) SetInput(index, Tape.Ints(values));
        node.Attributes.Remove(attribute);
    }

    /// <summary>Removes attributes that the canonical form does not have.</summary>
    public void Drop(params ReadOnlySpan<string> attributes)
    {
        foreach (var a in attributes) node.Attributes.Remove(a);
    }

    /// <summary>
    /// A node that changes only the look of a parameter (Reshape, Unsqueeze, Transpose, Cast). It is never folded into a constant, so that the parameter under it keeps its name.
    /// </summary>
    public Value View(string opType, Attribute[] attributes, params ReadOnlySpan<Value?> inputs) => Tape.Ops(opType, 1, attributes, inputs).Output;

    /// <summary>A parameter under another shape.</summary>
    public Value ViewAs(Value value, params ReadOnlySpan<long> dims) => View("Reshape", [], value, Tape.Ints(dims));

    /// <summary>The node's own operator on other inputs, emitted now; its outputs are new values.</summary>
    public Node EmitSelf(params ReadOnlySpan<Value?> inputs)
    {
        var outputs = node.Outputs.Select(o => o is null ? null : new Value(Context.FreshName(o.Name + "_inner"), o.Type)).ToArray();
        var copy = new Node(node.OpType, inputs.ToArray(), outputs, node.Attributes.Values, node.Domain, Context.FreshName(node.Name + "_inner"));
        return Tape.Emit(copy);
    }

    /// <summary>Puts a value in the place of an output of the node once the adapter is done; the output keeps its name. The node itself is not emitted then.</summary>
    public void Bind(int output, Value made)
    {
        Replaced = true;
        if (node.OutputAt(output) is { } old) bindings.Add((old, made, output));
    }

    /// <summary>Puts a value in the place of one that no node makes any more; the old one keeps its name.</summary>
    public void Adopt(Value old, Value made)
    {
        Replaced = true;
        bindings.Add((old, made, -1));
    }

    /// <summary>Carries out the bindings.</summary>
    public void Complete()
    {
        var done = new HashSet<Value>();
        foreach (var (old, made, output) in bindings)
        {
            if (output >= 0) node.SetOutput(output, null);
            if (made.Producer is { } producer && Tape.Nodes.Contains(producer) && done.Add(made)) Rename(producer, made, old);
            else Tape.Emit(new Node("Identity", [renamed.GetValueOrDefault(made, made)], [old], name: Context.FreshName(node.Name + "_identity")));
        }
    }

    void Rename(Node producer, Value made, Value old)
    {
        producer.SetOutput(producer.Outputs.ToList().IndexOf(made), old);
        renamed[made] = old;
        foreach (var n in Tape.Nodes) ReplaceInputs(n, made, old);
        (old.Type, old.Shape, old.Evaluated, old.Dims) = (made.Type, made.Shape, made.Evaluated, made.Dims);
    }

    static void ReplaceInputs(Node user, Value old, Value replacement)
    {
        for (var i = 0; i < user.Inputs.Count; i++) if (user.Inputs[i] == old) user.Inputs[i] = replacement;
        var map = new Dictionary<Value, Value> { [old] = replacement };
        foreach (var (_, sub) in user.Subgraphs) sub.ReplaceUses(map);
    }

    /// <summary>Emits the node itself, as the adapters left it.</summary>
    public void EmitNode()
    {
        ShapeInference.Infer(node);
        Tape.Nodes.Add(node);
    }
}
