using OnnxAuditor.Measurement.Instruments;

namespace OnnxAuditor.Measurement;

/// <summary>What further passes on the shipped weights measured.</summary>
/// <param name="LossGram">Products of the gradients of single samples' losses.</param>
/// <param name="LogitGram">Products of the gradients of single samples' logits: the neural tangent kernel.</param>
/// <param name="Neighbours">Samples of the layers' outputs where every second input is near the one before it.</param>
/// <param name="Scales">Runs with the inputs made larger and smaller, by the factor.</param>
/// <param name="Repeated">The first run once more.</param>
sealed record ThoroughMeasurement(
    Reading<SampleGram> LossGram, Reading<SampleGram> LogitGram, Reading<ValueSampleSet> Neighbours, IReadOnlyList<(double Factor, ModelMeasurement Run)> Scales, Repetition? Repeated)
{
    /// <summary>What could not be measured, a line each.</summary>
    public IEnumerable<string> Notes()
    {
        if (LossGram.Failure is { } loss) yield return $"Gradients of single samples' losses (GRD004, GRD005) were not measured: {loss}.";
        if (LogitGram.Failure is { } logits) yield return $"The neural tangent kernel (GRD013) was not measured: {logits}.";
        if (Neighbours.Failure is { } near) yield return $"Neighbouring inputs (ACT005) were not followed: {near}.";
        if (Scales.Select(s => s.Run.Failure).FirstOrDefault(f => f is not null) is { } scaled) yield return $"Inputs of other scales (ACT015) were not run: {scaled.TrimEnd('.')}.";
    }
}

/// <summary>How two runs of equal conditions differ.</summary>
/// <param name="Output">The output that differs most; null where all outputs are equal to the last bit.</param>
/// <param name="OutputDifference">Its largest difference, relative to its largest entry.</param>
/// <param name="Parameter">The parameter whose gradient's norm differs most; null where all are equal to the last bit.</param>
/// <param name="GradientDifference">By how much, relative to the norm.</param>
sealed record Repetition(string? Output, double OutputDifference, string? Parameter, double GradientDifference);

/// <summary>How outputs on a device differ from those on the processor.</summary>
/// <param name="Device">The device.</param>
/// <param name="Outputs">By output, the largest difference relative to its largest entry.</param>
/// <param name="Failure">Why there is no comparison; null where there is one.</param>
sealed record DeviceComparison(string Device, IReadOnlyList<(string Name, double Difference)> Outputs, string? Failure);
