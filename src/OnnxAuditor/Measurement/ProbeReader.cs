using GraphRewriter.Canonicalization;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;

namespace OnnxAuditor.Measurement;

/// <summary>
/// Reads the probes of one run, or merges those of several runs over parts of a batch into what one run over all of it would have given:
/// means and second moments by the pairwise formula of Chan, Golub and LeVeque (1979), gradients by averaging. Sums are in double.
/// </summary>
sealed class ProbeReader(InstrumentedGraph graph, IReadOnlyList<Parameter> parameters)
{
    readonly Dictionary<(ProbeKind, int, bool), double[]> sums = [];
    readonly Dictionary<int, (double[] Mean, double[] Scatter, long Rows)> covariances = [];
    readonly Dictionary<int, List<TensorData>> outputs = [];
    int runs;

    /// <summary>Takes in the outputs of one run.</summary>
    public void Add(IReadOnlyList<string> names, IReadOnlyList<TensorData> results)
    {
        runs++;
        var byName = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        for (var i = 0; i < names.Count; i++) byName[names[i]] = results[i];
        foreach (var probe in graph.Probes)
        {
            var data = byName[probe.Output.Name];
            switch (probe.Kind)
            {
                case ProbeKind.Output: outputs.TryAdd(probe.Index, []); outputs[probe.Index].Add(data); break;
                case ProbeKind.ChannelMean: break;
                case ProbeKind.Scatter: MergeScatter(probe.Index, byName, data.ToDoubles()); break;
                case ProbeKind.Moments or ProbeKind.GradientMoments: Merge(probe, Unscaled(data.ToDoubles())); break;
                default: Merge(probe, data.ToDoubles()); break;
            }
        }
    }

