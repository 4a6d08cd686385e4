using GraphRewriter.Canonicalization;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using OnnxAuditor.Execution;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Execution.Torch;

namespace OnnxAuditor.Measurement;

/// <summary>What the user's options say about how runs are made.</summary>
/// <param name="Ort">Device and threads.</param>
/// <param name="Data">The user's data by input name.</param>
/// <param name="DataSource">Where they came from.</param>
/// <param name="Labels">The user's targets; null for seeded ones.</param>
/// <param name="Target">The output that the loss is attached to; null for all float outputs.</param>
/// <param name="MaxMemory">Bytes that a run may need; null for no limit.</param>
sealed record MeasureSettings(OrtSettings Ort, IReadOnlyDictionary<string, TensorData> Data, string DataSource, TensorData? Labels, string? Target, long? MaxMemory)
{
    /// <summary>How Torch runs the model in the place of ONNX Runtime; null where it does not.</summary>
    public TorchSettings? Torch { get; init; }

    /// <summary>Whether gradients pass Round, and QuantizeLinear where it does not saturate.</summary>
    public bool StraightThrough { get; init; }

    /// <summary>Where sessions take the memory that they need by estimate.</summary>
    public IMemoryPool Memory { get; init; } = UnsharedMemory.Instance;
}

/// <summary>
/// Makes instrumented runs of one model. Consecutive protocols that differ in their drawn weights alone share a session; another one ends it, since a session
/// holds on to the memory of its largest run.
/// </summary>
/// <param name="first">The canonical model as most runs want it.</param>
/// <param name="atBatch">Canonicalises the model for another batch size.</param>
/// <param name="settings">How runs are made.</param>
sealed class Measure(CanonicalModel first, Func<long, CanonicalModel> atBatch, MeasureSettings settings) : IDisposable
{
    /// <summary>
    /// What a run may need by estimate before its batch is split, bytes. It is a constant, not a share of this machine's memory: a split batch gives
    /// numbers that differ in their last digits, and a report must not depend on the machine.
    /// </summary>
    const long SplitAbove = 768L << 20;

    ((long, bool, bool, bool, NormStatistics, LossKind, Probes, bool, string) Key, InstrumentedGraph Graph, IExecutor Executor, IDisposable Memory)? session;
    readonly Dictionary<long, (CanonicalModel Model, IReadOnlyList<Layer> Layers)> models = new() { [first.Batch.Size] = (first, FindLayers.In(first)) };

    /// <summary>How many passes were made so far, single samples of a fixed batch counted as one pass together.</summary>
    public int Passes { get; private set; }

    /// <summary>In how many parts the last run's batch went through.</summary>
    public long LastParts { get; private set; } = 1;

    /// <summary>The inputs of the last run, for the report.</summary>
    public IReadOnlyDictionary<string, InputData> LastInputs { get; private set; } = new Dictionary<string, InputData>(StringComparer.Ordinal);

    /// <summary>Runs a protocol. A failure of the run itself is a measurement with <see cref="ModelMeasurement.Failure"/>.</summary>
    /// <exception cref="UsageException">The user's data or target do not fit.</exception>
    /// <exception cref="OperationCanceledException">The time budget was used up.</exception>
    public ModelMeasurement Run(Protocol protocol, CancellationToken cancellation)
    {
        try
        {
            if (RunCollapsed(protocol, cancellation) is { } collapsed) return collapsed;
            var result = RunOnce(protocol, scaled: false, wide: false, cancellation) ?? RunOnce(protocol, scaled: true, wide: false, cancellation)!;
            if (!protocol.Wide || !LeftRange(result)) return result;
            return TorchLibrary.Unavailable is { } reason ? result with { Failure = $"values leave the range of float32, or vanish in it, and float64 needs libtorch: {reason}" } : RunOnce(protocol, scaled: false, wide: true, cancellation)!;
        }
        catch (ModelException e) when (e.Problem is ModelProblem.Unsupported or ModelProblem.Binding or ModelProblem.InvalidGraph)
        {
            return Failed(protocol, e.Message);
        }
    }

