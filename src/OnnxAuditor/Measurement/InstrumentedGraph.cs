using GraphRewriter.Canonicalization;
using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using GraphRewriter.PerSample;
using GraphRewriter.Probes;
using OnnxAuditor.Measurement.Instruments;

namespace OnnxAuditor.Measurement;

/// <summary>What a probe output holds; its layout is that of <see cref="ProbeOps"/>.</summary>
enum ProbeKind
{
    /// <summary>The largest absolute value that the element sums of a layer or parameter were divided by, where values are scaled.</summary>
    Scale,
    /// <summary>Mean and sum of squares of a layer's output; where its channel covariance is there, they follow from that.</summary>
    Sums,
    /// <summary>Largest and smallest element of a layer's output; where there is <see cref="ChannelMax"/>, they follow from that.</summary>
    Extremes,
    /// <summary>Counts of non-zero elements of a layer's output.</summary>
    NonZeros,
    /// <summary>Largest absolute value of each channel.</summary>
    ChannelMax,
    /// <summary>Trace and squared Frobenius norm of the centred channel second moments.</summary>
    Covariance,
    /// <summary>Channel means.</summary>
    ChannelMean,
    /// <summary>Centred sums of squares of each channel; where there is <see cref="Scatter"/>, they are its diagonal.</summary>
    ChannelSquares,
    /// <summary>Centred channel second moments [C, C], where several runs are merged.</summary>
    Scatter,
    /// <summary>The largest absolute value that a layer's gradient was divided by, where values are scaled.</summary>
    GradientScale,
    /// <summary>Sum of squares of the gradient by a layer's output; mean and sum of squares of a parameter's.</summary>
    GradientSums,
    /// <summary>Largest and smallest entry of a parameter's gradient.</summary>
    GradientExtremes,
    /// <summary>Counts of non-zero entries of a gradient.</summary>
    GradientNonZeros,
    /// <summary>A parameter's gradient itself, where it is small or several runs are merged.</summary>
    Gradient,
    /// <summary>A model output.</summary>
    Output,
    /// <summary>The loss.</summary>
    Loss,
}

/// <summary>A probe: what it measures of which layer or parameter, and the graph output that shows it.</summary>
/// <param name="Kind">What it holds.</param>
/// <param name="Index">The layer's, parameter's or output's index; 0 for the loss.</param>
/// <param name="OfParameter">Whether the index is that of a parameter.</param>
/// <param name="Output">The graph output.</param>
readonly record struct Probe(ProbeKind Kind, int Index, bool OfParameter, Value Output);

/// <summary>
/// A canonical model with the probes of a protocol built in: one graph, one run, many readers.
/// </summary>
sealed class InstrumentedGraph
{
    /// <summary>Gradients of at most so many entries come out as they are: copying them costs less than the kernels that would reduce them.</summary>
    const long SmallGradient = 16384;

    readonly bool merge;
    readonly bool scaled;

    InstrumentedGraph(Model model, bool merge, bool scaled)
    {
        Model = model;
        this.merge = merge;
        this.scaled = scaled;
    }

    /// <summary>The rewritten model; its outputs are the probes.</summary>
    public Model Model { get; }

    /// <summary>The probes.</summary>
    public List<Probe> Probes { get; } = [];

    /// <summary>The layers of the canonical model.</summary>
    public required IReadOnlyList<Layer> Layers { get; init; }

    /// <summary>The graph input of each parameter that is fed, by parameter; empty where parameters are constants.</summary>
    public Dictionary<Parameter, Value> FedParameters { get; } = [];

    /// <summary>The attached loss; null where no gradient is asked for or none can be attached.</summary>
    public AttachedLoss? Loss { get; private set; }

    /// <summary>Whether the loss is a sum over samples; else it is a mean.</summary>
    public bool LossIsSum => Loss?.Terms.All(t => t.Kind == LossKind.Sum) == true;

    /// <summary>Why no loss could be attached; null where one was or none was asked for.</summary>
    public string? LossFailure { get; private set; }

