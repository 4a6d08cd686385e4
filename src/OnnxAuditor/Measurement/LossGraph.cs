using GraphRewriter.Canonicalization;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;

namespace OnnxAuditor.Measurement;

/// <summary>A canonical model made ready to be differentiated: statistics set, dropout taken out, a loss attached.</summary>
sealed class LossGraph
{
    LossGraph(Model model, AttachedLoss loss, Dictionary<Value, Value> images)
    {
        Model = model;
        Attached = loss;
        Images = images;
    }

    /// <summary>The model.</summary>
    public Model Model { get; }

    /// <summary>The loss; its targets are inputs of the graph.</summary>
    public AttachedLoss Attached { get; }

    /// <summary>The values by those of the canonical model.</summary>
    public IReadOnlyDictionary<Value, Value> Images { get; }

    /// <summary>Builds the graph.</summary>
    /// <param name="source">The canonical model; it is not changed.</param>
    /// <param name="statistics">Which statistics BatchNormalization uses.</param>
    /// <param name="loss">The loss.</param>
    /// <param name="target">The output that the loss is attached to; null for all float outputs.</param>
    /// <exception cref="ModelException">No loss can be attached.</exception>
    /// <exception cref="UsageException">There is no such output.</exception>
    public static LossGraph Build(CanonicalModel source, NormStatistics statistics, LossKind loss = LossKind.Auto, string? target = null)
    {
        var images = new Dictionary<Value, Value>();
        var model = source.Model.Copy(images);
        var graph = model.Graph;
        if (statistics == NormStatistics.Batch) SetNormStatistics.Batch(graph);
        else SetNormStatistics.Frozen(graph);
        RemoveDropout.Apply(graph);
        var chosen = target is null ? null : graph.Outputs.Where(o => string.Equals(o.Name, target, StringComparison.Ordinal)).ToList();
        if (chosen?.Count == 0) throw new UsageException($"The model has no output '{target}'. It has: {string.Join(", ", graph.Outputs.Select(o => o.Name))}.");
        return new LossGraph(model, AttachLoss.Run(graph, chosen, loss), images);
    }

    /// <summary>Makes parameters inputs of the graph, so that one session serves any contents.</summary>
    public void Feed(IEnumerable<Parameter> parameters)
    {
        foreach (var value in parameters.Select(p => Images[p.Value]).Where(Model.Graph.Initializers.Remove))
        {
            value.Data = null;
            Model.Graph.Inputs.Add(value);
        }
    }

    /// <summary>The contents of all inputs: the model's own, the targets of the loss, and the shipped contents of parameters that are fed.</summary>
    /// <param name="inputs">Contents of the model's own inputs, by name.</param>
    /// <param name="parameters">The parameters of the canonical model.</param>
    /// <param name="seed">The seed of the targets.</param>
    /// <param name="labels">The user's targets; null for seeded ones.</param>
    public Dictionary<string, TensorData> Feeds(IReadOnlyDictionary<string, InputData> inputs, IEnumerable<Parameter> parameters, long seed, TensorData? labels = null)
    {
        var feeds = inputs.ToDictionary(i => i.Key, i => i.Value.Data, StringComparer.Ordinal);
        foreach (var term in Attached.Terms) if (term.Target is { } target) feeds[target.Name] = MakeTargets.For(term, target, seed, labels);
        foreach (var parameter in parameters) if (Images[parameter.Value].Data is null) feeds[Images[parameter.Value].Name] = parameter.Value.Data!;
        return feeds;
    }
}