    /// <summary>A run of constant weights through one channel in the place of all, where that is known to give the same outputs but for repetitions; null where it is not.</summary>
    ModelMeasurement? RunCollapsed(Protocol protocol, CancellationToken cancellation)
    {
        if (protocol.Weights != WeightSource.Constant || protocol.Probes != Probes.Outputs || protocol.Instruments.Count > 0 || protocol.Wide) return null;
        var (model, _) = At(protocol.Batch);
        if (EqualChannels.Collapse(model, protocol.ConstantWeight) is not { } small) return null;
        var bound = Canonicalizer.Run(small, new CanonicalOptions { Batch = model.Batch.Size, ComputeInFloat32 = true });
        EndSession();
        using var inner = new Measure(bound, batch => Canonicalizer.Run(small, new CanonicalOptions { Batch = batch, ComputeInFloat32 = true }), settings);
        var result = inner.RunOnce(protocol with { Weights = WeightSource.Shipped }, scaled: false, wide: false, cancellation)!;
        (LastInputs, LastParts) = (inner.LastInputs, inner.LastParts);
        Passes++;
        return result with { Protocol = protocol };
    }

    /// <summary>One run over all parts of the batch; null where sums of squares left the range of float32 and were not scaled.</summary>
    ModelMeasurement? RunOnce(Protocol protocol, bool scaled, bool wide, CancellationToken cancellation)
    {
        var (model, runs, graph, executor) = Prepare(protocol, scaled, wide, cancellation);
        var inputs = MakeInputs.For(model, protocol, runs > 1 ? runs * model.Batch.Size : 1, settings.Data, settings.DataSource);
        LastInputs = inputs;
        LastParts = runs;
        var weights = DrawWeights.Under(protocol, model.Parameters);
        var targets = (graph.Loss?.Terms ?? []).Where(t => t.Target is not null).ToDictionary(t => t.Target!, t => MakeTargets.For(t, t.Target!, protocol.Seed, settings.Labels, (int)runs, protocol.Draw));
        var reader = new ProbeReader(graph, model.Parameters, protocol.Instruments, model.Batch.Kind == BatchKind.None ? 1 : model.Batch.Size);
        string[] names = [.. graph.Model.Graph.Outputs.Select(o => o.Name)];
        var labels = new List<long>();
        for (var r = 0; r < runs; r++)
        {
            var feeds = Feeds(model, graph, inputs, targets, protocol, weights, r, runs);
            if (graph.Loss?.Terms is [{ Kind: LossKind.CrossEntropy, Target: { Shape.Rank: 1 } target }]) labels.AddRange(feeds[target.Name].ToInt64s());
            reader.Add(names, executor.Run(feeds, names, cancellation));
        }
        if (!scaled && reader.LeavesRange) return null;
        Passes++;
        return Diagnose(reader.Result(protocol, runs) with { Drawn = weights, Labels = labels.Count > 0 ? labels : null, Need = NeedOf(model, graph) }, model, graph, inputs, targets, protocol, weights, runs, wide, cancellation);
    }

    static MemoryNeed NeedOf(CanonicalModel model, InstrumentedGraph graph) => new(
        MemoryEstimate.PeakBytes(graph.Model.Graph), MemoryEstimate.FixedBytes(graph.Model.Graph, graph.FedParameters.Select(p => p.Value)), Math.Max(1, model.Batch.Size));

    /// <summary>Ends the session that was kept for the next run, and gives its memory back. Nobody waits for memory while holding some.</summary>
    public void EndSession()
    {
        session?.Executor.Dispose();
        session?.Memory.Dispose();
        session = null;
    }

    /// <inheritdoc/>
    public void Dispose() => EndSession();

    /// <summary>The model bound to a batch size; as it is where its batch cannot be chosen, or was chosen by the user's shapes.</summary>
    (CanonicalModel Model, IReadOnlyList<Layer> Layers) At(long batch)
    {
        if (first.Batch.Kind != BatchKind.Free || models.ContainsKey(batch)) return models.TryGetValue(batch, out var known) ? known : models[first.Batch.Size];
        var model = atBatch(batch);
        return models[batch] = (model, FindLayers.In(model));
    }