    /// <summary>Why the samples of a batch cannot be told apart though the protocol needs that; null where they can. The graph then is of no use.</summary>
    public string? SamplesMeet { get; private set; }

    /// <summary>What instruments show.</summary>
    public List<(Instrument Instrument, string Key, Value Output)> Shown { get; } = [];

    /// <summary>What instruments keep for their readers.</summary>
    public Dictionary<Instrument, object?> Kept { get; } = [];

    /// <summary>Instruments that could not be built in, with the reason.</summary>
    public Dictionary<Instrument, string> Refused { get; } = [];

    /// <summary>Inputs that instruments feed, given the number of the part of the batch.</summary>
    public Dictionary<Value, Func<Protocol, int, TensorData>> Fed { get; } = [];

    /// <summary>What the reverse sweep found; null without a loss.</summary>
    public DifferentiationResult? Differentiation { get; private set; }

    /// <summary>The number of nodes in front of the loss: those of the model.</summary>
    public int ForwardNodes { get; private set; }

    /// <summary>Builds the graph.</summary>
    /// <param name="source">The canonical model; it is not changed.</param>
    /// <param name="layers">Its layers.</param>
    /// <param name="protocol">Statistics, loss and probes.</param>
    /// <param name="target">The output that the loss is attached to; null for all float outputs.</param>
    /// <param name="feedParameters">Whether parameters become graph inputs, so that one session serves every weight setting.</param>
    /// <param name="merge">Whether several runs are merged: then the probes are such that merging is exact.</param>
    /// <param name="scaled">Whether tensors are divided by their largest absolute value before squares are summed: dearer, and needed only where squares leave the range of float32.</param>
    /// <param name="straightThrough">Whether gradients pass Round, and QuantizeLinear where it does not saturate.</param>
    public static InstrumentedGraph Build(CanonicalModel source, IReadOnlyList<Layer> layers, Protocol protocol, string? target, bool feedParameters, bool merge, bool scaled = false, bool straightThrough = false)
    {
        var map = new Dictionary<Value, Value>();
        var model = source.Model.Copy(map);
        var graph = model.Graph;
        var result = new InstrumentedGraph(model, merge, scaled) { Layers = layers };
        var samples = result.SetStatistics(source, protocol);
        if (result.SamplesMeet is not null) return result;
        result.ForwardNodes = graph.Nodes.Count;
        var names = new NameScope(graph);
        var outputs = graph.Outputs.ToList();
        if (protocol.NeedsLoss) result.Attach(protocol, target, names);
        var tape = new Tape(names) { Prefix = "probe/" };
        InstrumentSite Site() => new(source, graph, map, layers, names)
        {
            Tape = tape,
            Loss = result.Loss,
            Differentiation = result.Differentiation,
            Samples = samples,
            Merge = merge,
            Scaled = scaled,
            StraightThrough = straightThrough,
        };
        if (protocol.NeedsGradients && result.Loss is not null) result.Differentiate(source, layers, protocol, map, names, straightThrough, Site());
        result.BuildIn(protocol.Instruments, Site());
        for (var i = 0; i < layers.Count; i++) result.ProbeLayer(tape, i, map[layers[i].Output], protocol.Probes);
        result.ProbeParameters(tape, source.Parameters, map, protocol.Probes);
        tape.AppendTo(graph);
        for (var i = 0; protocol.Probes.HasFlag(Measurement.Probes.Outputs) && i < outputs.Count; i++)
            if (outputs[i].IsFloat) result.Probes.Add(new Probe(ProbeKind.Output, i, false, outputs[i]));
        if (result.Loss is { } loss) result.Probes.Add(new Probe(ProbeKind.Loss, 0, false, loss.Loss));
        graph.Outputs.Clear();
        graph.Outputs.AddRange(result.Probes.Select(p => p.Output).Concat(result.Shown.Select(x => x.Output)).Distinct());
        RemoveDeadCode.Apply(graph);
        // Instruments are built in one by one, and each asks for its own transposes and products.
        MergeEqualNodes.Apply(graph, source.Parameters.Select(p => map[p.Value]).ToHashSet());
        if (feedParameters) result.Feed(source.Parameters, map);
        return result;
    }

