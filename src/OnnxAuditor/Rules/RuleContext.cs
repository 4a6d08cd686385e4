using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using OnnxAuditor.Measurement;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>What rules look at.</summary>
/// <param name="File">The file and the model as read.</param>
/// <param name="Canonical">The canonical model; null where canonicalising failed.</param>
/// <param name="Shipped">Measurements on the shipped weights; null where none were made.</param>
sealed record RuleContext(ModelFile File, CanonicalModel? Canonical, ModelMeasurement? Shipped)
{
    /// <summary>Multiplications that the spectrum of one weight and those of all may take: about 5 and 30 seconds on one core.</summary>
    const double CostOfOneSpectrum = 3e9, CostOfAllSpectra = 2e10;

    /// <summary>The model as read.</summary>
    public Model Model => File.Model;

    /// <summary>Thresholds that a configuration changes, by <see cref="Threshold.Key"/>.</summary>
    public IReadOnlyDictionary<string, double> Limits { get; init; } = new Dictionary<string, double>(StringComparer.Ordinal);

    /// <summary>Whether the inputs of <see cref="Shipped"/> are drawn at random instead of being the user's data: what depends on the data is then less sure.</summary>
    public bool SyntheticInputs { get; init; } = true;

    /// <summary>Whether gradients pass Round, and QuantizeLinear where it does not saturate.</summary>
    public bool StraightThrough { get; init; }

    /// <summary>What holding both engines against each other gave; null where that was not asked for.</summary>
    public CrossChecked? CrossChecked { get; init; }

    /// <summary>Second derivatives and gradients by the input; null where they were not asked for.</summary>
    public CurvatureMeasurement? Curvature { get; init; }

    /// <summary>Further passes on the shipped weights; null where they were not asked for.</summary>
    public ThoroughMeasurement? Thorough { get; init; }

    /// <summary>What the device gave beside what the processor gives; null where the device is the processor.</summary>
    public DeviceComparison? Device { get; init; }

    /// <summary>Whether the targets of the loss are the user's.</summary>
    public bool OwnTargets { get; init; }

    /// <summary>Trial trainings, the shipped weights' first; empty where none were made.</summary>
    public IReadOnlyList<TrialReport> Trials { get; init; } = [];

    /// <summary>The place of what concerns the loss as a whole: the first output.</summary>
    public string LossPlace => Model.Graph.Outputs.Count > 0 ? Model.Graph.Outputs[0].Name : "loss";

    /// <summary>The graph as read.</summary>
    public ModelView View => field ??= new ModelView(Model.Graph);

    /// <summary>The canonical graph; null where there is none.</summary>
    public ModelView? CanonicalView => field ??= Canonical is { } canonical ? new ModelView(canonical.Model.Graph) : null;

    /// <summary>The parameters with their contents: those of the canonical model, or, where there is none, the constants in weight slots of the model as read.</summary>
    public IReadOnlyList<Weight> Weights => field ??= Weight.Find(this);

    /// <summary>The singular values of the kernels; computed when a rule first asks, once for all of them.</summary>
    public WeightSpectra Spectra => field ??= WeightSpectrum.Of(Weights, CostOfOneSpectrum, CostOfAllSpectra);

    /// <summary>The measured run, where it came to an end.</summary>
    public ModelMeasurement? Run => Shipped is { Failure: null } run ? run : null;

    /// <summary>The threshold in force.</summary>
    public double Limit(Threshold threshold) => Limits.TryGetValue(threshold.Key, out var value) ? value : threshold.Default;
}
