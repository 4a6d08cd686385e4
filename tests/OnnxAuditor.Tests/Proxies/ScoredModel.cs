using GraphRewriter.Canonicalization;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Execution.Torch;
using OnnxAuditor.Measurement;
using OnnxAuditor.Proxies;
using Xunit;

namespace OnnxAuditor.Tests.Proxies;

/// <summary>Scores of a model on the path that an audit takes: canonical form, plan, instrumented runs, proxies. Shipped weights unless told otherwise.</summary>
sealed record ScoredModel(Model Model)
{
    /// <summary>Samples a pass.</summary>
    public long Batch { get; init; } = 4;

    /// <summary>Which weights count.</summary>
    public WeightChoice Weights { get; init; } = WeightChoice.Shipped;

    /// <summary>The loss.</summary>
    public LossKind Loss { get; init; } = LossKind.Auto;

    /// <summary>Contents of inputs; the others are drawn. They take the place of N(0, 1) too.</summary>
    public IReadOnlyDictionary<string, TensorData> Data { get; init; } = new Dictionary<string, TensorData>(StringComparer.Ordinal);

    /// <summary>The targets; null for seeded ones.</summary>
    public TensorData? Labels { get; init; }

    /// <summary>Bytes that a run may need.</summary>
    public long? MaxMemory { get; init; }

    /// <summary>How Torch runs the model in the place of ONNX Runtime.</summary>
    public TorchSettings? Torch { get; init; }

    /// <summary>Parts that the last run's batch went through in, by proxy.</summary>
    public Dictionary<string, long> Parts { get; } = new(StringComparer.Ordinal);

    /// <summary>Ids of all proxies that are measured by runs, and those of weights alone.</summary>
    public static string[] Ids { get; } = [.. ProxyRegistry.All.Select(p => p.Id)];

    /// <summary>A model as text.</summary>
    public static ScoredModel Of(string text) => new(TextGraph.Parse(text));

    /// <summary>A model of the checkout ("models/x.onnx") or of the shared folder ("shared/torch/x.onnx"); its weights are read into memory.</summary>
    public static ScoredModel At(string path)
    {
        using var file = OnnxReader.Read(path.StartsWith("shared/", StringComparison.Ordinal) ? SharedFiles.Require(["models", .. path.Split('/')[1..]]) : Checkout.Path(path.Split('/')));
        var model = file.Model.Copy();
        foreach (var value in model.Graph.SelfAndSubgraphs().SelectMany(g => g.Initializers)) if (value.Data is { } data && data.Type != ElementType.String) value.Data = TensorData.FromBytes(data.Type, [.. data.Dims], data.Bytes.ToArray());
        return new ScoredModel(model);
    }

    /// <summary>The model in canonical form.</summary>
    public CanonicalModel Canonical(long batch) => Canonicalizer.Run(Model, new CanonicalOptions { Batch = batch });

    /// <summary>One score.</summary>
    public Score Score(string id) => Scores([id])[id];

    /// <summary>One score that must be there.</summary>
    public double Value(string id, string? component = null)
    {
        var score = Score(id);
        Assert.True(score.Value is not null, $"{id}: {score.Reason}");
        return component is null ? score.Value!.Value : score.Components[component];
    }

    /// <summary>Scores by id; runs of equal conditions are one run.</summary>
    public SortedDictionary<string, Score> Scores(params IEnumerable<string> ids)
    {
        var options = new AuditOptions { Batch = Batch, Weights = Weights, Loss = Loss, RegSwap = (0.2, 1) };
        var proxies = ids.Select(i => ProxyRegistry.ById[i]).ToList();
        var plan = new Plan();
        foreach (var protocol in proxies.SelectMany(p => ProxySelection.Protocols(p, options))) plan.Add(protocol);
        using var measure = NewMeasure();
        var results = new Dictionary<Protocol, ModelMeasurement>();
        foreach (var run in plan.Runs)
        {
            results[run] = measure.Run(run, TestContext.Current.CancellationToken);
            foreach (var proxy in proxies.Where(p => ProxySelection.Protocols(p, options).Any(q => plan.RunOf(q) == run))) Parts[proxy.Id] = measure.LastParts;
        }
        var canonical = Canonical(Batch);
        return new(proxies.ToDictionary(p => p.Id, p => ProxySelection.ScoreOf(p, options, 0, canonical, q => results[plan.RunOf(q)])), StringComparer.Ordinal);
    }

    /// <summary>A run of one protocol.</summary>
    public ModelMeasurement Run(Protocol protocol)
    {
        using var measure = NewMeasure();
        return measure.Run(protocol, TestContext.Current.CancellationToken);
    }

    /// <summary>What the drawn inputs of a protocol are.</summary>
    public IReadOnlyDictionary<string, InputData> Inputs(Protocol protocol) => MakeInputs.For(Canonical(protocol.Batch), protocol, 1, Data, "");

    Measure NewMeasure() => new(Canonical(Batch), Canonical, new MeasureSettings(new OrtSettings(Threads: 1), Data, "", Labels, null, MaxMemory) { Torch = Torch });

    /// <summary>Asserts that two values agree.</summary>
    /// <param name="what">What they are.</param>
    /// <param name="expected">The one.</param>
    /// <param name="found">The other.</param>
    /// <param name="tolerance">Relative, and absolute below 1.</param>
    public static void AssertClose(string what, double expected, double found, double tolerance) =>
        Assert.True(Math.Abs(expected - found) <= tolerance * Math.Max(1, Math.Abs(expected)), $"{what}: {found:R} where {expected:R} is expected, {Math.Abs(expected - found) / Math.Max(1, Math.Abs(expected)):G2} apart.");
}
