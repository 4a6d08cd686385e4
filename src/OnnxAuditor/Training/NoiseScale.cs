using System.Globalization;
using System.Numerics.Tensors;
using GraphRewriter.Ir;
using GraphRewriter.Training;
using OnnxAuditor.Measurement;

namespace OnnxAuditor.Training;

/// <summary>
/// The simple gradient noise scale tr Σ / |G|² (McCandlish et al. 2018, arXiv 1812.06162, equation 2.9): the batch size at which the noise of a batch's gradient is as large as the gradient. Here
/// Σ is the covariance of the gradients of single samples of the trial's batch and G their mean, both without bias: tr Σ = n/(n−1) (mean |gᵢ|² − |ḡ|²), |G|² = |ḡ|² − tr Σ / n.
/// </summary>
static class NoiseScale
{
    /// <summary>How far the mean loss of single samples may be from that of the batch, relative: beyond it, samples meet on their way.</summary>
    const double SameLoss = 1e-3;

    /// <summary>The noise scale at the weights given, over all trained parameters; or why there is none.</summary>
    /// <param name="settings">What the trial runs.</param>
    /// <param name="protocol">Weights and statistics of the trial.</param>
    /// <param name="inputs">The trial's batch.</param>
    /// <param name="targets">Its targets.</param>
    /// <param name="batchLoss">The batch's loss at these weights.</param>
    /// <param name="cancellation">Ends the run early.</param>
    public static (double? Scale, string? Why) Of(
        TrialSettings settings, Protocol protocol, IReadOnlyDictionary<string, InputData> inputs, IReadOnlyDictionary<string, TensorData> targets, double batchLoss, CancellationToken cancellation)
    {
        if (protocol.Statistics == NormStatistics.Batch) return (null, "samples meet in the statistics of the batch");
        if (protocol.Batch < 2) return (null, "the batch holds one sample");
        var single = settings.AtBatch(1);
        if (single.Batch.Size != 1 || single.Batch.Axes.Count == 0) return (null, "the model does not take samples one by one");
        // The momentum buffer after the first step is the gradient itself.
        var graph = TrainGraph.Build(single, new TrainGraphOptions(Optimizers.Named("momentum"), protocol.Statistics, settings.Loss, settings.Target, settings.StraightThrough), DrawWeights.Under(protocol, single.Parameters));
        Dictionary<string, TensorData> Sample(long i)
        {
            var fed = new Dictionary<string, TensorData>(StringComparer.Ordinal);
            foreach (var (name, data) in inputs) fed[name] = single.Batch.Axes.TryGetValue(name, out var axis) ? BatchPart.Of(data.Data, axis, i, 1) : data.Data;
            foreach (var (name, data) in targets) fed[name] = BatchPart.Of(data, 0, i, 1);
            return fed;
        }

        foreach (var term in graph.Loss.Terms)
            if (targets[term.Target!.Name] is var data && (data.Dims.Count == 0 || data.Dims[0] != protocol.Batch || term.Target.Shape is not { Rank: > 0 } shape || shape[0].Size != 1)) return (null, "the targets of single samples cannot be cut out");
        using var stepper = graph.Start(settings.Ort, Sample(0));
        var states = graph.Step.Carried.Index().Where(c => c.Item.Kind == CarriedKind.State).Select(c => c.Index).ToList();
        var sums = states.ConvertAll(s => new float[graph.Step.Carried[s].Initial.Count]);
        var (squares, losses) = (0.0, 0.0);
        for (long i = 0; i < protocol.Batch; i++)
        {
            stepper.Reset();
            if (i > 0) foreach (var (name, data) in Sample(i)) stepper.Feed(name, data);
            losses += stepper.Step(0, cancellation) / protocol.Batch;
            for (var k = 0; k < states.Count; k++)
            {
                var gradient = stepper.Now(states[k]);
                squares += SumOfSquares(gradient) / protocol.Batch;
                TensorPrimitives.Add(sums[k], gradient, sums[k]);
            }
        }
        if (!(Math.Abs(losses - batchLoss) <= SameLoss * Math.Abs(batchLoss))) return (null, "the loss of the batch is not the mean of its samples' losses: samples meet on their way");
        var n = (double)protocol.Batch;
        var mean = sums.Sum(s => SumOfSquares(s)) / (n * n);
        var trace = n / (n - 1) * (squares - mean);
        var signal = mean - trace / n;
        return signal > 0 && double.IsFinite(trace / signal)
            ? (trace / signal, null)
            : (null, string.Create(CultureInfo.InvariantCulture, $"the gradients of {n} samples cancel so far that they tell no common direction: the noise scale is well above {n}"));
    }

    /// <summary>In double by blocks; gradients whose squares leave the range of float32 count as nothing or make the result not finite.</summary>
    static double SumOfSquares(ReadOnlySpan<float> values)
    {
        const int Block = 4096;
        var sum = 0.0;
        for (var i = 0; i < values.Length; i += Block) sum += TensorPrimitives.SumOfSquares(values.Slice(i, Math.Min(Block, values.Length - i)));
        return sum;
    }
}
