using GraphRewriter.Canonicalization;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using OnnxAuditor.Execution.Torch;
using OnnxAuditor.Measurement;
using TorchSharp;

namespace Bench;

/// <summary>A network on libtorch, eagerly: operator by operator, its gradients by autograd.</summary>
sealed class EagerStep : IDisposable
{
    readonly TorchExecutor executor;
    readonly Dictionary<string, TensorData> feeds;
    readonly Value loss;
    readonly Value[] outputs;
    readonly Value[] parameters;

    /// <summary>Attaches a loss to a copy of the model and takes it in.</summary>
    public EagerStep(CanonicalModel source, Protocol protocol, int threads)
    {
        var map = new Dictionary<Value, Value>();
        var model = source.Model.Copy(map);
        SetNormStatistics.Frozen(model.Graph);
        RemoveDropout.Apply(model.Graph);
        outputs = [.. model.Graph.Outputs.Where(o => o.IsFloat)];
        var attached = AttachLoss.Run(model.Graph);
        loss = attached.Loss;
        parameters = [.. source.Parameters.Where(p => p.Trainable).Select(p => map[p.Value])];
        feeds = Step.Feeds(source, model.Graph, attached, new Dictionary<Parameter, Value>(), protocol);
        executor = new TorchExecutor(model, new TorchSettings(Threads: threads));
    }

    /// <summary>Runs forward; what of the graph only the loss needs runs as well.</summary>
    public void Forward()
    {
        using var pass = executor.Forward(feeds, outputs, []);
    }

    /// <summary>Runs forward, loss and backward.</summary>
    public void Run()
    {
        using var scope = torch.NewDisposeScope();
        using var pass = executor.Forward(feeds, [loss], parameters);
        pass.Gradients(loss, parameters);
    }

    /// <inheritdoc/>
    public void Dispose() => executor.Dispose();
}