    /// <summary>
    /// The session of a protocol. Samples go through at once where the batch is free and memory allows, else in parts of equal size whose measurements are merged.
    /// </summary>
    (CanonicalModel Model, long Runs, InstrumentedGraph Graph, IExecutor Executor) Prepare(Protocol protocol, bool scaled, bool wide, CancellationToken cancellation)
    {
        // Shipped weights are constants: ONNX Runtime re-lays them for its convolutions. Drawn ones are fed, so that a session serves every draw.
        var feed = protocol.Weights != WeightSource.Shipped;
        for (var batch = protocol.Batch; ; batch = LargestProperDivisor(batch))
        {
            var (model, layers) = At(batch);
            RefuseForeignOperators(model.Model.Graph);
            var runs = model.Batch.Kind == BatchKind.None ? 1 : Math.Max(1, (protocol.Batch + model.Batch.Size - 1) / Math.Max(1, model.Batch.Size));
            var key = (model.Batch.Size, runs > 1, scaled, wide, protocol.Statistics, protocol.Loss, protocol.Probes, feed, string.Join('+', protocol.Instruments.Select(i => i.Name)));
            if (session is { } kept && kept.Key == key) return (model, runs, kept.Graph, kept.Executor);
            var graph = InstrumentedGraph.Build(model, layers, protocol, settings.Target, feed, merge: runs > 1, scaled, settings.StraightThrough);
            if (graph.SamplesMeet is { } objection)
            {
                // Samples that cannot be told apart go through one by one.
                if (model.Batch.Kind != BatchKind.Free || batch == 1) throw new ModelException(ModelProblem.Unsupported, $"The samples of a batch cannot be told apart, and its size cannot be changed to one: {objection}.");
                batch = 2;
                continue;
            }
            if (graph.Model.Graph.Outputs.Count == 0 && graph.Refused.Count > 0) throw new ModelException(ModelProblem.Unsupported, string.Join("; ", graph.Refused.Values.Distinct(StringComparer.Ordinal)));
            if (graph.Model.Graph.Outputs.Count == 0) throw new ModelException(ModelProblem.Unsupported, "No layer, loss or output has a known shape, so there is nothing to measure. --shape may give what is missing.");
            var needed = MemoryEstimate.PeakBytes(graph.Model.Graph);
            if (needed > (settings.MaxMemory ?? SplitAbove) && model.Batch.Kind == BatchKind.Free && batch > 1 && model.Batch.Size == batch) continue;
            if (settings.MaxMemory is { } limit && needed > limit)
                throw new ModelException(ModelProblem.Budget, $"A run of {model.Batch.Size} samples would need about {needed >> 20} MiB, more than the {limit >> 20} MiB of --max-memory.");
            EndSession();
            var memory = settings.Memory.Take(needed, cancellation);
            IExecutor executor;
            try
            {
                executor = Executor(graph.Model, wide);
            }
            catch
            {
                memory.Dispose();
                throw;
            }
            session = (key, graph, executor, memory);
            return (model, runs, graph, executor);
        }
    }

    IExecutor Executor(Model model, bool wide = false) =>
        wide ? new TorchExecutor(model, (settings.Torch ?? new TorchSettings("cpu", settings.Ort.Threads)) with { Float64 = true })
        : settings.Torch is { } torch ? new TorchExecutor(model, torch) : new OrtExecutor(model, settings.Ort);

    /// <summary>Whether a result is not finite somewhere, or a reading vanishes as a whole.</summary>
    static bool LeftRange(ModelMeasurement result) =>
        result.FirstNonFinite is not null || result.FirstNonFiniteGradient is not null
        || result.Readings.Values.Any(r => r.Value is double[] values && (Array.Exists(values, v => !double.IsFinite(v)) || Array.TrueForAll(values, v => v == 0)));

