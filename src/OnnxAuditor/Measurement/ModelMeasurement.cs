using GraphRewriter.Canonicalization;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using OnnxAuditor.Measurement.Instruments;

namespace OnnxAuditor.Measurement;

/// <summary>A layer of the canonical model: the output of a convolution, linear, recurrent, norm or activation node.</summary>
/// <param name="Name">The name of the model's own node.</param>
/// <param name="Node">The canonical node.</param>
/// <param name="Kind">The kind.</param>
/// <param name="Output">Its output.</param>
/// <param name="ChannelAxis">The axis of channels or features, counted from the front.</param>
/// <param name="Depth">The length of the longest path from an input, counted in convolution and linear layers.</param>
sealed record Layer(string Name, Node Node, LayerKind Kind, Value Output, int ChannelAxis, int Depth);

/// <summary>Kinds of layers.</summary>
enum LayerKind
{
    /// <summary>Convolution, transposed or not.</summary>
    Convolution,
    /// <summary>Gemm, or MatMul with a parameter.</summary>
    Linear,
    /// <summary>LSTM, GRU or RNN.</summary>
    Recurrent,
    /// <summary>Batch, layer, instance, group or RMS normalisation.</summary>
    Norm,
    /// <summary>Elementwise activation.</summary>
    Activation,
    /// <summary>Pooling, windowed or global. No layer of depth profiles; some proxies count it.</summary>
    Pool,
    /// <summary>The sum of two computed tensors, as at the end of a residual block. No layer of depth profiles; some proxies count it.</summary>
    Sum,
}

/// <summary>What one instrumented run measured.</summary>
/// <param name="Protocol">The conditions.</param>
/// <param name="Layers">The layers' measurements, in graph order.</param>
/// <param name="Parameters">The parameters' measurements, in graph order.</param>
/// <param name="Outputs">The outputs, where they were asked for.</param>
/// <param name="Loss">The loss; null where none was attached.</param>
/// <param name="LossText">The loss and the tensor it is attached to, or why there is none.</param>
/// <param name="Differentiation">What the reverse sweep found; null where there was none.</param>
/// <param name="FirstNonFinite">The first node whose output is not finite though its inputs are; null where all is finite.</param>
/// <param name="FirstNonFiniteGradient">The first node of the backward pass, by the forward node it stands for, whose result is not finite though its inputs are.</param>
/// <param name="Failure">Why the run failed; null where it did not. Everything else is empty then.</param>
sealed record ModelMeasurement(
    Protocol Protocol,
    IReadOnlyList<LayerMeasurement> Layers,
    IReadOnlyList<ParameterMeasurement> Parameters,
    IReadOnlyList<OutputMeasurement> Outputs,
    double? Loss,
    LossText LossText,
    BackwardCoverage? Differentiation,
    string? FirstNonFinite,
    string? FirstNonFiniteGradient,
    string? Failure)
{
    /// <summary>The memory that the graph of this run needs; null where no run was made.</summary>
    public MemoryNeed? Need { get; init; }

    /// <summary>What instruments read, or why they read nothing.</summary>
    public IReadOnlyDictionary<Instrument, (object? Value, string? Failure)> Readings { get; init; } = new Dictionary<Instrument, (object?, string?)>();

    /// <summary>The parameters' contents that differ from the shipped ones.</summary>
    public IReadOnlyDictionary<Parameter, TensorData> Drawn { get; init; } = new Dictionary<Parameter, TensorData>();

    /// <summary>The class of each sample that the cross-entropy compared with; null for other losses, and where a sample has several classes.</summary>
    public IReadOnlyList<long>? Labels { get; init; }

    /// <summary>What an instrument read.</summary>
    public Reading<T> Read<T>(Instrument<T> instrument) where T : class =>
        Readings.TryGetValue(instrument, out var reading) ? new Reading<T>((T?)reading.Value, reading.Failure) : new Reading<T>(null, Failure ?? $"{instrument.Name}: not measured");

    /// <summary>A parameter's contents in this run.</summary>
    public TensorData Contents(Parameter parameter) => Drawn.TryGetValue(parameter, out var drawn) ? drawn : parameter.Value.Data!;
}

/// <summary>Estimated memory of a run, by liveness over its graph.</summary>
/// <param name="PeakBytes">The most that is alive at one time.</param>
/// <param name="FixedBytes">Of that, the weights.</param>
/// <param name="Samples">Samples that go through at once.</param>
sealed record MemoryNeed(long PeakBytes, long FixedBytes, long Samples);

