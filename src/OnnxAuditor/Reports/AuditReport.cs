namespace OnnxAuditor.Reports;

/// <summary>The product of an audit run: everything that any output format shows, and nothing that changes from one identical run to the next.</summary>
/// <param name="Tool">The program that made it.</param>
/// <param name="Models">One entry a model, in the order of the paths.</param>
sealed record AuditReport(ToolInfo Tool, IReadOnlyList<ModelReport> Models)
{
    /// <summary>The version of the JSON schema.</summary>
    public const string SchemaVersion = "1";

    /// <summary>What concerns the run as a whole: suppressions that fit no finding or have expired; one line each.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>What holding the models against each other gave; null where they were not.</summary>
    public ComparisonResult? Comparison { get; init; }
}

/// <summary>The program.</summary>
/// <param name="Name">Its command name.</param>
/// <param name="Version">Its version.</param>
sealed record ToolInfo(string Name, string Version);

/// <summary>What an audit says of one model. Parts that were not reached are empty, and <see cref="Unreadable"/> or <see cref="Notes"/> say why.</summary>
sealed record ModelReport
{
    /// <summary>The path as given, '/' between folders.</summary>
    public required string Path { get; init; }

    /// <summary>SHA-256 of the file, lower-case hex; empty where it could not be read.</summary>
    public string Sha256 { get; init; } = "";

    /// <summary>The size of the file.</summary>
    public long Bytes { get; init; }

    /// <summary>Exporter name and version; empty where the model does not say.</summary>
    public string Producer { get; init; } = "";

    /// <summary>The IR version.</summary>
    public long IrVersion { get; init; }

    /// <summary>The operator set versions by domain, the standard one named "ai.onnx".</summary>
    public IReadOnlyDictionary<string, long> Opset { get; init; } = new SortedDictionary<string, long>(StringComparer.Ordinal);

    /// <summary>Why the file could not be read; null where it could. Exit code 3.</summary>
    public string? Unreadable { get; init; }

    /// <summary>Why a time or memory budget ended the audit; null where none did. Exit code 5.</summary>
    public string? BudgetExceeded { get; init; }

    /// <summary>The verdict.</summary>
    public Verdict Verdict { get; init; } = Verdict.Undetermined;

    /// <summary>Why it is the verdict, one sentence.</summary>
    public string VerdictReason { get; init; } = "";

    /// <summary>Parameter counts.</summary>
    public ParameterCounts Parameters { get; init; } = new(0, 0, 0, 0, 0);

    /// <summary>Multiply-accumulate operations of one sample's forward pass; null where shapes are not known.</summary>
    public long? Macs { get; init; }

    /// <summary>Graph inputs as the model declares them.</summary>
    public IReadOnlyList<TensorSignature> Inputs { get; init; } = [];

    /// <summary>Graph outputs as the model declares them.</summary>
    public IReadOnlyList<TensorSignature> Outputs { get; init; } = [];

    /// <summary>The number of nodes of the main graph and its subgraphs, as read.</summary>
    public int NodeCount { get; init; }

    /// <summary>How often each operator stands in the main graph and its subgraphs, as read; domains other than the standard one before two colons.</summary>
    public IReadOnlyDictionary<string, int> Operators { get; init; } = new SortedDictionary<string, int>(StringComparer.Ordinal);

    /// <summary>How much of the model the gradients reach.</summary>
    public Coverage Coverage { get; init; } = new(0, 0, 0, 0, []);

    /// <summary>How it was measured; null where nothing was run.</summary>
    public MeasurementInfo? Measurement { get; init; }

    /// <summary>The proxies, in registry order.</summary>
    public IReadOnlyList<ProxyResult> Proxies { get; init; } = [];

    /// <summary>The findings, worst first.</summary>
    public IReadOnlyList<Finding> Findings { get; init; } = [];

    /// <summary>The gates, in the order they were given.</summary>
    public IReadOnlyList<GateResult> Gates { get; init; } = [];

    /// <summary>The parameter tensors, in graph order.</summary>
    public IReadOnlyList<TensorRow> Tensors { get; init; } = [];

    /// <summary>The layers, in graph order.</summary>
    public IReadOnlyList<LayerRow> Layers { get; init; } = [];

    /// <summary>Trial trainings, the shipped weights' first; empty where none were made.</summary>
    public IReadOnlyList<TrialReport> Trials { get; init; } = [];

