using GraphRewriter.Canonicalization;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Measurement;
using OnnxAuditor.Numerics;

namespace OnnxAuditor.Training;

/// <summary>
/// Makes what a trial trains towards. Classes, and targets of few numbers a sample, are drawn at random, as they can be learned by heart. Random numbers at every place of an image or of a list of
/// boxes cannot: one set of weights serves all places. Their targets are therefore made of what the same network tells apart with other random weights, laid around its own outputs and in their scale:
/// a box that can only lie near its anchor cannot be trained to numbers of mean 0. So are the classes of many boxes or pixels.
/// </summary>
static class TrialTargets
{
    /// <summary>Seeds of other weights are this far from those of the trial.</summary>
    const long OtherWeights = 1_000_003;

    /// <summary>Random classes at more places of a sample are not learned by heart.</summary>
    const int MostDrawnClasses = 256;

    /// <summary>Targets differ from sample to sample by at least this share of the outputs.</summary>
    const double LeastDifference = 0.01;

    /// <summary>A channel whose spread is less than this share of its size is constant for float32.</summary>
    const double LeastSpread = 1e-5;

    /// <summary>The contents of the targets of a loss, by input name.</summary>
    /// <param name="source">The canonical model.</param>
    /// <param name="loss">The loss as attached to a copy of it.</param>
    /// <param name="settings">Seed and labels.</param>
    /// <param name="protocol">Weights and statistics of the trial.</param>
    /// <param name="inputs">What the model is fed.</param>
    /// <param name="cancellation">Ends the run early.</param>
    public static Dictionary<string, TensorData> For(CanonicalModel source, AttachedLoss loss, TrialSettings settings, Protocol protocol, IReadOnlyDictionary<string, InputData> inputs, CancellationToken cancellation)
    {
        var targets = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        var dense = loss.Terms.Where(t => t.Target is not null && settings.Labels is null && IsDense(t)).ToList();
        var taught = dense.Count == 0 ? [] : Taught(source, dense, settings, protocol, inputs, cancellation);
        foreach (var term in loss.Terms)
        {
            if (term.Target is not { } target) continue;
            targets[target.Name] = taught.TryGetValue(target.Name, out var made) ? made : MakeTargets.For(term, target, settings.Seed, settings.Labels);
        }
        return targets;
    }

    /// <summary>Whether what is drawn at random cannot be reached: numbers at many places, or such as the output is bounded away from; classes at so many places that one set of weights cannot know each.</summary>
    internal static bool IsDense(LossTerm term) => term.AttachedTo.Shape is { IsStatic: true, ElementCount: > 0 } shape && (
        term.Kind == LossKind.CrossEntropy ? shape.ElementCount / shape[term.ClassAxis].Size / shape[0].Size > MostDrawnClasses
        : shape.Rank >= 3 || term.Kind == LossKind.Mse && shape.Rank == 2 && !OutputHead.MayBeLogits(term.AttachedTo));

    /// <summary>The axis along which numbers mean different things: the channels of an image, the fields of a list.</summary>
    internal static int ChannelAxis(int rank) => rank >= 4 ? 1 : rank - 1;

    static Dictionary<string, TensorData> Taught(CanonicalModel source, List<LossTerm> terms, TrialSettings settings, Protocol protocol, IReadOnlyDictionary<string, InputData> inputs, CancellationToken cancellation)
    {
        var own = Outputs(source, terms, settings, protocol, inputs, cancellation);
        var other = Outputs(source, terms, settings, settings.ProtocolOf(WeightSource.Reinitialized, NormStatistics.Batch, source.Batch.Size) with { Seed = settings.Seed + OtherWeights }, inputs, cancellation);
        var taught = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        for (var i = 0; i < terms.Count; i++)
        {
            var (term, name) = (terms[i], terms[i].Target!.Name);
            if (Taught(own[i], other[i], term.Kind == LossKind.Bce, new SeededRandom(settings.Seed, name)) is not { } values) continue;
            taught[name] = term.Kind == LossKind.CrossEntropy ? Classes(values, own[i], term.ClassAxis) : TensorData.FromFloats([.. own[i].Dims], values);
        }
        return taught;
    }