/// <summary>The loss in words.</summary>
/// <param name="Loss">The loss and its targets, or why there is none.</param>
/// <param name="Target">The tensor it is attached to, and what was stripped after it.</param>
sealed record LossText(string Loss, string Target);

/// <summary>What the reverse sweep covers.</summary>
/// <param name="ActiveNodes">Nodes between a parameter and the loss.</param>
/// <param name="Blocked">Those at which the gradient stopped.</param>
sealed record BackwardCoverage(int ActiveNodes, IReadOnlyList<BlockedNode> Blocked);

/// <summary>A layer's measurements; what was not asked for or not reached is null.</summary>
/// <param name="Layer">The layer.</param>
/// <param name="Moments">Moments of its output.</param>
/// <param name="Covariance">The channel covariance's invariants.</param>
/// <param name="Gradient">The gradient by its output.</param>
sealed record LayerMeasurement(Layer Layer, Moments? Moments, CovarianceInvariants? Covariance, LayerGradient? Gradient)
{
    /// <summary>Moments of each channel of a convolution's or linear layer's output; null where they were not asked for.</summary>
    public ChannelMoments? Channels { get; init; }
}

/// <summary>Moments of the channels of a layer's output, over samples and positions.</summary>
/// <param name="Mean">The means.</param>
/// <param name="Variance">The population variances.</param>
sealed record ChannelMoments(IReadOnlyList<double> Mean, IReadOnlyList<double> Variance);

/// <summary>Moments of a tensor over all its elements.</summary>
/// <param name="Count">The number of elements.</param>
/// <param name="Mean">The mean.</param>
/// <param name="Variance">The population variance.</param>
/// <param name="MaxAbs">The largest absolute value; NaN where an element is NaN.</param>
/// <param name="ZeroFraction">The share of exact zeros.</param>
/// <param name="DeadFraction">The share of channels without any non-zero element; null for layers that are no activation.</param>
sealed record Moments(long Count, double Mean, double Variance, double MaxAbs, double ZeroFraction, double? DeadFraction)
{
    /// <summary>The root mean square.</summary>
    public double Rms => Math.Sqrt(Variance + Mean * Mean);
}

/// <summary>Invariants of the centred channel covariance C of a layer output (rows: batch and positions; columns: channels), normaliser 1/M.</summary>
/// <param name="Rows">M.</param>
/// <param name="Channels">The number of channels.</param>
/// <param name="Trace">tr C.</param>
/// <param name="SquaredNorm">‖C‖²_F = tr C².</param>
sealed record CovarianceInvariants(long Rows, long Channels, double Trace, double SquaredNorm)
{
    /// <summary>
    /// (tr C)² / tr C²: the participation ratio, 1 to min(C, M); null for a layer without variance. The bounds are exact, so what float32 puts
    /// beyond them (a layer that varies in one direction only) is brought back.
    /// </summary>
    public double? ParticipationRatio => Trace > 1e-12 && SquaredNorm > 0 ? Math.Clamp(Trace * Trace / SquaredNorm, 1, Math.Max(1, Math.Min(Channels, Rows))) : null;
}

/// <summary>A parameter's measurements.</summary>
/// <param name="Parameter">The parameter.</param>
/// <param name="Gradient">Its gradient; null where the loss does not depend on it or the gradient was blocked.</param>
sealed record ParameterMeasurement(Parameter Parameter, GradientMoments? Gradient);

/// <summary>The gradient by a layer's output.</summary>
/// <param name="Count">The number of elements.</param>
/// <param name="Norm">The L2 norm.</param>
/// <param name="ZeroFraction">The share of exact zeros.</param>
sealed record LayerGradient(long Count, double Norm, double ZeroFraction)
{
    /// <summary>The root mean square.</summary>
    public double Rms => Count == 0 ? 0 : Norm / Math.Sqrt(Count);
}

/// <summary>Moments of a parameter's gradient.</summary>
/// <param name="Count">The number of elements.</param>
/// <param name="Norm">The L2 norm.</param>
/// <param name="Std">The population standard deviation of the entries.</param>
/// <param name="MaxAbs">The largest absolute entry.</param>
/// <param name="ZeroFraction">The share of exact zeros.</param>
sealed record GradientMoments(long Count, double Norm, double Std, double MaxAbs, double ZeroFraction)
{
    /// <summary>The root mean square.</summary>
    public double Rms => Count == 0 ? 0 : Norm / Math.Sqrt(Count);
}

/// <summary>A graph output as it came out.</summary>
/// <param name="Name">The name.</param>
/// <param name="Data">The contents, float32.</param>
sealed record OutputMeasurement(string Name, TensorData Data);
