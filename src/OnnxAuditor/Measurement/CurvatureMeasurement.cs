namespace OnnxAuditor.Measurement;

/// <summary>What second derivatives and gradients by the input say of a model.</summary>
/// <param name="Hessian">Of the loss by all trainable parameters; null where it was not measured.</param>
/// <param name="HessianSkipped">Why not.</param>
/// <param name="Input">Of the output by an input; null where it was not measured.</param>
/// <param name="InputSkipped">Why not.</param>
sealed record CurvatureMeasurement(HessianMeasurement? Hessian, string? HessianSkipped, InputMeasurement? Input, string? InputSkipped)
{
    /// <summary>A measurement that could not be made.</summary>
    public static CurvatureMeasurement Failed(string reason) => new(null, reason, null, reason);

    /// <summary>Whether the targets of the loss are the user's rather than drawn.</summary>
    public bool OwnTargets { get; init; }

    /// <summary>What was not measured and why, one line each.</summary>
    public IEnumerable<string> Notes()
    {
        if (HessianSkipped is { } hessian) yield return $"GRD007, GRD008: not measured, {hessian}.";
        if (InputSkipped is { } input) yield return $"GRD010, GRD011: not measured, {input}.";
    }
}

/// <summary>The Hessian of the loss.</summary>
/// <param name="Parameters">Its rows: the elements of all trainable parameters.</param>
/// <param name="Largest">The Lanczos iteration's largest eigenvalue; the true one is not smaller but for rounding.</param>
/// <param name="Smallest">Its smallest.</param>
/// <param name="Residual">What <paramref name="Largest"/> may be off by: an eigenvalue lies within this distance.</param>
/// <param name="Trace">The trace, by Hutchinson's estimator.</param>
/// <param name="TraceError">Its standard error.</param>
/// <param name="Products">Products with the Hessian made for both.</param>
sealed record HessianMeasurement(long Parameters, double Largest, double Smallest, double Residual, double Trace, double TraceError, int Products);

/// <summary>Gradients of an output by an input.</summary>
/// <param name="Input">The input's name.</param>
/// <param name="Output">The name of the output, before a Softmax or Sigmoid that the loss takes the place of.</param>
/// <param name="Autocorrelation">
/// The autocorrelation at lag one of the gradients at points along lines between samples, after their mean is taken off: 1 for gradients that change smoothly, about 0 for white noise;
/// null where the gradients do not change.
/// </param>
/// <param name="Points">The points of a line.</param>
/// <param name="Gain">
/// The root mean square of the Jacobian's singular values times that of the input's entries, median over samples: by how much noise of the input's own size moves an output, to first order.
/// </param>
/// <param name="Participation">(Σσ²)² / Σσ⁴ over the directions, median over samples: how many of them have singular values of the largest size.</param>
/// <param name="Directions">The directions of the output that were followed back.</param>
sealed record InputMeasurement(string Input, string Output, double? Autocorrelation, int Points, double Gain, double Participation, int Directions);