    /// <summary>At each place the class whose logit the targets raise most above the network's own.</summary>
    internal static TensorData Classes(float[] targets, TensorData own, int axis)
    {
        var mine = own.ToFloats();
        var (classes, inner) = ((int)own.Dims[axis], own.Dims.Skip(axis + 1).Aggregate(1, (a, d) => a * (int)d));
        var chosen = new long[mine.Length / classes];
        for (var place = 0; place < chosen.Length; place++)
        {
            var first = place / inner * classes * inner + place % inner;
            chosen[place] = Enumerable.Range(0, classes).MaxBy(c => targets[first + c * inner] - mine[first + c * inner]);
        }
        return TensorData.FromInt64s([.. own.Dims.Where((_, i) => i != axis)], chosen);
    }

    /// <summary>What losses are attached to, under the weights and statistics of a protocol.</summary>
    static TensorData[] Outputs(CanonicalModel source, List<LossTerm> terms, TrialSettings settings, Protocol protocol, IReadOnlyDictionary<string, InputData> inputs, CancellationToken cancellation)
    {
        var images = new Dictionary<Value, Value>();
        var model = source.Model.Copy(images);
        var graph = model.Graph;
        foreach (var (parameter, data) in DrawWeights.Under(protocol, source.Parameters)) images[parameter.Value].Data = data;
        // The values that losses are attached to, by name: those of the trial's own copy of the model.
        var byName = graph.AllNodes().SelectMany(n => n.Outputs).OfType<Value>().ToDictionary(v => v.Name, StringComparer.Ordinal);
        var wanted = terms.ConvertAll(t => byName[t.AttachedTo.Name]);
        if (protocol.Statistics == NormStatistics.Batch) SetNormStatistics.Batch(graph);
        else SetNormStatistics.Frozen(graph);
        RemoveDropout.Apply(graph);
        graph.Outputs.Clear();
        graph.Outputs.AddRange(wanted.Distinct());
        RemoveDeadCode.Apply(graph);
        using var executor = new OrtExecutor(model, settings.Ort);
        var fed = graph.Inputs.Where(i => inputs.ContainsKey(i.Name)).ToDictionary(i => i.Name, i => inputs[i.Name].Data, StringComparer.Ordinal);
        string[] names = [.. graph.Outputs.Select(o => o.Name)];
        var given = executor.Run(fed, names, cancellation);
        return [.. wanted.Select(w => given[Array.IndexOf(names, w.Name)])];
    }

    /// <summary>
    /// The targets of one output. At every place they are the mean of the network's own outputs over the samples, plus what the other weights make of the differences between the samples, as large in each
    /// channel as the network's own differences are, and at least a hundredth of its outputs. A single sample has its places in the stead of samples. For bits: 1 where the other weights' difference is positive.
    /// Where signals die under the other weights, so that they tell nothing apart, the differences are drawn, one for each sample and channel.
    /// </summary>
    /// <returns>Null where the other weights tell nothing apart in a single sample, or where something is not finite.</returns>
    internal static float[]? Taught(TensorData own, TensorData other, bool asBits, SeededRandom random)
    {
        var (mine, theirs) = (own.ToFloats(), other.ToFloats());
        if (Array.Exists(mine, v => !float.IsFinite(v)) || Array.Exists(theirs, v => !float.IsFinite(v))) return null;
        var samples = own.Dims.Count > 0 ? (int)own.Dims[0] : 1;
        var (channels, inner) = Layout(own.Dims);
        var (mineMoments, theirMoments) = (Differences(mine, samples, channels, inner), Differences(theirs, samples, channels, inner));
        var spread = Spread(theirMoments);
        if (Array.TrueForAll(spread, s => s == 0))
        {
            if (samples == 1) return null;
            var drawn = new double[samples * channels];
            for (var i = 0; i < drawn.Length; i++) drawn[i] = random.Normal();
            for (var i = 0; i < theirs.Length; i++) theirs[i] = (float)drawn[i / (theirs.Length / samples) * channels + i / inner % channels];
            theirMoments = Differences(theirs, samples, channels, inner);
            spread = Spread(theirMoments);
        }
        var values = new float[mine.Length];
        for (var i = 0; i < values.Length; i++)
        {
            var c = i / inner % channels;
            var difference = spread[c] > 0 ? theirMoments.Values[i] / spread[c] : 0;
            var size = Math.Max(mineMoments.Spread[c], LeastDifference * mineMoments.Size[c]);
            values[i] = asBits ? (difference > 0 ? 1 : 0) : (float)(mine[i] - (samples > 1 ? mineMoments.Values[i] : 0) + difference * (size > 0 ? size : 1));
        }
        return values;
    }