    /// <summary>What the canonicaliser changed or guessed, and what was skipped and why.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}

/// <summary>Whether the model can be trained.</summary>
enum Verdict
{
    /// <summary>Nothing found stands against training.</summary>
    Trainable,
    /// <summary>Training is possible after the named fixes.</summary>
    TrainableWithFixes,
    /// <summary>Something found makes training impossible.</summary>
    NotTrainable,
    /// <summary>Too little could be measured to tell.</summary>
    Undetermined,
}

/// <summary>Parameter counts; tied parameters count once.</summary>
/// <param name="Tensors">Parameter tensors.</param>
/// <param name="Elements">Elements of all of them.</param>
/// <param name="Trainable">Elements that training changes.</param>
/// <param name="Frozen">Elements that training does not change: running statistics, front-end tables.</param>
/// <param name="Tied">Elements used in more than one place.</param>
sealed record ParameterCounts(int Tensors, long Elements, long Trainable, long Frozen, long Tied);

/// <summary>A graph input or output.</summary>
/// <param name="Name">The name.</param>
/// <param name="Type">The element type, or the kind of a value that is no tensor.</param>
/// <param name="Shape">The shape as declared, "?" where unknown.</param>
sealed record TensorSignature(string Name, string Type, string Shape);

/// <summary>How much of the model the gradients reach.</summary>
/// <param name="Nodes">Nodes that carry floating-point data from a parameter or input to the loss, blocked ones included.</param>
/// <param name="DifferentiableNodes">Those of them that have a gradient rule.</param>
/// <param name="Parameters">Trainable parameter elements.</param>
/// <param name="ParametersReached">Those that a gradient reaches.</param>
/// <param name="Stops">Where gradients stop.</param>
sealed record Coverage(int Nodes, int DifferentiableNodes, long Parameters, long ParametersReached, IReadOnlyList<GradientStopRow> Stops)
{
    /// <summary>Reached trainable elements over all of them; null for a model without parameters.</summary>
    public double? ParameterShare => Parameters == 0 ? null : (double)ParametersReached / Parameters;
}

/// <summary>A node at which the gradient stops.</summary>
/// <param name="Node">The node's name in the model as given.</param>
/// <param name="Op">The operator.</param>
/// <param name="Reason">Why.</param>
sealed record GradientStopRow(string Node, string Op, string Reason);

/// <summary>How the model was measured.</summary>
/// <param name="Engine">The engine and its version.</param>
/// <param name="Device">The execution provider or device.</param>
/// <param name="Weights">shipped, reinit or both.</param>
/// <param name="Init">The initialisation law of re-initialised weights.</param>
/// <param name="Seed">The seed.</param>
/// <param name="Batch">Samples a pass.</param>
/// <param name="NormStatistics">frozen or batch.</param>
/// <param name="Loss">The loss, or why there is none.</param>
/// <param name="LossTarget">The tensor that the loss is attached to, and what was stripped after it.</param>
/// <param name="Inputs">The inputs fed.</param>
/// <param name="Passes">What was run, one line a pass.</param>
sealed record MeasurementInfo(
    string Engine, string Device, string Weights, string Init, long Seed, long Batch, string NormStatistics,
    string Loss, string LossTarget, IReadOnlyList<InputRow> Inputs, IReadOnlyList<string> Passes)
{
    /// <summary>Whether gradients passed Round and QuantizeLinear as if these did nothing, where nothing saturates.</summary>
    public bool StraightThrough { get; init; }
}

/// <summary>An input as fed.</summary>
/// <param name="Name">The name.</param>
/// <param name="Shape">The shape bound.</param>
/// <param name="Type">The element type.</param>
/// <param name="Source">Where the data came from: synthetic with its law, or a file.</param>
sealed record InputRow(string Name, string Shape, string Type, string Source);

/// <summary>A proxy's value.</summary>
/// <param name="Id">The proxy's id.</param>
/// <param name="Value">The score; null where not available.</param>
/// <param name="HigherIsBetter">The direction.</param>
/// <param name="Reason">Why there is no value; null where there is one.</param>
/// <param name="Components">Named parts of the score.</param>
/// <param name="Seeds">The score by seed, where several were run.</param>
/// <param name="Protocol">The weights, statistics, inputs and batch it was measured with.</param>
sealed record ProxyResult(string Id, double? Value, bool HigherIsBetter, string? Reason, IReadOnlyDictionary<string, double> Components, IReadOnlyList<double> Seeds, string Protocol);

/// <summary>How bad a finding is.</summary>
enum Severity
{
    /// <summary>Worth knowing.</summary>
    Info,
    /// <summary>Training will suffer.</summary>
    Warning,
    /// <summary>Training fails, or the artefact is broken.</summary>
    Error,
}

/// <summary>How sure a finding is.</summary>
enum Confidence
{
    /// <summary>Evidence that other causes also produce.</summary>
    Hint,
    /// <summary>Probably so.</summary>
    Likely,
    /// <summary>A fact of the file or of a measurement.</summary>
    Certain,
}

/// <summary>Something a rule found, all places of one cause together.</summary>
/// <param name="RuleId">The rule.</param>
/// <param name="Severity">How bad.</param>
/// <param name="Confidence">How sure.</param>
/// <param name="Where">The place: a node, tensor or input of the model as given; the worst one of several.</param>
/// <param name="Message">What was found there, one sentence.</param>
/// <param name="Measured">The measured value with its unit.</param>
/// <param name="Threshold">The threshold it is held against.</param>
/// <param name="Remedy">The concrete step.</param>
/// <param name="Fingerprint">A hash that survives re-exporting: rule, logical name, structure of the neighbourhood.</param>
sealed record Finding(string RuleId, Severity Severity, Confidence Confidence, string Where, string Message, string Measured, string Threshold, string Remedy, string Fingerprint)
{
    /// <summary>How many places the finding stands for.</summary>
    public int Count { get; init; } = 1;

