using GraphRewriter.Canonicalization;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using OnnxAuditor.Measurement.Instruments;

namespace OnnxAuditor.Measurement;

/// <summary>
/// Reads the probes of one run, or merges those of several runs over parts of a batch into what one run over all of it would have given:
/// means and second moments by the pairwise formula of Chan, Golub and LeVeque (1979), gradients by averaging. Sums are in double.
/// </summary>
sealed class ProbeReader(InstrumentedGraph graph, IReadOnlyList<Parameter> parameters, IReadOnlyList<Instrument> instruments, long batch)
{
    readonly Dictionary<(ProbeKind, int, bool), double[]> sums = [];
    readonly Dictionary<int, ChannelSums> covariances = [];
    readonly Dictionary<int, List<TensorData>> outputs = [];
    readonly Dictionary<Instrument, InstrumentOutputs> taken = instruments.ToDictionary(i => i, i => new InstrumentOutputs(graph, parameters, batch, graph.Kept.GetValueOrDefault(i)));
    int runs;

    /// <summary>By how much the loss of the whole batch is less than the sum of its parts': a mean over more samples.</summary>
    int LossShare => graph.LossIsSum ? 1 : runs;

    /// <summary>Takes in the outputs of one run.</summary>
    public void Add(IReadOnlyList<string> names, IReadOnlyList<TensorData> results)
    {
        runs++;
        var byName = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        for (var i = 0; i < names.Count; i++) byName[names[i]] = results[i];
        var read = graph.Probes.ToDictionary(p => (p.Kind, p.Index, p.OfParameter), p => byName[p.Output.Name]);
        foreach (var ((kind, index, ofParameter), data) in read)
        {
            if (kind == ProbeKind.Output)
            {
                outputs.TryAdd(index, []);
                outputs[index].Add(data);
            }
            else if (kind is ProbeKind.Covariance) TakeCovariance(index, data.ToDoubles(), read[(ProbeKind.ChannelMean, index, false)].ToDoubles(), read[(ProbeKind.ChannelSquares, index, false)].ToDoubles(), ScaleOf(read, ProbeKind.Scale, index, false));
            else if (kind is ProbeKind.Scatter) MergeCovariance(index, data.ToDoubles(), read[(ProbeKind.ChannelMean, index, false)].ToDoubles(), ScaleOf(read, ProbeKind.Scale, index, false));
            else if (kind is ProbeKind.Sums or ProbeKind.GradientSums) Merge((kind, index, ofParameter), Unscaled(data.ToDoubles(), ScaleOf(read, kind == ProbeKind.Sums ? ProbeKind.Scale : ProbeKind.GradientScale, index, ofParameter)));
            else if (kind is ProbeKind.NonZeros or ProbeKind.GradientNonZeros) Merge((kind, index, ofParameter), [data.ToDoubles().Sum()]);
            else if (kind is not (ProbeKind.ChannelMean or ProbeKind.ChannelSquares or ProbeKind.Scale or ProbeKind.GradientScale)) Merge((kind, index, ofParameter), data.ToDoubles());
        }
        foreach (var (instrument, outputsOf) in taken) outputsOf.Add(graph.Shown.Where(s => s.Instrument == instrument).Select(s => (s.Key, byName[s.Output.Name])));
    }

    /// <summary>
    /// Whether a sum of squares left the range in which float32 adds it up faithfully; then the run is made again with scaled values. Below 1e-24 the squares of
    /// small elements would be lost; an exact zero is one only where no element differs from zero.
    /// </summary>
    public bool LeavesRange
    {
        get
        {
            if (taken.Any(s => !graph.Refused.ContainsKey(s.Key) && s.Key.LeavesRange?.Invoke(s.Value) == true)) return true;
            foreach (var ((kind, index, ofParameter), values) in sums)
            {
                if (kind is not (ProbeKind.Sums or ProbeKind.GradientSums) || values[^1] is >= 1e-24 and <= float.MaxValue) continue;
                var nonZeros = sums.GetValueOrDefault((kind == ProbeKind.Sums ? ProbeKind.NonZeros : ProbeKind.GradientNonZeros, index, ofParameter));
                var allZero = values[^1] == 0 && (nonZeros is not null ? nonZeros[0] == 0 : Largest(index) == 0);
                if (!allZero) return true;
            }
            // The squared norm of a covariance goes with the fourth power of the activations.
            return covariances.Any(c => !double.IsFinite(c.Value.Trace + c.Value.SquaredNorm) || Largest(c.Key) is > 0 and < 1e-6);
        }
    }

