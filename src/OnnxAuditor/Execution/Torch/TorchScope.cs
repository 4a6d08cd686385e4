using System.Buffers;
using System.Runtime.InteropServices;
using GraphRewriter.Ir;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>The tensors of a graph while it runs; a subgraph's scope sees those of the graphs around it.</summary>
sealed class TorchScope
{
    readonly TorchScope? outer;
    readonly CancellationToken cancellation;
    readonly Dictionary<Value, Tensor> values = [];

    // Of the whole run; a subgraph's scope refers to that of the main graph.
    readonly Dictionary<Graph, Value[][]> bodyLastUses;
    readonly List<MemoryHandle> pins;
    readonly Holdings held;

    /// <summary>A scope of a main graph.</summary>
    /// <param name="device">Where tensors are made.</param>
    /// <param name="records">Whether autograd records; what it needs is then kept alive by it.</param>
    /// <param name="cancellation">Ends the run between two nodes.</param>
    public TorchScope(Device device, bool records, CancellationToken cancellation)
    {
        Device = device;
        Records = records;
        this.cancellation = cancellation;
        (bodyLastUses, pins, held) = ([], [], new Holdings());
    }

    TorchScope(TorchScope outer)
    {
        this.outer = outer;
        (Device, Records, cancellation) = (outer.Device, outer.Records, outer.cancellation);
        (bodyLastUses, pins, held) = (outer.bodyLastUses, outer.pins, outer.held);
    }

    /// <summary>Where tensors are made.</summary>
    public Device Device { get; }

    /// <summary>Whether autograd records.</summary>
    public bool Records { get; }

    /// <summary>Handles of memory that tensors made during the run lie in.</summary>
    public List<MemoryHandle> Pins => pins;

    /// <summary>The most that computed values took at one time, bytes; a view counts like a copy, and what autograd keeps does not count.</summary>
    public long PeakBytes => held.Peak;

    /// <summary>Sets a value before nodes run.</summary>
    public void Set(Value value, Tensor tensor) => values[value] = tensor;

    /// <summary>A value's tensor.</summary>
    /// <exception cref="InvalidOperationException">It has none yet.</exception>
    public Tensor Get(Value value) => values.TryGetValue(value, out var tensor) ? tensor
        : outer is not null ? outer.Get(value)
        : throw new InvalidOperationException($"'{value.Name}' is used before it is computed.");

    /// <summary>Runs the nodes of the main graph in order. A tensor is let go after its last use, unless it is kept.</summary>
    public void RunNodes(Graph graph, IEnumerable<Value> keep) => RunNodes(graph, LastUses(graph, keep));

    /// <summary>Runs a subgraph once.</summary>
    /// <param name="body">The subgraph; its initializers stand in the main graph.</param>
    /// <param name="inputs">One tensor for each of its inputs.</param>
    /// <returns>Its outputs, each a handle of its own in the dispose scope of the caller.</returns>
    public Tensor[] RunBody(Graph body, params ReadOnlySpan<Tensor> inputs)
    {
        using var made = NewDisposeScope();
        var inner = new TorchScope(this);
        for (var i = 0; i < inputs.Length; i++) inner.Set(body.Inputs[i], inputs[i]);
        if (!bodyLastUses.TryGetValue(body, out var lastUses)) bodyLastUses[body] = lastUses = LastUses(body, body.Outputs);
        inner.RunNodes(body, lastUses);
        var outputs = new Tensor[body.Outputs.Count];
        for (var i = 0; i < outputs.Length; i++) outputs[i] = made.MoveToOuter(inner.Get(body.Outputs[i]).alias());
        foreach (var (value, tensor) in inner.values) if (value.Producer is not null) held.Remove(tensor);
        return outputs;
    }

    void RunNodes(Graph graph, Value[][] lastUses)
    {
        for (var i = 0; i < graph.Nodes.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            RunNode(graph.Nodes[i]);
            foreach (var value in lastUses[i])
            {
                if (!values.Remove(value, out var done)) continue;
                held.Remove(done);
                done.Dispose();
            }
        }
    }

    void RunNode(Node node)
    {
        if (node.Domain.Length > 0 || !TorchOps.ByOp.TryGetValue(node.OpType, out var op))
            throw new ModelException(ModelProblem.Unsupported, $"Torch cannot run {node}: the operator is not among those that docs/operators.md lists for it.");
        using var made = NewDisposeScope();
        var inputs = new Tensor?[node.Inputs.Count];
        for (var i = 0; i < inputs.Length; i++) inputs[i] = node.Inputs[i] is { } input ? Get(input) : null;
        Tensor?[] outputs;
        try
        {
            outputs = op.Run(new TorchCall(node, inputs, this));
        }
        catch (Exception e) when (e is ExternalException or ArgumentException or InvalidOperationException or NotSupportedException or NotImplementedException)
        {
            throw new ModelException(ModelProblem.Unsupported, $"Torch failed at {node}: {FirstLine(e.Message)}", e);
        }
        for (var o = 0; o < node.Outputs.Count; o++)
        {
            if (node.Outputs[o] is not { } value) continue;
            var tensor = (o < outputs.Length ? outputs[o] : null) ?? throw new ModelException(ModelProblem.Unsupported, $"Torch does not compute output {o} of {node}.");
            // An input handed on gets a handle of its own, so that each value is let go by itself.
            if (inputs.Any(i => ReferenceEquals(i, tensor)) || Array.FindIndex(outputs, t => ReferenceEquals(t, tensor)) < o) tensor = tensor.alias();
            values[value] = made.MoveToOuter(tensor);
            held.Add(tensor);
        }
    }

    /// <summary>The kept values, taken out of the dispose scope they stand in.</summary>
    /// <param name="made">The dispose scope.</param>
    public Dictionary<Value, Tensor> Detach(TorchSharp.DisposeScope made)
    {
        foreach (var tensor in values.Values) made.Detach(tensor);
        return values;
    }

    static string FirstLine(string message) => message.Split('\n', 2)[0];

    /// <summary>The values of this graph to let go after each node.</summary>
    static Value[][] LastUses(Graph graph, IEnumerable<Value> keep)
    {
        var seen = keep.ToHashSet();
        var result = new Value[graph.Nodes.Count][];
        for (var i = result.Length - 1; i >= 0; i--)
            result[i] = [.. graph.Nodes[i].UsedValues().Concat(graph.Nodes[i].Outputs.OfType<Value>()).Where(v => v.Producer is not null && seen.Add(v))];
        return result;
    }

    /// <summary>How much the computed values take.</summary>
    sealed class Holdings
    {
        long bytes;

        public long Peak { get; private set; }

        public void Add(Tensor tensor)
        {
            bytes += tensor.numel() * tensor.ElementSize;
            Peak = Math.Max(Peak, bytes);
        }

        public void Remove(Tensor tensor) => bytes -= tensor.numel() * tensor.ElementSize;
    }
}
