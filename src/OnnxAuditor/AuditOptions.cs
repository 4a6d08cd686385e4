using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using OnnxAuditor.Measurement;
using OnnxAuditor.Reports;

namespace OnnxAuditor;

/// <summary>How thorough an audit is.</summary>
enum Profile
{
    /// <summary>Scan rules and one forward pass, no gradients.</summary>
    Fast,
    /// <summary>All rules but second-order ones, gradients, the seed proxies and the cheap classical ones.</summary>
    Standard,
    /// <summary>Everything.</summary>
    Full,
}

/// <summary>Which weights are measured.</summary>
enum WeightChoice
{
    /// <summary>The file's own.</summary>
    Shipped,
    /// <summary>Re-initialised ones.</summary>
    Reinit,
    /// <summary>Rules on the shipped weights, architecture proxies on re-initialised ones.</summary>
    Both,
}

/// <summary>The options of an audit, as the contract names them; validated once, at the command.</summary>
sealed record AuditOptions
{
    /// <summary>Execution provider: "cpu", "auto", "cuda", "cuda:1" or any provider ONNX Runtime offers.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>Whether Torch runs the model instead of ONNX Runtime.</summary>
    public bool OnTorch { get; init; }

    /// <summary>Whether both engines are held against each other.</summary>
    public bool CrossCheck { get; init; }

    /// <summary>Threads of a run; 0 for the physical cores.</summary>
    public int Threads { get; init; }

    /// <summary>Thoroughness.</summary>
    public Profile Profile { get; init; } = Profile.Standard;

    /// <summary>Whether nothing is run: only rules that look at graph and weights alone.</summary>
    public bool ScanOnly { get; init; }

    /// <summary>Ids of the proxies to compute; null for the profile's.</summary>
    public IReadOnlyList<string>? Proxies { get; init; }

    /// <summary>Rule ids or prefixes to run; empty for all.</summary>
    public IReadOnlyList<string> Select { get; init; } = [];

    /// <summary>Rule ids or prefixes not to run.</summary>
    public IReadOnlyList<string> Ignore { get; init; } = [];

    /// <summary>Severities that differ from the rules' own, by rule id.</summary>
    public IReadOnlyDictionary<string, Severity> Severities { get; init; } = new Dictionary<string, Severity>(StringComparer.Ordinal);

    /// <summary>Thresholds that differ from the rules' own, by their keys.</summary>
    public IReadOnlyDictionary<string, double> Limits { get; init; } = new Dictionary<string, double>(StringComparer.Ordinal);

    /// <summary>Which weights are measured.</summary>
    public WeightChoice Weights { get; init; } = WeightChoice.Both;

    /// <summary>The initialisation law of re-initialised weights.</summary>
    public Initialization Init { get; init; } = Initialization.PyTorch;

    /// <summary>The seed of weights, inputs and targets.</summary>
    public long Seed { get; init; }

    /// <summary>Seeds to spread proxies over, starting at <see cref="Seed"/>.</summary>
    public int Seeds { get; init; } = 1;

    /// <summary>Samples a pass.</summary>
    public long Batch { get; init; } = 16;

    /// <summary>Input shapes given by the user, by input name.</summary>
    public IReadOnlyDictionary<string, Shape> Shapes { get; init; } = new Dictionary<string, Shape>(StringComparer.Ordinal);

    /// <summary>Input data given by the user, by input name; float data [N, …].</summary>
    public IReadOnlyDictionary<string, TensorData> Data { get; init; } = new Dictionary<string, TensorData>(StringComparer.Ordinal);

    /// <summary>Where <see cref="Data"/> came from, for the report.</summary>
    public string DataSource { get; init; } = "";

    /// <summary>Targets given by the user: int64 classes, or floats for mean squared error; null for seeded ones.</summary>
    public TensorData? Labels { get; init; }

    /// <summary>Which statistics BatchNormalization uses where rules look.</summary>
    public NormStatistics Statistics { get; init; } = NormStatistics.Frozen;

    /// <summary>The loss.</summary>
    public LossKind Loss { get; init; } = LossKind.Auto;

    /// <summary>The output that the loss is attached to; null for all float outputs.</summary>
    public string? Target { get; init; }

    /// <summary>Mean and width of the size that the proxy reg_swap steers to, in thousands of parameters; null for none.</summary>
    public (double Mu, double Sigma)? RegSwap { get; init; }

    /// <summary>Whether gradients pass Round, and QuantizeLinear where it does not saturate.</summary>
    public bool StraightThrough { get; init; }

    /// <summary>Steps of a trial training, asked for by name; null where it was not.</summary>
    public int? Trial { get; init; }

    /// <summary>The optimiser of trial trainings. Adam, as transformers hardly move under plain gradient descent at any learning rate, and what is sick stays where it is under Adam too.</summary>
    public string Optimizer { get; init; } = "adam";

    /// <summary>The time that a model's audit may take; null for no limit.</summary>
    public TimeSpan? TimeBudget { get; init; }

    /// <summary>Bytes that a model's audit may need; null for no limit.</summary>
    public long? MaxMemory { get; init; }
}

/// <summary>How far an audit is, for a progress display.</summary>
/// <param name="Model">The model's path.</param>
/// <param name="Stage">What is being done.</param>
/// <param name="Fraction">The share done, 0 to 1.</param>
sealed record AuditProgress(string Model, string Stage, double Fraction);
