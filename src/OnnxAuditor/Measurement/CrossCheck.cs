using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Execution.Torch;

namespace OnnxAuditor.Measurement;

/// <summary>What a cross-check runs.</summary>
/// <param name="Protocol">Statistics, inputs, loss and seed.</param>
/// <param name="Ort">How ONNX Runtime runs.</param>
/// <param name="Torch">How Torch runs.</param>
/// <param name="Data">The user's data by input name.</param>
/// <param name="DataSource">Where they came from.</param>
/// <param name="Labels">The user's targets; null for seeded ones.</param>
/// <param name="Target">The output that the loss is attached to; null for all float outputs.</param>
sealed record CrossCheckSettings(Protocol Protocol, OrtSettings Ort, TorchSettings Torch, IReadOnlyDictionary<string, TensorData> Data, string DataSource, TensorData? Labels, string? Target);

/// <summary>
/// Checks the program against itself: the model as it was read against its canonical form, and two engines that share nothing against each other, ONNX Runtime with our
/// gradient graph and Torch with autograd.
/// </summary>
static class CrossCheck
{
    /// <summary>Checks a model. What cannot be compared is said in the result.</summary>
    /// <param name="original">The model as it was read.</param>
    /// <param name="canonical">Its canonical form.</param>
    /// <param name="settings">What is run.</param>
    /// <param name="cancellation">Ends the check early.</param>
    /// <exception cref="UsageException">libtorch cannot be used, or the user's data do not fit.</exception>
    /// <exception cref="OperationCanceledException">The check was cancelled.</exception>
    public static CrossChecked Run(Model original, CanonicalModel canonical, CrossCheckSettings settings, CancellationToken cancellation)
    {
        TorchLibrary.Require();
        try
        {
            var inputs = MakeInputs.For(canonical, settings.Protocol, samples: 1, settings.Data, settings.DataSource);
            var (outputs, skipped) = RewriteCheck.Run(original, canonical, inputs, settings.Ort, cancellation);
            return Engines(canonical, inputs, settings, cancellation) with { Outputs = outputs, OutputsSkipped = skipped };
        }
        catch (ModelException e) when (e.Problem != ModelProblem.Budget)
        {
            return CrossChecked.Failed(e.Message);
        }
    }

    static CrossChecked Engines(CanonicalModel canonical, IReadOnlyDictionary<string, InputData> inputs, CrossCheckSettings settings, CancellationToken cancellation)
    {
        var graph = LossGraph.Build(canonical, settings.Protocol.Statistics, settings.Protocol.Loss, settings.Target);
        // What is moved within rounding must be fed: the inputs, or the parameters of a model that takes no numbers.
        if (!canonical.Model.Graph.Inputs.Exists(i => i.IsFloat)) graph.Feed(canonical.Parameters);
        var feeds = graph.Feeds(inputs, canonical.Parameters, settings.Protocol.Seed, settings.Labels);
        var layers = FindLayers.In(canonical).Select(l => (l.Name, graph.Images[l.Output])).Where(l => IsThere(graph, l.Item2)).ToList();
        layers.AddRange(canonical.Model.Graph.Outputs.Select(o => (o.Name, graph.Images[o])).Where(o => IsThere(graph, o.Item2) && !layers.Exists(l => l.Item2 == o.Item2)));
        if (layers.Count == 0) return CrossChecked.Failed("no layer or output is a float32 tensor of known shape");
        using var pair = new EnginePair(canonical, graph, layers, settings.Ort, settings.Torch);
        var compared = CompareRuns.Judge([.. pair.Tensors.Select(t => t.Name)], i => pair.Tensors[i].IsGradient, f => pair.Run(f, cancellation), feeds);
        var (values, gradients) = (compared.Take(layers.Count).ToList(), compared.Skip(layers.Count).ToList());
        var missing = pair.Differentiation.Blocked.FirstOrDefault(b => b.IsMissingRule);
        return new CrossChecked(
            [], null, values, missing is null ? gradients : [],
            missing is null ? null : $"no gradient of ours passes {missing.Node}: {missing.Reason}",
            values.Find(v => v.Agreement == Agreement.Differs) is { } layer ? FirstNode(canonical, graph, feeds, settings, cancellation) ?? layer.Name : null,
            missing is null && gradients.Exists(g => g.Agreement == Agreement.Differs) ? FiniteDifference.Along(canonical, pair, gradients, inputs, settings, cancellation) : null,
            null);
    }

    /// <summary>The first node whose output the engines disagree on when every float value is looked at; null where that makes them agree.</summary>
    static string? FirstNode(CanonicalModel canonical, LossGraph graph, Dictionary<string, TensorData> feeds, CrossCheckSettings settings, CancellationToken cancellation)
    {
        var values = graph.Model.Graph.Nodes.SelectMany(n => n.Outputs.OfType<Value>().Where(v => v is { Type: ElementType.Float32, Shape.IsStatic: true }).Select(v => (Name: n.LogicalName, Value: v))).ToList();
        using var pair = new EnginePair(canonical, graph, values, settings.Ort, settings.Torch);
        var compared = CompareRuns.Judge([.. pair.Tensors.Select(t => t.Name)], i => pair.Tensors[i].IsGradient, f => pair.Run(f, cancellation), feeds);
        return compared.Take(values.Count).FirstOrDefault(v => v.Agreement == Agreement.Differs)?.Name;
    }

    static bool IsThere(LossGraph graph, Value value) => value is { Type: ElementType.Float32, Shape: { IsStatic: true, ElementCount: > 0 }, Producer: { } producer } && graph.Model.Graph.Nodes.Contains(producer);
}