    /// <summary>Sets the statistics and takes dropout out; returns where values count samples where samples must not meet. A batch of one needs no such places.</summary>
    SampleAxes? SetStatistics(CanonicalModel source, Protocol protocol)
    {
        var graph = Model.Graph;
        if (protocol.Statistics == NormStatistics.Alone && PrepareSamples.WithoutVariance(graph) is { } norm) throw new ModelException(ModelProblem.Unsupported, norm);
        var isOne = source.Batch.Kind == BatchKind.None || source.Batch.Size == 1;
        if (protocol.KeepsSamplesApart && !isOne)
        {
            if (protocol.Statistics == NormStatistics.Batch) throw new ArgumentException("Samples meet in the statistics of the batch.", nameof(protocol));
            var samples = PrepareSamples.Run(Model, source.Batch, protocol.Statistics == NormStatistics.Alone ? SampleStatistics.Alone : SampleStatistics.Frozen, out var objection);
            SamplesMeet = objection;
            return samples;
        }
        if (protocol.Statistics == NormStatistics.Frozen) SetNormStatistics.Frozen(graph);
        else if (protocol.Statistics == NormStatistics.Skipped) SetNormStatistics.Skip(graph);
        else SetNormStatistics.Batch(graph);
        RemoveDropout.Apply(graph);
        return null;
    }

    void Attach(Protocol protocol, string? target, NameScope names)
    {
        var graph = Model.Graph;
        try
        {
            var chosen = target is null ? null : graph.Outputs.Where(o => string.Equals(o.Name, target, StringComparison.Ordinal)).ToList();
            if (chosen?.Count == 0) throw new UsageException($"The model has no output '{target}'. It has: {string.Join(", ", graph.Outputs.Select(o => o.Name))}.");
            Loss = AttachLoss.Run(graph, chosen, protocol.Loss, names);
        }
        catch (ModelException e)
        {
            LossFailure = e.Message;
        }
    }

    void Differentiate(CanonicalModel source, IReadOnlyList<Layer> layers, Protocol protocol, Dictionary<Value, Value> map, NameScope names, bool straightThrough, InstrumentSite site)
    {
        var targets = new List<Value>();
        if (protocol.Probes.HasFlag(Measurement.Probes.ParameterGradients)) targets.AddRange(source.Parameters.Where(p => p.Trainable).Select(p => map[p.Value]));
        if (protocol.Probes.HasFlag(Measurement.Probes.ActivationGradients)) targets.AddRange(layers.Select(l => map[l.Output]));
        foreach (var instrument in protocol.Instruments) if (instrument.GradientsBy is { } by) targets.AddRange(by(site).Select(v => map[v]));
        Differentiation = GraphRewriter.Gradients.Differentiate.Run(Model.Graph, Loss!.Loss, [.. targets.Distinct()], names, straightThrough);
    }

    void BuildIn(IReadOnlyList<Instrument> instruments, InstrumentSite site)
    {
        foreach (var instrument in instruments)
        {
            if (instrument.Needs.HasFlag(InstrumentNeeds.Loss) && Loss is null)
            {
                Refused[instrument] = LossFailure ?? "no loss is attached";
                continue;
            }
            site.Shown.Clear();
            site.Kept = null;
            try
            {
                instrument.Emit(site);
                Kept[instrument] = site.Kept;
                Shown.AddRange(site.Shown.Select(s => (instrument, s.Key, s.Output)));
            }
            catch (ModelException e)
            {
                Refused[instrument] = e.Message.TrimEnd('.');
            }
        }
        foreach (var (value, contents) in site.Fed) Fed[value] = contents;
    }