    /// <summary>Further places, worst first, cut to a few.</summary>
    public IReadOnlyList<string> OtherPlaces { get; init; } = [];

    /// <summary>What suppresses it, and the reason given there; null where nothing does.</summary>
    public string? SuppressedBy { get; init; }

    /// <summary>Whether a baseline or an ignore file suppresses it: it is shown, but changes no exit code.</summary>
    public bool Suppressed => SuppressedBy is not null;
}

/// <summary>A condition that the user set for a model, and whether it holds.</summary>
/// <param name="Expression">The condition as written.</param>
/// <param name="Value">The value found; null where there is none.</param>
/// <param name="Passed">Whether the condition holds. Without a value it does not.</param>
/// <param name="Reason">Why there is no value; null where there is one.</param>
sealed record GateResult(string Expression, double? Value, bool Passed, string? Reason);

/// <summary>A parameter tensor.</summary>
/// <param name="Name">The original name.</param>
/// <param name="Shape">The shape.</param>
/// <param name="Role">The role.</param>
/// <param name="Trainable">Whether training changes it.</param>
/// <param name="Norm">The L2 norm of the shipped values; null where they cannot be had.</param>
/// <param name="GradientNorm">The L2 norm of the gradient on the shipped weights; null where it was not reached or not measured.</param>
sealed record TensorRow(string Name, string Shape, string Role, bool Trainable, double? Norm, double? GradientNorm)
{
    /// <summary>16 hexadecimal digits that stand for the contents as computed with (float32, dequantised); null where they were not read.</summary>
    public string? Hash { get; init; }
}

/// <summary>A layer: the output of a convolution, linear, norm or activation node.</summary>
/// <param name="Name">The node's name in the model as given.</param>
/// <param name="Op">The operator.</param>
/// <param name="OutputShape">The shape of its output as bound.</param>
/// <param name="Parameters">Elements of its trainable parameters.</param>
/// <param name="Activation">Statistics of its output; null where not measured.</param>
/// <param name="Gradient">Statistics of the gradient by its output; null where not measured or not reached.</param>
sealed record LayerRow(string Name, string Op, string OutputShape, long Parameters, ActivationStatistics? Activation, GradientStatistics? Gradient)
{
    /// <summary>The spectrum of its weight; null for layers without a matrix, and where it was not computed.</summary>
    public WeightStatistics? Weight { get; init; }
}

/// <summary>The spectrum of a layer's weight, as a map from inputs to outputs.</summary>
/// <param name="SpectralNorm">The largest singular value.</param>
/// <param name="StableRank">‖W‖²_F / ‖W‖²₂: 1 for a matrix of rank one, at most the rank.</param>
sealed record WeightStatistics(double SpectralNorm, double StableRank);

/// <summary>Statistics of an activation over batch, positions and channels.</summary>
/// <param name="Mean">The mean.</param>
/// <param name="Std">The standard deviation, population.</param>
/// <param name="Rms">The root mean square.</param>
/// <param name="ZeroFraction">The share of exact zeros.</param>
/// <param name="EffectiveRank">The participation ratio of the channel covariance, 1 to the number of channels; null where not measured.</param>
/// <param name="MaxAbs">The largest absolute value.</param>
/// <param name="DeadFraction">The share of channels that are zero everywhere; null where not measured.</param>
sealed record ActivationStatistics(double Mean, double Std, double Rms, double ZeroFraction, double? EffectiveRank, double MaxAbs, double? DeadFraction);

/// <summary>Statistics of a gradient.</summary>
/// <param name="Norm">The L2 norm.</param>
/// <param name="Rms">The root mean square.</param>
/// <param name="ZeroFraction">The share of exact zeros.</param>
sealed record GradientStatistics(double Norm, double Rms, double ZeroFraction);