    /// <summary>The measurement over all runs taken in.</summary>
    public ModelMeasurement Result(Protocol protocol, long expectedRuns)
    {
        var layers = graph.Layers.Select((layer, i) => new LayerMeasurement(layer, LayerMoments(layer, i), Covariance(layer, i), LayerGradient(layer, i)));
        var measured = parameters.Select((p, i) => new ParameterMeasurement(p, ParameterGradient(p, i)));
        var shown = outputs.OrderBy(o => o.Key).Select(o => new OutputMeasurement(graph.Probes.First(p => p.Kind == ProbeKind.Output && p.Index == o.Key).Output.Name, Concatenate(o.Value)));
        double? loss = sums.TryGetValue((ProbeKind.Loss, 0, false), out var sum) ? sum[0] / runs : null;
        var coverage = graph.Differentiation is { } d ? new BackwardCoverage(d.ActiveNodes.Count, d.Blocked) : null;
        return new ModelMeasurement(protocol, [.. layers], [.. measured], [.. shown], loss, LossWords(), coverage, null, null,
            runs == expectedRuns ? null : $"only {runs} of {expectedRuns} runs were made");
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

    void Merge(Probe probe, double[] values)
    {
        var key = (probe.Kind, probe.Index, probe.OfParameter);
        if (!sums.TryGetValue(key, out var sum))
        {
            sums[key] = values;
            return;
        }
        var extremes = probe.Kind is ProbeKind.Moments or ProbeKind.GradientMoments;
        for (var i = 0; i < sum.Length; i++)
        {
            sum[i] = probe.Kind == ProbeKind.ChannelMax || (extremes && i == 2) ? Math.Max(sum[i], values[i])
                : extremes && i == 3 ? Math.Min(sum[i], values[i])
                : sum[i] + values[i];
        }
    }

    void MergeScatter(int index, Dictionary<string, TensorData> byName, double[] scatter)
    {
        var mean = byName[graph.Probes.First(p => p.Kind == ProbeKind.ChannelMean && p.Index == index).Output.Name].ToDoubles();
        var layer = graph.Layers[index];
        var rows = layer.Output.Shape!.ElementCount / mean.Length;
        if (!covariances.TryGetValue(index, out var known))
        {
            covariances[index] = (mean, scatter, rows);
            return;
        }
        var total = known.Rows + rows;
        var weight = (double)known.Rows * rows / total;
        for (var i = 0; i < mean.Length; i++)
        {
            var di = mean[i] - known.Mean[i];
            for (var j = 0; j < mean.Length; j++) known.Scatter[i * mean.Length + j] += scatter[i * mean.Length + j] + weight * di * (mean[j] - known.Mean[j]);
        }
        for (var i = 0; i < mean.Length; i++) known.Mean[i] += (mean[i] - known.Mean[i]) * rows / total;
        covariances[index] = (known.Mean, known.Scatter, total);
    }

    Moments? LayerMoments(Layer layer, int index)
    {
        if (!sums.TryGetValue((ProbeKind.Moments, index, false), out var m)) return null;
        var (mean, square) = (m[0] / runs, m[1] / runs);
        var zeros = sums.TryGetValue((ProbeKind.Zeros, index, false), out var z) ? z[0] / runs : 0;
        double? dead = sums.TryGetValue((ProbeKind.ChannelMax, index, false), out var c) ? c.Count(v => v == 0) / (double)c.Length : null;
        return new Moments(layer.Output.Shape!.ElementCount * runs, mean, Math.Max(0, square - mean * mean), MaxAbs(m, square), zeros, dead);
    }

    CovarianceInvariants? Covariance(Layer layer, int index)
    {
        if (covariances.TryGetValue(index, out var merged))
        {
            var c = merged.Mean.Length;
            var trace = 0.0;
            var squares = 0.0;
            for (var i = 0; i < c; i++) trace += merged.Scatter[i * c + i] / merged.Rows;
            foreach (var s in merged.Scatter) squares += s / merged.Rows * (s / merged.Rows);
            return new CovarianceInvariants(merged.Rows, c, trace, squares);
        }
        if (!sums.TryGetValue((ProbeKind.Covariance, index, false), out var pair)) return null;
        var channels = layer.Output.Shape![layer.ChannelAxis].Size;
        return new CovarianceInvariants(layer.Output.Shape.ElementCount / channels, channels, pair[0], pair[1]);
    }

    GradientMoments? LayerGradient(Layer layer, int index)
    {
        // Each of several runs has a loss of its own, a mean over fewer samples: the gradient of their mean is smaller by the number of runs.
        if (!sums.TryGetValue((ProbeKind.GradientMoments, index, false), out var m)) return null;
        var count = layer.Output.Shape!.ElementCount;
        var zeros = sums[(ProbeKind.GradientZeros, index, false)][0] / runs;
        var (mean, square) = (m[0] / runs / runs, m[1] / runs / runs / runs);
        return new GradientMoments(count * runs, Math.Sqrt(square * count * runs), Math.Sqrt(Math.Max(0, square - mean * mean)), MaxAbs(m, square) / runs, zeros);
    }

    GradientMoments? ParameterGradient(Parameter parameter, int index)
    {
        if (sums.TryGetValue((ProbeKind.GradientMoments, index, true), out var m))
            return new GradientMoments(parameter.Count, Math.Sqrt(m[1] * parameter.Count), Math.Sqrt(Math.Max(0, m[1] - m[0] * m[0])), MaxAbs(m, m[1]), sums[(ProbeKind.GradientZeros, index, true)][0]);
        if (!sums.TryGetValue((ProbeKind.Gradient, index, true), out var total)) return null;
        double sum = 0, squares = 0, max = 0;
        var zeros = 0L;
        foreach (var v in total)
        {
            var g = v / runs;
            sum += g;
            squares += g * g;
            max = Math.Max(max, Math.Abs(g));
            if (g == 0) zeros++;
        }
        var mean = sum / total.Length;
        return new GradientMoments(total.Length, Math.Sqrt(squares), Math.Sqrt(Math.Max(0, squares / total.Length - mean * mean)), max, (double)zeros / total.Length);
    }

    /// <summary>The mean square comes divided by the squared largest absolute value; see <see cref="GraphRewriter.Probes.ProbeOps"/>.</summary>
    static double[] Unscaled(double[] moments)
    {
        var range = Math.Max(moments[2], -moments[3]);
        if (range > 0) moments[1] *= range * range;
        return moments;
    }

    /// <summary>The largest absolute value; NaN where the mean square is, since a maximum may pass over NaN.</summary>
    static double MaxAbs(double[] moments, double square) => double.IsNaN(square) ? double.NaN : Math.Max(Math.Abs(moments[2]), Math.Abs(moments[3]));

    static TensorData Concatenate(List<TensorData> parts)
    {
        if (parts.Count == 1 || parts[0].Dims.Count == 0) return parts[0];
        long[] dims = [parts.Sum(p => p.Dims[0]), .. parts[0].Dims.Skip(1)];
        return TensorData.FromFloats(dims, [.. parts.SelectMany(p => p.ToFloats())]);
    }
}
