using System.Buffers;
using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Runs a canonical model on TorchSharp tensors, with autograd where it is asked for. Weights lie in the memory of our own data.</summary>
sealed class TorchExecutor : IExecutor
{
    readonly Model model;
    readonly Device device;
    readonly List<MemoryHandle> pins = [];
    readonly Dictionary<Value, Tensor> initializers = [];
    // Of the values of the model given, where another is run in its place.
    readonly Dictionary<Value, Value> widened = [];

    /// <summary>Makes an executor.</summary>
    /// <param name="model">The model, in canonical form.</param>
    /// <param name="settings">Device, threads and precision; null for the defaults.</param>
    /// <exception cref="UsageException">libtorch or the device cannot be used.</exception>
    /// <exception cref="ModelException">A constant is of a type that libtorch lacks.</exception>
    public TorchExecutor(Model model, TorchSettings? settings = null)
    {
        settings ??= new TorchSettings();
        TorchLibrary.UseThreads(settings.Threads);
        device = TorchDevice.Open(settings.Device);
        if (settings.Float64)
        {
            model = model.Copy(widened);
            WidenFloats.Apply(model.Graph, ElementType.Float64);
        }
        this.model = model;
        try
        {
            foreach (var initializer in model.Graph.SelfAndSubgraphs().SelectMany(g => g.Initializers))
                if (initializer.Data is { Unavailable: null, Type: not ElementType.String } data) initializers[initializer] = Place(data, data.Type, pins).DetachFromDisposeScope();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public string Provider => $"Torch on {device}";

    /// <inheritdoc/>
    public TensorData[] Run(IReadOnlyDictionary<string, TensorData> feeds, IReadOnlyList<string> outputs, CancellationToken cancellation = default)
    {
        var wanted = outputs.Select(Named).ToList();
        return Values(feeds, wanted, cancellation);
    }

    /// <summary>Runs the model and returns some values of its main graph.</summary>
    public TensorData[] Values(IReadOnlyDictionary<string, TensorData> feeds, IReadOnlyList<Value> wanted, CancellationToken cancellation = default)
    {
        using var pass = Forward(feeds, wanted, [], cancellation);
        return [.. wanted.Select(v => TorchTensors.Fetch(pass[v], Mine(v).Type))];
    }

    /// <summary>Runs the model forward and keeps some values as tensors, connected by autograd to the leaves.</summary>
    /// <param name="feeds">Contents by input name.</param>
    /// <param name="keep">The values of the main graph to keep.</param>
    /// <param name="leaves">Inputs and initializers to be differentiated by; none for a pass without record.</param>
    /// <param name="cancellation">Ends the run between two nodes.</param>
    /// <exception cref="ModelException">A node cannot be computed; the message names it.</exception>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    public TorchPass Forward(IReadOnlyDictionary<string, TensorData> feeds, IReadOnlyCollection<Value> keep, IReadOnlyCollection<Value> leaves, CancellationToken cancellation = default)
    {
        var differentiated = leaves.Select(Mine).ToHashSet();
        var scope = new TorchScope(device, differentiated.Count > 0, cancellation);
        using var made = NewDisposeScope();
        using var mode = set_grad_enabled(scope.Records);
        try
        {
            foreach (var (value, tensor) in initializers) scope.Set(value, Leaf(value, tensor));
            foreach (var input in model.Graph.Inputs)
            {
                if (feeds.TryGetValue(input.Name, out var data)) scope.Set(input, Leaf(input, Place(data, WidenFloats.IsNarrower(data.Type, input.Type) ? input.Type : data.Type, scope.Pins)));
                else if (input.Data is null) throw new ModelException(ModelProblem.Binding, $"The input '{input.Name}' was not fed.");
            }
            scope.RunNodes(model.Graph, keep.Select(Mine));
            return new TorchPass(scope.Detach(made), widened, initializers.Values.ToHashSet<object>(ReferenceEqualityComparer.Instance), scope.Pins, scope.PeakBytes);
        }
        catch
        {
            foreach (var pin in scope.Pins) pin.Dispose();
            throw;
        }

        Tensor Leaf(Value value, Tensor tensor) => differentiated.Contains(value) ? tensor.detach().requires_grad_() : tensor;
    }

    /// <summary>Runs the model forward and a scalar of it back by autograd.</summary>
    /// <param name="feeds">Contents by input name.</param>
    /// <param name="values">The values of the main graph wanted.</param>
    /// <param name="of">The float scalar to differentiate.</param>
    /// <param name="by">Inputs and initializers to differentiate by.</param>
    /// <param name="cancellation">Ends the run between two nodes of the forward pass.</param>
    /// <returns>The values, and the gradients: null for one that the scalar does not depend on.</returns>
    public (TensorData[] Values, TensorData?[] Gradients) Differentiate(
        IReadOnlyDictionary<string, TensorData> feeds, IReadOnlyList<Value> values, Value of, IReadOnlyList<Value> by, CancellationToken cancellation = default)
    {
        using var pass = Forward(feeds, [.. values, of], by, cancellation);
        using var made = NewDisposeScope();
        TensorData[] results = [.. values.Select(v => TorchTensors.Fetch(pass[v], Mine(v).Type))];
        return (results, [.. pass.Gradients(of, by).Zip(by, (g, v) => g is null ? null : TorchTensors.Fetch(g, Mine(v).Type))]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in initializers.Values) tensor.Dispose();
        foreach (var pin in pins) pin.Dispose();
        initializers.Clear();
        pins.Clear();
    }

    /// <summary>A tensor over the memory of data where device and type allow it.</summary>
    Tensor Place(TensorData data, ElementType type, List<MemoryHandle> handles)
    {
        using var made = NewDisposeScope();
        return made.MoveToOuter(TorchTensors.Share(data, handles).to(TorchTensors.ScalarTypeOf(type)).to(device));
    }

    Value Mine(Value value) => widened.GetValueOrDefault(value, value);

    Value Named(string name) => model.Graph.Outputs.Find(o => string.Equals(o.Name, name, StringComparison.Ordinal))
        ?? throw new ArgumentException($"The graph has no output '{name}'.", nameof(name));
}
