using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using GraphRewriter.Training;
using OnnxAuditor.Execution;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Execution.Torch;
using OnnxAuditor.Measurement;
using OnnxAuditor.Measurement.Instruments;
using OnnxAuditor.Proxies;
using OnnxAuditor.Reports;
using OnnxAuditor.Training;

namespace OnnxAuditor;

/// <summary>The whole pipeline: file → model → canonical model → plan → instrumented runs → proxies and rules → report.</summary>
static class Audit
{
    /// <summary>Audits one model. What is wrong with the model is in the report; only a wrong option throws.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">The options.</param>
    /// <param name="progress">Where steps are told.</param>
    /// <param name="cancellation">Ends the audit.</param>
    /// <param name="memory">Where runs take their memory; null where nothing else runs beside them.</param>
    /// <exception cref="UsageException">An option does not fit the model or the machine.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public static ModelReport Run(string path, AuditOptions options, IProgress<AuditProgress>? progress, CancellationToken cancellation, IMemoryPool? memory = null)
    {
        using var budget = new TimeBudget(options.TimeBudget, cancellation);
        void Report(string stage, double fraction) => progress?.Report(new AuditProgress(path, stage, fraction));
        Report("reading", 0);
        ModelFile file;
        try
        {
            file = OnnxReader.Read(path, options.MaxMemory is { } bytes ? new ReadOptions { MaxBytes = bytes } : new ReadOptions());
        }
        catch (ModelException e)
        {
            return AssembleReport.Unreadable(path, e);
        }
        using (file)
        {
            var audited = new Audited(path, GivenData.Named(options, file.Model.Graph), file);
            try
            {
                Report("canonicalising", 0.05);
                audited.Canonical = Canonicalizer.Run(file.Model, CanonicalOptions(audited.Options));
                if (!options.ScanOnly && !audited.Canonical.StructureOnly) MeasureAll(audited, budget.Uncounted(memory ?? UnsharedMemory.Instance), Report, budget.Token);
            }
            catch (ModelException e) when (e.Problem == ModelProblem.Budget)
            {
                audited.BudgetExceeded = e.Message;
            }
            catch (ModelException e) when (e.Problem == ModelProblem.Binding)
            {
                throw new UsageException(e.Message);
            }
            catch (ModelException e)
            {
                audited.Notes.Add($"No number was computed: {e.Message}");
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                audited.BudgetExceeded = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"The time budget of {options.TimeBudget!.Value.TotalSeconds:0.###} s was used up.");
            }
            if (audited.BudgetExceeded is { } exceeded && audited.Proxies.Count == 0) audited.Proxies = ProxySelection.Unavailable(options, exceeded);
            Report("applying rules", 0.95);
            return AssembleReport.From(audited);
        }
    }

    static void MeasureAll(Audited audited, IMemoryPool memory, Action<string, double> report, CancellationToken cancellation)
    {
        var options = audited.Options;
        var canonical = audited.Canonical!;
        var settings = new MeasureSettings(new OrtSettings(options.OnTorch ? "cpu" : options.Device, options.Threads), options.Data, options.DataSource, options.Labels, options.Target, options.MaxMemory) { StraightThrough = options.StraightThrough, Torch = options.OnTorch ? new TorchSettings(options.Device, options.Threads) : null, Memory = memory };
        using var measure = new Measure(canonical, batch => Canonicalizer.Run(audited.File.Model, CanonicalOptions(options) with { Batch = batch }), settings);
        var plan = new Plan();
        var shipped = RuleProtocol(options);
        plan.Add(shipped);
        var wanted = ProxySelection.Of(options);
        foreach (var proxy in wanted)
            foreach (var protocol in ProxySelection.Protocols(proxy, options)) plan.Add(protocol);
        var results = new Dictionary<Protocol, ModelMeasurement>();
        var scoring = new Scoring(wanted, options, canonical, plan);
        foreach (var run in plan.Runs)
        {
            report(ProtocolText.Short(run), 0.1 + 0.8 * results.Count / plan.Runs.Count);
            results[run] = measure.Run(run, cancellation);
            if (audited.Inputs.Count == 0) audited.Inputs = measure.LastInputs;
            audited.Passes.Add(ProtocolText.Of(run) + ProtocolText.Parts(run, measure.LastParts));
            if (run == plan.RunOf(shipped))
            {
                audited.Shipped = results[run];
                MeasureFurther(audited, measure, run, settings, report, cancellation);
            }
            scoring.After(results);
        }
        measure.EndSession();
        if (options.CrossCheck)
        {
            report("comparing engines", 0.9);
            var protocol = shipped with { Weights = WeightSource.Shipped, Batch = canonical.Batch.Size };
            var torch = new TorchSettings(options.OnTorch ? options.Device : "cpu", options.Threads);
            audited.CrossChecked = CrossCheck.Run(audited.File.Model, canonical, new CrossCheckSettings(protocol, settings.Ort, torch, options.Data, options.DataSource, options.Labels, options.Target), cancellation);
            audited.Passes.Add($"cross-check: values and gradients of {ProtocolText.Of(protocol)} on ONNX Runtime and on Torch");
            audited.Notes.AddRange(CrossCheckText.Notes(audited.CrossChecked));
        }
        if (options.Profile == Profile.Full)
        {
            report("measuring curvature", 0.92);
            var protocol = shipped with { Weights = WeightSource.Shipped, Batch = canonical.Batch.Size };
            audited.Curvature = MeasureCurvature.Run(canonical, new CurvatureSettings(protocol, new TorchSettings(options.OnTorch ? options.Device : "cpu", options.Threads), options.Data, options.DataSource, options.Labels, options.Target), cancellation);
            audited.Notes.AddRange(audited.Curvature.Notes());
        }
        audited.Proxies = scoring.Results();
        if (options.Trial is not null || options.Profile == Profile.Full)
        {
            report("training on one batch", 0.93);
            Trial.Run(canonical, TrialSettings(audited, settings), audited.Trials.Add, cancellation);
        }
    }

    /// <summary>What trials run, by the options.</summary>
    static TrialSettings TrialSettings(Audited audited, MeasureSettings settings)
    {
        var options = audited.Options;
        WeightSource[] weights = options.Weights switch { WeightChoice.Shipped => [WeightSource.Shipped], WeightChoice.Reinit => [WeightSource.Reinitialized], _ => [WeightSource.Shipped, WeightSource.Reinitialized] };
        return new TrialSettings(Optimizers.Named(options.Optimizer), options.Trial ?? Trial.DefaultSteps, weights, options.Init, options.Seed, settings.Ort)
        {
            Loss = options.Loss,
            Target = options.Target,
            StraightThrough = options.StraightThrough,
            Data = options.Data,
            DataSource = options.DataSource,
            Labels = options.Labels,
            MaxMemory = options.MaxMemory,
            Memory = settings.Memory,
            AtAnyCost = options.Trial is not null,
            AtBatch = batch => Canonicalizer.Run(audited.File.Model, CanonicalOptions(options) with { Batch = batch }),
        };
    }

    /// <summary>What rules ask beside their run: the same on the processor where it was made on a device, and further passes where thoroughness is asked for.</summary>
    static void MeasureFurther(Audited audited, Measure measure, Protocol run, MeasureSettings settings, Action<string, double> report, CancellationToken cancellation)
    {
        var options = audited.Options;
        if (!string.Equals(options.Device, "cpu", StringComparison.OrdinalIgnoreCase))
        {
            report("comparing with the processor", 0.2);
            measure.EndSession();
            var onProcessor = settings with { Ort = settings.Ort with { Device = "cpu" }, Torch = settings.Torch is { } torch ? torch with { Device = "cpu" } : null };
            using var here = new Measure(audited.Canonical!, batch => Canonicalizer.Run(audited.File.Model, CanonicalOptions(options) with { Batch = batch }), onProcessor);
            audited.Device = MeasureThorough.Compare(options.Device, audited.Shipped!, here.Run(run with { Probes = Probes.Outputs, Instruments = Protocol.NoInstruments }, cancellation));
        }
        if (options.Profile != Profile.Full || audited.Shipped!.Failure is not null) return;
        report("making further passes", 0.2);
        audited.Thorough = MeasureThorough.Run(measure, run, audited.Shipped, cancellation);
        audited.Passes.Add("further passes on these weights: the same again, gradients of single samples, neighbouring inputs, inputs of 1/255 and 255 times the scale");
        audited.Notes.AddRange(audited.Thorough.Notes());
    }

    /// <summary>The run that rules look at.</summary>
    internal static Protocol RuleProtocol(AuditOptions options)
    {
        var probes = Probes.ActivationMoments | Probes.Outputs;
        List<Instrument> instruments = [LayerSamples.Instrument, TokenCosines.Instrument, AttentionEntropies.Instrument];
        if (options.Profile != Profile.Fast)
        {
            probes |= Probes.ChannelCovariance | Probes.ParameterGradients | Probes.ActivationGradients;
            instruments.AddRange([GradientSamples.Instrument, WeightSaliency.Instrument]);
        }
        var weights = options.Weights == WeightChoice.Reinit ? WeightSource.Reinitialized : WeightSource.Shipped;
        return new Protocol(weights, options.Statistics, InputLaw.Auto, options.Batch, options.Seed, probes) { Init = options.Init, Loss = options.Loss, Instruments = instruments };
    }

    /// <summary>How a model is brought into canonical form under the options.</summary>
    internal static CanonicalOptions CanonicalOptions(AuditOptions options)
    {
        var shapes = new Dictionary<string, Shape>(StringComparer.Ordinal);
        // Data fix the sizes of everything but the batch.
        foreach (var (name, data) in options.Data) if (data.Dims.Count > 0) shapes[name] = data.Shape.With(0, Math.Min(options.Batch, data.Dims[0]));
        foreach (var (name, shape) in options.Shapes) shapes[name] = shape;
        return new CanonicalOptions { InputShapes = shapes, Batch = options.Batch, ComputeInFloat32 = true };
    }
}

