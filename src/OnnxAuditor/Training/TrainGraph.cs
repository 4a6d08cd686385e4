using GraphRewriter.Canonicalization;
using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using GraphRewriter.Training;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Measurement;

namespace OnnxAuditor.Training;

/// <summary>What a training step is made of.</summary>
/// <param name="Optimizer">The optimiser.</param>
/// <param name="Statistics">Which statistics BatchNormalization uses; where those of the batch, the running ones follow.</param>
/// <param name="Loss">The loss.</param>
/// <param name="Target">The output that the loss is attached to; null for all float outputs.</param>
/// <param name="StraightThrough">Whether gradients pass Round, and QuantizeLinear where it does not saturate.</param>
sealed record TrainGraphOptions(Optimizer Optimizer, NormStatistics Statistics, LossKind Loss = LossKind.Auto, string? Target = null, bool StraightThrough = false);

/// <summary>A model as a training step: data, targets, parameters, state and learning rate in, loss, new parameters and new state out.</summary>
/// <param name="Model">The step.</param>
/// <param name="Loss">The loss; its targets are inputs.</param>
/// <param name="Step">What is carried from step to step.</param>
sealed record TrainGraph(Model Model, AttachedLoss Loss, TrainStepResult Step)
{
    /// <summary>Builds the step.</summary>
    /// <param name="source">The canonical model; it is not changed.</param>
    /// <param name="options">What the step is made of.</param>
    /// <param name="weights">Contents of parameters in the place of the shipped ones; null for none.</param>
    /// <exception cref="ModelException">No loss can be attached, or no gradient reaches any parameter.</exception>
    /// <exception cref="UsageException">There is no such output.</exception>
    public static TrainGraph Build(CanonicalModel source, TrainGraphOptions options, IReadOnlyDictionary<Parameter, TensorData>? weights = null)
    {
        var images = new Dictionary<Value, Value>();
        var model = source.Model.Copy(images);
        var graph = model.Graph;
        foreach (var (parameter, data) in weights ?? new Dictionary<Parameter, TensorData>()) images[parameter.Value].Data = data;
        var trained = source.Parameters.Where(p => p.Trainable).Select(p => (p.Name, Value: images[p.Value])).ToList();
        if (trained.Count == 0) throw new ModelException(ModelProblem.Unsupported, "The model has no trainable parameters.");
        var chosen = options.Target is null ? null : graph.Outputs.Where(o => o.Name.Equals(options.Target, StringComparison.Ordinal)).ToList();
        if (chosen?.Count == 0) throw new UsageException($"There is no output '{options.Target}'; the model has {string.Join(", ", graph.Outputs.Select(o => $"'{o.Name}'"))}.");
        IReadOnlyList<BatchStatistics> statistics = [];
        if (options.Statistics == NormStatistics.Batch) statistics = SetNormStatistics.Batch(graph);
        else SetNormStatistics.Frozen(graph);
        RemoveDropout.Apply(graph);
        var names = new NameScope(graph);
        var loss = AttachLoss.Run(graph, chosen, options.Loss, names);
        var step = TrainStep.Emit(graph, loss.Loss, trained, options.Optimizer, statistics, names, options.StraightThrough);
        if (!step.Carried.Any(c => c.Kind == CarriedKind.Parameter))
            throw new ModelException(ModelProblem.Unsupported, $"No gradient reaches any parameter{string.Concat(step.Differentiation.Blocked.Take(1).Select(b => $"; it stops at {b.Node}: {b.Reason}"))}.");
        RemoveDeadCode.Apply(graph);
        return new TrainGraph(model, loss, step);
    }

    /// <summary>A session of the step, at the initial values.</summary>
    /// <param name="settings">Device and threads.</param>
    /// <param name="feeds">Data and targets by input name.</param>
    /// <exception cref="ModelException">ONNX Runtime cannot load the graph.</exception>
    public OrtStepper Start(OrtSettings settings, IReadOnlyDictionary<string, TensorData> feeds) =>
        new(Model, settings, Step.LearningRate.Name, Model.Graph.Outputs[0].Name, [.. Step.Carried.Select(c => new StepValue(c.Input.Name, c.Output.Name, c.Initial))], feeds);
}