    /// <summary>The spread of each channel's differences; 0 where they are nothing but rounding.</summary>
    static double[] Spread((double[] Values, double[] Spread, double[] Size) moments) => [.. moments.Spread.Select((s, c) => s > LeastSpread * moments.Size[c] ? s : 0)];

    /// <summary>Each value less the mean over the samples at its place (over the places of its channel for a single sample), with the root mean squares of that and of the values in each channel.</summary>
    static (double[] Values, double[] Spread, double[] Size) Differences(float[] values, int samples, int channels, int inner)
    {
        var places = values.Length / samples;
        var means = new double[samples > 1 ? places : channels];
        int MeanOf(int i) => samples > 1 ? i % places : i / inner % channels;
        var (each, count) = ((double)values.Length / means.Length, (double)values.Length / channels);
        for (var i = 0; i < values.Length; i++) means[MeanOf(i)] += values[i] / each;
        var (differences, spread, size) = (new double[values.Length], new double[channels], new double[channels]);
        for (var i = 0; i < values.Length; i++)
        {
            var c = i / inner % channels;
            differences[i] = values[i] - means[MeanOf(i)];
            spread[c] += differences[i] * differences[i] / count;
            size[c] += (double)values[i] * values[i] / count;
        }
        return (differences, [.. spread.Select(Math.Sqrt)], [.. size.Select(Math.Sqrt)]);
    }

    /// <summary>The channels of a row-major tensor and the elements of one channel that lie side by side.</summary>
    internal static (int Channels, int Inner) Layout(IReadOnlyList<long> dims)
    {
        var axis = ChannelAxis(dims.Count);
        var inner = 1L;
        for (var i = axis + 1; i < dims.Count; i++) inner *= dims[i];
        return ((int)(dims.Count == 0 ? 1 : dims[axis]), (int)inner);
    }

    /// <summary>
    /// The least loss that outputs without regard to the inputs reach: the entropy of the classes for a cross-entropy, the variance over the samples at each place (over the places of each channel for a
    /// single sample) for a mean squared error, the entropy of each channel's share of ones for a binary cross-entropy. Nats, or the targets' unit squared; null for a loss without a least value.
    /// </summary>
    public static double? ConstantLoss(AttachedLoss loss, IReadOnlyDictionary<string, TensorData> targets)
    {
        var total = 0.0;
        foreach (var term in loss.Terms)
        {
            if (term.Target is not { } target) return null;
            var data = targets[target.Name];
            total += term.Kind == LossKind.CrossEntropy ? Entropy(data.ToInt64s().CountBy(c => c).Select(c => (double)c.Value)) : WithoutInputs(data, term.Kind);
        }
        return total;
    }

    static double WithoutInputs(TensorData data, LossKind kind)
    {
        var values = data.ToFloats();
        var (channels, inner) = Layout(data.Dims);
        if (kind != LossKind.Bce) return Differences(values, data.Dims.Count > 0 ? (int)data.Dims[0] : 1, channels, inner).Values.Average(d => d * d);
        var ones = new double[channels];
        for (var i = 0; i < values.Length; i++) ones[i / inner % channels] += values[i];
        return ones.Average(s => Entropy([s, (double)values.Length / channels - s]));
    }

    static double Entropy(IEnumerable<double> counts)
    {
        var list = counts.ToList();
        var total = list.Sum();
        return list.Where(c => c > 0).Sum(c => -c / total * Math.Log(c / total));
    }
}
