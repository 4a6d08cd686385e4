using System.Buffers;
using GraphRewriter.Ir;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Runs a canonical model on TorchSharp tensors, with autograd where it is asked for. Weights lie in the memory of our own data.</summary>
sealed class TorchExecutor : IExecutor
{
    readonly Model model;
    readonly Device device;
    readonly List<MemoryHandle> pins = [];
    readonly Dictionary<Value, Tensor> initializers = [];

    /// <summary>Makes an executor.</summary>
    /// <param name="model">The model, in canonical form.</param>
    /// <param name="deviceName">"cpu", "cuda" or "cuda:N".</param>
    public TorchExecutor(Model model, string deviceName = "cpu")
    {
        this.model = model;
        device = torch.device(deviceName);
        foreach (var initializer in model.Graph.Initializers)
            if (initializer.Data is { Unavailable: null, Type: not ElementType.String } data) initializers[initializer] = TorchTensors.Share(data, pins).to(device).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public string Provider => $"torch {device}";

    /// <inheritdoc/>
    public TensorData[] Run(IReadOnlyDictionary<string, TensorData> feeds, IReadOnlyList<string> outputs, CancellationToken cancellation = default)
    {
        using var everything = NewDisposeScope();
        using var noGrad = no_grad();
        var wanted = outputs.Select(Named).ToList();
        using var pass = Forward(feeds, wanted, [], cancellation);
        return [.. wanted.Select(v => TorchTensors.Fetch(pass[v], v.Type))];
    }

    /// <summary>Runs the model forward and keeps some values as tensors, connected by autograd to the leaves.</summary>
    /// <param name="feeds">Contents by input name.</param>
    /// <param name="keep">The values to keep.</param>
    /// <param name="leaves">Inputs and initializers to be differentiated by; none for a pass without record.</param>
    /// <param name="cancellation">Ends the run early.</param>
    public TorchPass Forward(IReadOnlyDictionary<string, TensorData> feeds, IReadOnlyCollection<Value> keep, IReadOnlyCollection<Value> leaves, CancellationToken cancellation = default)
    {
        var scope = new TorchScope(device, leaves.Count > 0, cancellation);
        var pass = new TorchPass(scope);
        foreach (var (value, tensor) in initializers) scope.Set(value, Leaf(value, tensor.alias()));
        foreach (var input in model.Graph.Inputs)
        {
            if (feeds.TryGetValue(input.Name, out var data)) scope.Set(input, Leaf(input, TorchTensors.Share(data, scope.Pins).to(device)));
            else if (input.Data is null) throw new ModelException(ModelProblem.Binding, $"The input '{input.Name}' was not fed.");
        }
        scope.RunNodes(model.Graph, keep);
        return pass;

        Tensor Leaf(Value value, Tensor tensor) => leaves.Contains(value) ? tensor.detach().requires_grad_() : tensor;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in initializers.Values) tensor.Dispose();
        foreach (var pin in pins) pin.Dispose();
        initializers.Clear();
        pins.Clear();
    }

    Value Named(string name) => model.Graph.Outputs.Find(o => string.Equals(o.Name, name, StringComparison.Ordinal))
        ?? throw new ArgumentException($"The graph has no output '{name}'.", nameof(name));
}

/// <summary>The tensors that a forward pass kept.</summary>
sealed class TorchPass(TorchScope scope) : IDisposable
{
    /// <summary>A kept value, an input or an initializer.</summary>
    public Tensor this[Value value] => scope.Get(value);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var pin in scope.Pins) pin.Dispose();
        scope.Pins.Clear();
    }
}