    /// <summary>ONNX Runtime has kernels for the standard operators, the classical machine-learning ones and its own; others need a library that is not here.</summary>
    static void RefuseForeignOperators(Graph graph)
    {
        if (graph.AllNodes().FirstOrDefault(n => n.Domain is not ("" or "ai.onnx.ml" or "com.microsoft")) is { } foreign)
            throw new ModelException(ModelProblem.Unsupported, $"The operator {foreign.Domain}::{foreign.OpType} (node '{foreign.LogicalName}') {Obstacle(foreign)}, so the model cannot be run.");
    }

    static string Obstacle(Node foreign) => foreign.Domain is "com.microsoft.nchwc"
        ? "fits one kind of processor, as ONNX Runtime's optimiser writes it above the level ORT_ENABLE_EXTENDED"
        : "needs a custom operator library";

    static long LargestProperDivisor(long n)
    {
        for (var d = n / 2; d > 1; d--) if (n % d == 0) return d;
        return 1;
    }

    static Dictionary<string, TensorData> Feeds(
        CanonicalModel model, InstrumentedGraph graph, IReadOnlyDictionary<string, InputData> inputs, Dictionary<Value, TensorData> targets, Protocol protocol,
        IReadOnlyDictionary<Parameter, TensorData> weights, int run, long runs)
    {
        var feeds = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        foreach (var input in graph.Model.Graph.Inputs)
        {
            if (!inputs.TryGetValue(input.Name, out var data)) continue;
            feeds[input.Name] = runs > 1 && model.Batch.Axes.TryGetValue(input.Name, out var axis) ? BatchPart.Of(data.Data, axis, run * model.Batch.Size, model.Batch.Size) : data.Data;
        }
        foreach (var (parameter, value) in graph.FedParameters) feeds[value.Name] = weights.TryGetValue(parameter, out var drawn) ? drawn : parameter.Value.Data!;
        foreach (var (value, contents) in graph.Fed) feeds[value.Name] = contents(protocol, run);
        foreach (var (target, contents) in targets) feeds[target.Name] = runs > 1 && target.Shape is { Rank: > 0 } shape ? BatchPart.Of(contents, 0, run * shape[0].Size, shape[0].Size) : contents;
        return feeds;
    }

    ModelMeasurement Diagnose(
        ModelMeasurement measured, CanonicalModel model, InstrumentedGraph graph, IReadOnlyDictionary<string, InputData> inputs, Dictionary<Value, TensorData> targets, Protocol protocol,
        IReadOnlyDictionary<Parameter, TensorData> weights, long runs, bool wide, CancellationToken cancellation)
    {
        var forwardBad = measured.Layers.Any(l => l.Moments is { } m && !double.IsFinite(m.Rms + m.MaxAbs)) || measured.Loss is { } loss && !double.IsFinite(loss)
            || measured.Outputs.Any(o => o.Data.ToFloats().Any(v => !float.IsFinite(v)));
        var backwardBad = measured.Parameters.Any(p => p.Gradient is { } g && !double.IsFinite(g.Norm)) || measured.Layers.Any(l => l.Gradient is { } g && !double.IsFinite(g.Norm));
        if (!forwardBad && !backwardBad) return measured;
        var finder = FindNonFinite.In(graph);
        using var executor = Executor(finder.Model, wide);
        for (var r = 0; r < runs; r++)
        {
            var flags = executor.Run(Feeds(model, graph, inputs, targets, protocol, weights, r, runs), [finder.FlagsName], cancellation)[0].ToFloats();
            if (finder.Origin(flags) is not { } origin) continue;
            return origin.IsBackward ? measured with { FirstNonFiniteGradient = origin.Node } : measured with { FirstNonFinite = origin.Node };
        }
        return measured;
    }

    ModelMeasurement Failed(Protocol protocol, string reason) =>
        new(protocol, [.. At(first.Batch.Size).Layers.Select(l => new LayerMeasurement(l, null, null, null))], [.. first.Parameters.Select(p => new ParameterMeasurement(p, null))], [], null, new LossText("none", ""), null, null, null, reason);
}
