using GraphRewriter.Ir;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>The tensors of a graph while it runs; a subgraph's scope sees those of the graphs around it.</summary>
sealed class TorchScope
{
    readonly TorchScope? outer;
    readonly Dictionary<Value, Tensor> values = [];
    readonly CancellationToken cancellation;

    /// <summary>A scope of a main graph.</summary>
    /// <param name="device">Where tensors are made.</param>
    /// <param name="records">Whether autograd records; what it needs is then kept alive by it.</param>
    /// <param name="cancellation">Ends the run between two nodes.</param>
    public TorchScope(Device device, bool records, CancellationToken cancellation)
    {
        Device = device;
        Records = records;
        this.cancellation = cancellation;
    }

    TorchScope(TorchScope outer) : this(outer.Device, outer.Records, outer.cancellation) => this.outer = outer;

    /// <summary>Where tensors are made.</summary>
    public Device Device { get; }

    /// <summary>Whether autograd records.</summary>
    public bool Records { get; }

    /// <summary>Sets a value before nodes run.</summary>
    public void Set(Value value, Tensor tensor) => values[value] = tensor;

    /// <summary>A value's tensor.</summary>
    /// <exception cref="InvalidOperationException">It has none yet.</exception>
    public Tensor Get(Value value) => values.TryGetValue(value, out var tensor) ? tensor
        : outer is not null ? outer.Get(value)
        : throw new InvalidOperationException($"'{value.Name}' is used before it is computed.");

    /// <summary>Runs a subgraph: binds its inputs, runs its nodes, returns its outputs.</summary>
    /// <param name="body">The subgraph; its initializers must have been lifted.</param>
    /// <param name="inputs">One tensor for each of its inputs.</param>
    public Tensor[] RunBody(Graph body, params ReadOnlySpan<Tensor> inputs)
    {
        var inner = new TorchScope(this);
        for (var i = 0; i < inputs.Length; i++) inner.Set(body.Inputs[i], inputs[i]);
        foreach (var initializer in body.Initializers) inner.Set(initializer, TorchTensors.Share(initializer.Data!, Pins).to(Device));
        inner.RunNodes(body, body.Outputs);
        return [.. body.Outputs.Select(inner.Get)];
    }

    /// <summary>Handles of memory that tensors made during the run lie in.</summary>
    public List<System.Buffers.MemoryHandle> Pins => outer?.Pins ?? pins;

    readonly List<System.Buffers.MemoryHandle> pins = [];

    /// <summary>Runs the nodes of a graph in order. A tensor is let go after its last use, unless it is kept.</summary>
    public void RunNodes(Graph graph, IEnumerable<Value> keep)
    {
        var lastUse = LastUses(graph, keep);
        for (var i = 0; i < graph.Nodes.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            RunNode(graph.Nodes[i]);
            foreach (var value in lastUse[i]) if (values.Remove(value, out var done)) Release(done);
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
        catch (System.Runtime.InteropServices.ExternalException e)
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
        }
    }

    static void Release(Tensor tensor) => tensor.Dispose();

    static string FirstLine(string message) => message.Split('\n', 2)[0];

    /// <summary>The values of this graph to let go after each node.</summary>
    static List<Value>[] LastUses(Graph graph, IEnumerable<Value> keep)
    {
        var kept = keep.ToHashSet();
        var seen = new HashSet<Value>();
        var result = new List<Value>[graph.Nodes.Count];
        for (var i = result.Length - 1; i >= 0; i--)
        {
            result[i] = [];
            foreach (var value in graph.Nodes[i].UsedValues().Concat(graph.Nodes[i].Outputs.OfType<Value>()))
                if (seen.Add(value) && !kept.Contains(value) && value.Producer is not null) result[i].Add(value);
        }
        return result;
    }
}