/// <summary>What an audit has gathered of one model.</summary>
/// <param name="Path">The path as given.</param>
/// <param name="Options">The options.</param>
/// <param name="File">The file.</param>
sealed record Audited(string Path, AuditOptions Options, ModelFile File)
{
    /// <summary>The canonical model; null where canonicalising failed.</summary>
    public CanonicalModel? Canonical { get; set; }

    /// <summary>The run that rules look at; null where none was made.</summary>
    public ModelMeasurement? Shipped { get; set; }

    /// <summary>The proxies.</summary>
    public IReadOnlyList<ProxyResult> Proxies { get; set; } = [];

    /// <summary>The inputs of the run that rules look at.</summary>
    public IReadOnlyDictionary<string, InputData> Inputs { get; set; } = new Dictionary<string, InputData>(StringComparer.Ordinal);

    /// <summary>The runs made, in words.</summary>
    public List<string> Passes { get; } = [];

    /// <summary>What holding both engines against each other gave; null where that was not asked for.</summary>
    public CrossChecked? CrossChecked { get; set; }

    /// <summary>Second derivatives and gradients by the input; null where they were not asked for.</summary>
    public CurvatureMeasurement? Curvature { get; set; }

    /// <summary>Further passes on the shipped weights; null where they were not asked for.</summary>
    public ThoroughMeasurement? Thorough { get; set; }

    /// <summary>What the device gave beside what the processor gives; null where the device is the processor.</summary>
    public DeviceComparison? Device { get; set; }

    /// <summary>Trial trainings, the shipped weights' first.</summary>
    public List<TrialReport> Trials { get; } = [];

    /// <summary>What was skipped and why.</summary>
    public List<string> Notes { get; } = [];

    /// <summary>The budget that was exceeded; null where none was.</summary>
    public string? BudgetExceeded { get; set; }
}
