using GraphRewriter.Canonicalization;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using GraphRewriter.Training;
using OnnxAuditor.Execution;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Measurement;

namespace OnnxAuditor.Training;

/// <summary>What trials run.</summary>
/// <param name="Optimizer">The optimiser.</param>
/// <param name="Steps">The most steps of the training.</param>
/// <param name="Weights">What weights to begin with: one trial each.</param>
/// <param name="Init">The initialisation law of re-initialised weights.</param>
/// <param name="Seed">The seed of weights, inputs and targets.</param>
/// <param name="Ort">Device and threads.</param>
sealed record TrialSettings(Optimizer Optimizer, int Steps, IReadOnlyList<WeightSource> Weights, Initialization Init, long Seed, OrtSettings Ort)
{
    /// <summary>The loss.</summary>
    public LossKind Loss { get; init; } = LossKind.Auto;

    /// <summary>The output that the loss is attached to; null for all float outputs.</summary>
    public string? Target { get; init; }

    /// <summary>Whether gradients pass Round, and QuantizeLinear where it does not saturate.</summary>
    public bool StraightThrough { get; init; }

    /// <summary>The user's data by input name.</summary>
    public IReadOnlyDictionary<string, TensorData> Data { get; init; } = new Dictionary<string, TensorData>(StringComparer.Ordinal);

    /// <summary>Where <see cref="Data"/> came from.</summary>
    public string DataSource { get; init; } = "";

    /// <summary>The user's targets; null for those that the trial makes.</summary>
    public TensorData? Labels { get; init; }

    /// <summary>Bytes that a step may need; null for no limit.</summary>
    public long? MaxMemory { get; init; }

    /// <summary>Where trials take the memory that they need by estimate.</summary>
    public IMemoryPool Memory { get; init; } = UnsharedMemory.Instance;

    /// <summary>Whether a step may cost whatever it costs, as the user asked for the trial by name.</summary>
    public bool AtAnyCost { get; init; }

    /// <summary>Canonicalises the model for another batch size.</summary>
    public required Func<long, CanonicalModel> AtBatch { get; init; }

    /// <summary>The protocol of a trial's weights and inputs.</summary>
    public Protocol ProtocolOf(WeightSource weights, NormStatistics statistics, long batch) => new(weights, statistics, InputLaw.Auto, batch, Seed, Probes.None) { Init = Init, Loss = Loss };
}