    /// <summary>The measurement over all runs taken in.</summary>
    public ModelMeasurement Result(Protocol protocol, long expectedRuns)
    {
        var layers = graph.Layers.Select((layer, i) => new LayerMeasurement(layer, LayerMoments(layer, i), Covariance(i), GradientOf(layer, i)) { Channels = ChannelsOf(i) });
        var measured = parameters.Select((p, i) => new ParameterMeasurement(p, ParameterGradient(p, i)));
        var shown = outputs.OrderBy(o => o.Key).Select(o => new OutputMeasurement(graph.Probes.First(p => p.Kind == ProbeKind.Output && p.Index == o.Key).Output.Name, Concatenate(o.Value)));
        double? loss = sums.TryGetValue((ProbeKind.Loss, 0, false), out var sum) ? sum[0] / LossShare : null;
        var coverage = graph.Differentiation is { } d ? new BackwardCoverage(d.ActiveNodes.Count, d.Blocked) : null;
        return new ModelMeasurement(protocol, [.. layers], [.. measured], [.. shown], loss, LossWords(), coverage, null, null,
            runs == expectedRuns ? null : $"only {runs} of {expectedRuns} runs were made")
        {
            Readings = taken.ToDictionary(s => s.Key, s => ReadingOf(s.Key, s.Value)),
        };
    }

    (object? Value, string? Failure) ReadingOf(Instrument instrument, InstrumentOutputs given)
    {
        if (graph.Refused.TryGetValue(instrument, out var reason)) return (null, reason);
        try
        {
            return (instrument.Reading(given), null);
        }
        catch (Exception e) when (e is ModelException or ArithmeticException)
        {
            return (null, e.Message.TrimEnd('.'));
        }
    }

    LossText LossWords()
    {
        if (graph.Loss is not { } loss) return new LossText(graph.LossFailure is { } why ? $"none: {why}" : "none", "");
        var kinds = loss.Terms.Select(t => t.Kind switch
        {
            LossKind.CrossEntropy => "mean cross-entropy",
            LossKind.Bce => "mean binary cross-entropy with logits",
            LossKind.Mse => "mean squared error",
            _ => "sum of the output",
        });
        var places = loss.Terms.Select(t => t.Stripped is { } head ? $"{t.AttachedTo.Name} (the final {head.OpType} is stripped)" : t.AttachedTo.Name);
        return new LossText(string.Join(" + ", kinds.Distinct(StringComparer.Ordinal)), string.Join(", ", places));
    }

    void Merge((ProbeKind Kind, int, bool) key, double[] values)
    {
        if (!sums.TryGetValue(key, out var sum))
        {
            sums[key] = values;
            return;
        }
        for (var i = 0; i < sum.Length; i++)
        {
            sum[i] = key.Kind switch
            {
                ProbeKind.ChannelMax => Math.Max(sum[i], values[i]),
                ProbeKind.Extremes or ProbeKind.GradientExtremes => i == 0 ? Math.Max(sum[i], values[i]) : Math.Min(sum[i], values[i]),
                _ => sum[i] + values[i],
            };
        }
    }

    /// <summary>Takes the invariants that one run over the whole batch gave.</summary>
    void TakeCovariance(int index, double[] values, double[] mean, double[] squares, double scale)
    {
        var rows = graph.Layers[index].Output.Shape!.ElementCount / mean.Length;
        var square = scale * scale / rows;
        for (var i = 0; i < mean.Length; i++) (mean[i], squares[i]) = (mean[i] * scale, squares[i] * square);
        covariances[index] = new ChannelSums(mean, null, rows, values[0] * square, values[1] * square * square) { Variances = squares };
    }

    void MergeCovariance(int index, double[] values, double[] mean, double scale)
    {
        var rows = graph.Layers[index].Output.Shape!.ElementCount / mean.Length;
        for (var i = 0; i < mean.Length; i++) mean[i] *= scale;
        for (var i = 0; i < values.Length; i++) values[i] *= scale * scale;
        covariances[index] = covariances.TryGetValue(index, out var known) ? known.With(mean, values, rows) : ChannelSums.Of(mean, values, rows);
    }

    static double ScaleOf(Dictionary<(ProbeKind, int, bool), TensorData> read, ProbeKind kind, int index, bool ofParameter) =>
        read.TryGetValue((kind, index, ofParameter), out var scale) ? scale.ToDoubles()[0] : 1;

    /// <summary>The mean, where there is one, and the sum of squares, which stands last.</summary>
    static double[] Unscaled(double[] values, double scale)
    {
        if (values.Length > 1) values[0] *= scale;
        values[^1] *= scale * scale;
        return values;
    }

    Moments? LayerMoments(Layer layer, int index)
    {
        if (Largest(index) is not { } largest) return null;
        var count = layer.Output.Shape!.ElementCount * runs;
        double mean, variance;
        if (sums.TryGetValue((ProbeKind.Sums, index, false), out var m))
        {
            mean = m[0] / runs;
            variance = Math.Max(0, m[1] / count - mean * mean);
        }
        else
        {
            // Every channel has the same number of elements: the variance is that within channels and that of their means.
            var channels = covariances[index];
            mean = channels.Mean.Average();
            variance = channels.Trace / channels.Mean.Length + channels.Mean.Average(c => (c - mean) * (c - mean));
        }
        var zeros = sums.TryGetValue((ProbeKind.NonZeros, index, false), out var nonZeros) ? 1 - nonZeros[0] / count : 0;
        double? dead = sums.TryGetValue((ProbeKind.ChannelMax, index, false), out var c) ? c.Count(v => v == 0) / (double)c.Length : null;
        // A maximum may pass over NaN.
        return new Moments(count, mean, variance, double.IsNaN(variance) ? double.NaN : largest, zeros, dead);
    }

