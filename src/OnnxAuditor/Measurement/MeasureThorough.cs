using GraphRewriter.Ir;
using OnnxAuditor.Measurement.Instruments;
using OnnxAuditor.Numerics;

namespace OnnxAuditor.Measurement;

/// <summary>Makes the further passes on the shipped weights that only a thorough audit has.</summary>
static class MeasureThorough
{
    /// <summary>From inputs of about 1 to those of 0–255, and back.</summary>
    internal static readonly double[] Factors = [1.0 / 255, 255];

    /// <summary>Makes the passes. One that fails is said in the result.</summary>
    /// <param name="measure">Makes runs.</param>
    /// <param name="shipped">The protocol of the run that rules look at, as it was made.</param>
    /// <param name="first">What that run gave.</param>
    /// <param name="cancellation">Ends the passes early.</param>
    /// <exception cref="UsageException">The user's data do not fit.</exception>
    /// <exception cref="OperationCanceledException">The time budget was used up.</exception>
    public static ThoroughMeasurement Run(Measure measure, Protocol shipped, ModelMeasurement first, CancellationToken cancellation)
    {
        // The first is made while its session is still there.
        var repeated = Compare(first, measure.Run(shipped, cancellation));
        var bare = shipped with { Probes = Probes.None, Instruments = Protocol.NoInstruments };
        // Samples that are to be told apart cannot share the statistics of the batch.
        var apart = bare.Statistics == NormStatistics.Batch ? bare with { Statistics = NormStatistics.Alone } : bare;
        var grams = measure.Run(apart with { Instruments = [SampleGrams.OfLoss, SampleGrams.OfLogits] }, cancellation);
        var neighbours = measure.Run(bare with { Instruments = [LayerSamples.Instrument], Neighbours = true }, cancellation);
        var scales = Factors.Select(f => (f, measure.Run(bare with { Probes = Probes.Outputs, InputScale = f }, cancellation))).ToList();
        return new ThoroughMeasurement(grams.Read(SampleGrams.OfLoss), grams.Read(SampleGrams.OfLogits), neighbours.Read(LayerSamples.Instrument), scales, repeated);
    }

    /// <summary>Holds outputs and norms of gradients of two runs of equal conditions against each other; null where one failed.</summary>
    internal static Repetition? Compare(ModelMeasurement first, ModelMeasurement second)
    {
        if (first.Failure is not null || second.Failure is not null) return null;
        var outputs = first.Outputs.Zip(second.Outputs, (a, b) => (a.Name, Difference: Between(a.Data, b.Data))).Where(o => o.Difference > 0).ToList();
        var gradients = first.Parameters.Zip(second.Parameters, (a, b) => (a.Parameter.Name, Difference: Between(a.Gradient?.Norm, b.Gradient?.Norm))).Where(g => g.Difference > 0).ToList();
        var (output, parameter) = (outputs.OrderByDescending(o => o.Difference).FirstOrDefault(), gradients.OrderByDescending(g => g.Difference).FirstOrDefault());
        return new Repetition(output.Name, output.Difference, parameter.Name, parameter.Difference);
    }

    /// <summary>Outputs of a run on a device against those of the same run on the processor.</summary>
    internal static DeviceComparison Compare(string device, ModelMeasurement there, ModelMeasurement here) =>
        (there.Failure ?? here.Failure) is { } why ? new DeviceComparison(device, [], why.TrimEnd('.'))
        : new DeviceComparison(device, [.. there.Outputs.Zip(here.Outputs, (a, b) => (a.Name, Between(a.Data, b.Data)))], null);

    /// <summary>The largest difference relative to the largest entry; 0 for equal bytes, whatever they hold.</summary>
    static double Between(TensorData a, TensorData b) => a.Bytes.Span.SequenceEqual(b.Bytes.Span) ? 0 : TensorDifference.Of(a, b).Relative;

    static double Between(double? a, double? b) => a is not { } x || b is not { } y || x.Equals(y) ? 0 : Math.Abs(x - y) / Math.Max(Math.Abs(x), Math.Abs(y));
}
