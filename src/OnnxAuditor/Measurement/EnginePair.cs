using GraphRewriter.Canonicalization;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Execution.Torch;

namespace OnnxAuditor.Measurement;

/// <summary>A tensor that both engines give.</summary>
/// <param name="Name">The layer's, output's or parameter's name.</param>
/// <param name="IsGradient">Whether it is a parameter's gradient rather than a value.</param>
/// <param name="Value">The value, or the parameter, in the graph that Torch runs.</param>
sealed record PairedTensor(string Name, bool IsGradient, Value Value);

/// <summary>A model with its loss on both engines: ONNX Runtime runs our gradient graph, Torch the model alone, and finds the gradients by autograd.</summary>
sealed class EnginePair : IDisposable
{
    readonly LossGraph graph;
    readonly OrtExecutor ort;
    readonly TorchExecutor torch;
    readonly IReadOnlyList<Parameter> parameters;
    readonly List<Value> values;
    readonly List<Value> leaves;
    readonly string[] names;

    /// <summary>Makes both executors.</summary>
    /// <param name="source">The canonical model; it is not changed.</param>
    /// <param name="graph">The graph of its loss.</param>
    /// <param name="shown">The values to compare, by name.</param>
    /// <param name="ortSettings">How ONNX Runtime runs.</param>
    /// <param name="torchSettings">How Torch runs.</param>
    /// <exception cref="ModelException">An engine cannot take the graph.</exception>
    /// <exception cref="UsageException">libtorch cannot be used.</exception>
    public EnginePair(CanonicalModel source, LossGraph graph, IReadOnlyList<(string Name, Value Value)> shown, OrtSettings ortSettings, TorchSettings torchSettings)
    {
        this.graph = graph;
        parameters = source.Parameters;
        var images = new Dictionary<Value, Value>();
        var backward = graph.Model.Copy(images);
        List<Parameter> trainable = [.. parameters.Where(p => p.Trainable && p.Count > 0)];
        Differentiation = Differentiate.Run(backward.Graph, images[graph.Attached.Loss], [.. trainable.Select(p => images[graph.Images[p.Value]])]);
        var reached = trainable.FindAll(p => Differentiation.Gradients.ContainsKey(images[graph.Images[p.Value]]));
        values = [.. shown.Select(s => s.Value)];
        leaves = [.. reached.Select(p => graph.Images[p.Value])];
        Value[] outputs = [.. values.Select(v => images[v]), .. leaves.Select(l => Differentiation.Gradients[images[l]])];
        names = [.. outputs.Select(o => o.Name)];
        Tensors = [.. shown.Select(s => new PairedTensor(s.Name, IsGradient: false, s.Value)), .. reached.Zip(leaves, (p, leaf) => new PairedTensor(p.Name, IsGradient: true, leaf))];
        backward.Graph.Outputs.Clear();
        backward.Graph.Outputs.AddRange(outputs.Distinct());
        RemoveDeadCode.Apply(backward.Graph);
        torch = new TorchExecutor(graph.Model, torchSettings);
        try
        {
            ort = new OrtExecutor(backward, ortSettings);
        }
        catch
        {
            torch.Dispose();
            throw;
        }
    }

    /// <summary>What our reverse sweep found.</summary>
    public DifferentiationResult Differentiation { get; }

    /// <summary>What is compared: values in the order given, then gradients in the order of the parameters.</summary>
    public IReadOnlyList<PairedTensor> Tensors { get; }

    /// <summary>Runs both engines.</summary>
    /// <param name="feeds">Contents by input name; others than the graph's inputs are left out.</param>
    /// <param name="cancellation">Ends the runs early.</param>
    /// <returns>What each gives for each of <see cref="Tensors"/>.</returns>
    public IReadOnlyList<(TensorData Ort, TensorData Torch)> Run(IReadOnlyDictionary<string, TensorData> feeds, CancellationToken cancellation)
    {
        var fed = graph.Model.Graph.Inputs.ToDictionary(i => i.Name, i => feeds[i.Name], StringComparer.Ordinal);
        var first = ort.Run(fed, names, cancellation);
        var (shown, gradients) = torch.Differentiate(fed, values, graph.Attached.Loss, leaves, cancellation);
        // What the loss does not depend on has a gradient of zero.
        return [.. first.Zip([.. shown, .. gradients.Zip(leaves, (g, leaf) => g ?? TensorData.FromFloats(leaf.Shape!.ToArray(), new float[leaf.Shape!.ElementCount]))])];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        ort.Dispose();
        torch.Dispose();
    }
}