    /// <summary>The largest absolute value of a layer's output; null where it was not asked for.</summary>
    double? Largest(int index) =>
        sums.TryGetValue((ProbeKind.Extremes, index, false), out var e) ? Math.Max(Math.Abs(e[0]), Math.Abs(e[1]))
        : sums.TryGetValue((ProbeKind.ChannelMax, index, false), out var c) ? c.Max() : null;

    CovarianceInvariants? Covariance(int index) =>
        covariances.TryGetValue(index, out var c) ? new CovarianceInvariants(c.Rows, c.Mean.Length, c.Trace, c.SquaredNorm) : null;

    ChannelMoments? ChannelsOf(int index) => covariances.TryGetValue(index, out var c) ? new ChannelMoments(c.Mean, c.Variances) : null;

    LayerGradient? GradientOf(Layer layer, int index)
    {
        // Each of several runs has a loss of its own, a mean over fewer samples: the gradient of their mean is smaller by the number of runs, but where the loss is a sum.
        if (!sums.TryGetValue((ProbeKind.GradientSums, index, false), out var squares)) return null;
        var count = layer.Output.Shape!.ElementCount * runs;
        return new LayerGradient(count, Math.Sqrt(squares[0]) / LossShare, 1 - sums[(ProbeKind.GradientNonZeros, index, false)][0] / count);
    }

    GradientMoments? ParameterGradient(Parameter parameter, int index)
    {
        if (sums.TryGetValue((ProbeKind.GradientSums, index, true), out var m))
        {
            var extremes = sums[(ProbeKind.GradientExtremes, index, true)];
            var largest = double.IsNaN(m[1]) ? double.NaN : Math.Max(Math.Abs(extremes[0]), Math.Abs(extremes[1]));
            var variance = Math.Max(0, m[1] / parameter.Count - m[0] * m[0]);
            return new GradientMoments(parameter.Count, Math.Sqrt(m[1]), Math.Sqrt(variance), largest, 1 - sums[(ProbeKind.GradientNonZeros, index, true)][0] / parameter.Count);
        }
        if (!sums.TryGetValue((ProbeKind.Gradient, index, true), out var total)) return null;
        double sum = 0, squares = 0, max = 0;
        var zeros = 0L;
        foreach (var v in total)
        {
            var g = v / LossShare;
            sum += g;
            squares += g * g;
            max = Math.Max(max, Math.Abs(g));
            if (g == 0) zeros++;
        }
        var mean = sum / total.Length;
        return new GradientMoments(total.Length, Math.Sqrt(squares), Math.Sqrt(Math.Max(0, squares / total.Length - mean * mean)), max, (double)zeros / total.Length);
    }

    static TensorData Concatenate(List<TensorData> parts)
    {
        if (parts.Count == 1 || parts[0].Dims.Count == 0) return parts[0];
        long[] dims = [parts.Sum(p => p.Dims[0]), .. parts[0].Dims.Skip(1)];
        return TensorData.FromFloats(dims, [.. parts.SelectMany(p => p.ToFloats())]);
    }
}

/// <summary>What is known of a layer's channels: their means, and their centred second moments or what is wanted of these.</summary>
/// <param name="Mean">The channel means.</param>
/// <param name="Scatter">Centred second moments [C, C], not divided by the number of rows; null where one run gave the invariants themselves.</param>
/// <param name="Rows">The number of rows.</param>
/// <param name="Trace">The trace of the covariance.</param>
/// <param name="SquaredNorm">Its squared Frobenius norm.</param>
sealed record ChannelSums(double[] Mean, double[]? Scatter, long Rows, double Trace, double SquaredNorm)
{
    /// <summary>The population variance of each channel.</summary>
    public double[] Variances
    {
        get => field ?? [.. Mean.Select((_, i) => Scatter![i * Mean.Length + i] / Rows)];
        init;
    }

    /// <summary>From one run's means and second moments.</summary>
    public static ChannelSums Of(double[] mean, double[] scatter, long rows)
    {
        double trace = 0, squares = 0;
        for (var i = 0; i < mean.Length; i++) trace += scatter[i * mean.Length + i] / rows;
        foreach (var s in scatter) squares += s / rows * (s / rows);
        return new ChannelSums(mean, scatter, rows, trace, squares);
    }

    /// <summary>Together with those of another run; the arrays of this one are used up.</summary>
    public ChannelSums With(double[] mean, double[] scatter, long rows)
    {
        var known = Scatter ?? throw new InvalidOperationException("Invariants of several runs cannot be merged; their second moments can.");
        var total = Rows + rows;
        var weight = (double)Rows * rows / total;
        for (var i = 0; i < mean.Length; i++)
        {
            var di = mean[i] - Mean[i];
            for (var j = 0; j < mean.Length; j++) known[i * mean.Length + j] += scatter[i * mean.Length + j] + weight * di * (mean[j] - Mean[j]);
        }
        for (var i = 0; i < mean.Length; i++) Mean[i] += (mean[i] - Mean[i]) * rows / total;
        return Of(Mean, known, total);
    }
}
