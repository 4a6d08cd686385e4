using System.Globalization;
using GraphRewriter.Canonicalization;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Measurement;
using OnnxAuditor.Numerics;

namespace Bench;

/// <summary>A rewritten graph in a session, with what it is fed: made once, run many times.</summary>
sealed class Step : IDisposable
{
    readonly OrtExecutor executor;
    readonly Dictionary<string, TensorData> feeds;
    readonly string[] outputs;
    readonly Dictionary<string, string> sources = new(StringComparer.Ordinal);

    Step(CanonicalModel model, InstrumentedGraph graph, Protocol protocol, OrtSettings settings)
    {
        Nodes = graph.Model.Graph.Nodes.Count;
        var byName = graph.Model.Graph.AllNodes().Where(n => n.Origin is null).ToLookup(n => n.Name, n => n.OpType, StringComparer.Ordinal);
        foreach (var node in graph.Model.Graph.AllNodes())
            if (node.Origin is { } origin && byName[origin].FirstOrDefault() is { } source) sources[node.Name] = source;
        outputs = [.. graph.Model.Graph.Outputs.Select(o => o.Name)];
        feeds = Feeds(model, graph.Model.Graph, graph.Loss, graph.FedParameters, protocol);
        executor = new OrtExecutor(graph.Model, settings);
    }

    /// <summary>The nodes of the graph, before ONNX Runtime fuses any.</summary>
    public int Nodes { get; }

    /// <summary>The operator for whose sake a node was emitted; null for one of the model's own, and for one that ONNX Runtime put in or renamed.</summary>
    public string? SourceOf(string node) => sources.GetValueOrDefault(node);

    /// <summary>The canonical model of a file, bound to a batch size.</summary>
    public static CanonicalModel Read(string path, long batch)
    {
        using var file = OnnxReader.Read(path);
        return Canonicalizer.Run(file.Model, new CanonicalOptions { Batch = batch, ComputeInFloat32 = true });
    }

    /// <summary>The graph as the audit runs it, with the protocol's probes.</summary>
    public static Step Instrumented(CanonicalModel model, Protocol protocol, OrtSettings settings) => Make(model, protocol, settings, raw: false);

    /// <summary>The graph of a training step without any probe: its outputs are the loss and the parameters' gradients.</summary>
    public static Step Bare(CanonicalModel model, Protocol protocol, OrtSettings settings) =>
        Make(model, protocol with { Probes = Probes.ParameterGradients }, settings, raw: true);

    /// <summary>The model's own graph, without loss.</summary>
    public static Step Forward(CanonicalModel model, Protocol protocol, OrtSettings settings) => Make(model, protocol with { Probes = Probes.Outputs }, settings, raw: false);

    /// <summary>Runs the graph once, outputs fetched.</summary>
    public void Run() => executor.Run(feeds, outputs);

    /// <summary>Ends profiling and returns the path of the trace; the settings must have asked for it.</summary>
    public string EndProfiling() => executor.EndProfiling();

    /// <inheritdoc/>
    public void Dispose() => executor.Dispose();

    static Step Make(CanonicalModel model, Protocol protocol, OrtSettings settings, bool raw)
    {
        // Gradients that several runs are merged from come out as they are: with no other probe that is the bare training step.
        var graph = InstrumentedGraph.Build(model, FindLayers.In(model), protocol, target: null, feedParameters: protocol.Weights != WeightSource.Shipped, merge: raw);
        if (graph.LossFailure is { } why) throw new ModelException(ModelProblem.Unsupported, why);
        return new Step(model, graph, protocol, settings);
    }

    /// <summary>The contents of all inputs of a graph that was made from a model.</summary>
    public static Dictionary<string, TensorData> Feeds(CanonicalModel model, Graph graph, AttachedLoss? loss, IReadOnlyDictionary<Parameter, Value> fedParameters, Protocol protocol)
    {
        var fed = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        var inputs = MakeInputs.For(model, protocol, 1, new Dictionary<string, TensorData>(StringComparer.Ordinal), "");
        foreach (var input in graph.Inputs) if (inputs.TryGetValue(input.Name, out var data)) fed[input.Name] = data.Data;
        var weights = DrawWeights.Under(protocol, model.Parameters);
        foreach (var (parameter, value) in fedParameters) fed[value.Name] = weights.GetValueOrDefault(parameter) ?? parameter.Value.Data!;
        foreach (var term in loss?.Terms ?? []) if (term.Target is { } target) fed[target.Name] = Target(term, target, protocol.Seed);
        return fed;
    }

    static TensorData Target(LossTerm term, Value target, long seed)
    {
        var random = new SeededRandom(seed, string.Create(CultureInfo.InvariantCulture, $"target/{term.Output.Name}"));
        var classes = term.Kind == LossKind.CrossEntropy ? term.AttachedTo.Shape![term.ClassAxis].Size : 2;
        var values = new double[target.Shape!.ElementCount];
        for (var i = 0; i < values.Length; i++) values[i] = term.Kind == LossKind.Mse ? random.Normal() : random.Integer(Math.Max(1, classes));
        return TensorData.FromNumbers(target.Type, target.Shape.ToArray(), values);
    }
}
