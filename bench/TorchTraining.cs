using GraphRewriter.Canonicalization;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using OnnxAuditor.Execution.Torch;
using OnnxAuditor.Measurement;
using TorchSharp;
using static TorchSharp.torch;
using ModelParameter = GraphRewriter.Canonicalization.Parameter;
using TorchParameter = TorchSharp.Modules.Parameter;

namespace Bench;

/// <summary>A network trained on libtorch, eagerly: gradients by autograd, which knows nothing of our rules, updates by torch.optim.</summary>
sealed class TorchTraining : IDisposable
{
    readonly TorchExecutor executor;
    readonly Value loss;
    readonly List<Value> values;
    readonly List<TorchParameter> parameters = [];
    readonly string optimizer;
    optim.Optimizer? reference;

    /// <summary>Attaches a loss to a copy of the model and takes it in.</summary>
    /// <param name="source">The canonical model; neither it nor its weights are changed.</param>
    /// <param name="statistics">Which statistics BatchNormalization uses.</param>
    /// <param name="optimizer">The optimiser, as <c>rewrite --train-step</c> names it.</param>
    /// <param name="weights">Contents of parameters in the place of the shipped ones; null for none.</param>
    /// <param name="threads">Threads of libtorch.</param>
    public TorchTraining(CanonicalModel source, NormStatistics statistics, string optimizer, IReadOnlyDictionary<ModelParameter, TensorData>? weights, int threads)
    {
        this.optimizer = optimizer;
        var map = new Dictionary<Value, Value>();
        var model = source.Model.Copy(map);
        foreach (var (parameter, data) in weights ?? new Dictionary<ModelParameter, TensorData>()) map[parameter.Value].Data = data;
        values = [.. source.Parameters.Where(p => p.Trainable).Select(p => map[p.Value])];
        // libtorch works in the memory of the weights, which training changes.
        foreach (var value in values) value.Data = TensorData.FromFloats([.. value.Data!.Dims], value.Data.ToFloats());
        if (statistics == NormStatistics.Batch) SetNormStatistics.Batch(model.Graph);
        else SetNormStatistics.Frozen(model.Graph);
        RemoveDropout.Apply(model.Graph);
        var attached = AttachLoss.Run(model.Graph);
        (loss, Targets) = (attached.Loss, [.. attached.Terms.Select(t => t.Target?.Name).OfType<string>()]);
        executor = new TorchExecutor(model, new TorchSettings(Threads: threads));
    }

    /// <summary>The inputs that targets are fed to.</summary>
    public IReadOnlyList<string> Targets { get; }

    /// <summary>Makes a step and returns the loss before it.</summary>
    public double Step(IReadOnlyDictionary<string, TensorData> feeds, double rate)
    {
        using var scope = NewDisposeScope();
        using var pass = executor.Forward(feeds, [loss], values);
        if (reference is null)
        {
            // The leaves of a pass lie in the memory of the executor's tensors: so do these, and an update in place reaches the next pass.
            foreach (var value in values) parameters.Add((TorchParameter)new TorchParameter(pass[value].detach()).DetachFromDisposeScope());
            reference = Optimizer(optimizer, parameters, rate);
        }
        foreach (var group in reference.ParamGroups) group.LearningRate = rate;
        var gradients = pass.Gradients(loss, values);
        for (var i = 0; i < values.Count; i++) parameters[i].grad = gradients[i];
        reference.step();
        foreach (var parameter in parameters) parameter.grad = null;
        return pass[loss].ToDouble();
    }

    /// <summary>torch.optim as a user would make it: nothing but the rate, momentum 0.9, and the decay of 0.01 that PyTorch has and TorchSharp does not.</summary>
    public static optim.Optimizer Optimizer(string name, IEnumerable<TorchParameter> parameters, double rate) => name switch
    {
        "sgd" => optim.SGD(parameters, rate),
        "momentum" => optim.SGD(parameters, rate, momentum: 0.9),
        "adam" => optim.Adam(parameters, rate),
        "adamw" => optim.AdamW(parameters, rate, weight_decay: 0.01),
        _ => throw new ArgumentException($"'{name}' has no counterpart in torch.optim yet.", nameof(name)),
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        reference?.Dispose();
        foreach (var parameter in parameters) parameter.Dispose();
        executor.Dispose();
    }
}