    void ProbeLayer(Tape tape, int index, Value x, Probes wanted)
    {
        var layer = Layers[index];
        if (x.Type != ElementType.Float32 || x.Shape is not { IsStatic: true } shape || shape.ElementCount == 0) return;
        tape.Origin = layer.Name;
        var moments = wanted.HasFlag(Measurement.Probes.ActivationMoments);
        var covariance = wanted.HasFlag(Measurement.Probes.ChannelCovariance) && layer.Kind is LayerKind.Convolution or LayerKind.Linear;
        if (moments && layer.Kind == LayerKind.Activation)
        {
            Add(ProbeKind.NonZeros, index, tape.NonZeroCounts(x));
            Add(ProbeKind.ChannelMax, index, tape.ChannelMaxAbs(x, layer.ChannelAxis, layer.Node.OpType is "Relu" or "Sigmoid" or "HardSigmoid" or "Softplus"));
        }
        else if (moments) Add(ProbeKind.Extremes, index, tape.Extremes(x));
        if (moments || covariance)
        {
            var measured = Scaled(tape, ProbeKind.Scale, index, x);
            if (covariance) ProbeCovariance(tape, index, measured, layer.ChannelAxis);
            else Add(ProbeKind.Sums, index, tape.Sums(measured));
        }
        if (wanted.HasFlag(Measurement.Probes.ActivationGradients) && Differentiation?.Gradients.TryGetValue(x, out var gradient) == true)
        {
            Add(ProbeKind.GradientSums, index, tape.SumOfSquares(Scaled(tape, ProbeKind.GradientScale, index, gradient)));
            Add(ProbeKind.GradientNonZeros, index, tape.NonZeroCounts(gradient));
        }
    }

    void ProbeCovariance(Tape tape, int index, Value x, int channelAxis)
    {
        if (merge)
        {
            var (mean, scatter) = tape.ChannelScatter(x, channelAxis);
            Add(ProbeKind.ChannelMean, index, mean);
            Add(ProbeKind.Scatter, index, scatter);
            return;
        }
        var (center, sums, squares) = tape.ChannelCovariance(x, channelAxis);
        Add(ProbeKind.ChannelMean, index, center);
        Add(ProbeKind.Covariance, index, sums);
        Add(ProbeKind.ChannelSquares, index, squares);
    }

    void ProbeParameters(Tape tape, IReadOnlyList<Parameter> parameters, Dictionary<Value, Value> map, Probes wanted)
    {
        if (!wanted.HasFlag(Measurement.Probes.ParameterGradients) || Differentiation is null) return;
        for (var i = 0; i < parameters.Count; i++)
        {
            if (!Differentiation.Gradients.TryGetValue(map[parameters[i].Value], out var gradient) || parameters[i].Count == 0) continue;
            tape.Origin = parameters[i].Name;
            if (merge || parameters[i].Count <= SmallGradient)
            {
                Add(ProbeKind.Gradient, i, gradient, ofParameter: true);
                continue;
            }
            Add(ProbeKind.GradientSums, i, tape.Sums(Scaled(tape, ProbeKind.GradientScale, i, gradient, ofParameter: true)), ofParameter: true);
            Add(ProbeKind.GradientExtremes, i, tape.Extremes(gradient), ofParameter: true);
            Add(ProbeKind.GradientNonZeros, i, tape.NonZeroCounts(gradient), ofParameter: true);
        }
    }

    /// <summary>The tensor that squares are summed of: x, or x scaled with its scale as a probe.</summary>
    Value Scaled(Tape tape, ProbeKind kind, int index, Value x, bool ofParameter = false)
    {
        if (!scaled) return x;
        var (result, scale) = tape.Scaled(x);
        Add(kind, index, scale, ofParameter);
        return result;
    }

    void Add(ProbeKind kind, int index, Value output, bool ofParameter = false) => Probes.Add(new Probe(kind, index, ofParameter, output));

    void Feed(IReadOnlyList<Parameter> parameters, Dictionary<Value, Value> map)
    {
        var graph = Model.Graph;
        foreach (var parameter in parameters)
        {
            var value = map[parameter.Value];
            if (value.Data is null || !graph.Initializers.Remove(value)) continue;
            value.Data = null;
            graph.Inputs.Add(value);
            FedParameters[parameter] = value;
        }
    }
}
