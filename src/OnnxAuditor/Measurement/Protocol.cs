using GraphRewriter.Gradients;
using OnnxAuditor.Measurement.Instruments;

namespace OnnxAuditor.Measurement;

/// <summary>Where the weights of a run come from.</summary>
enum WeightSource
{
    /// <summary>The file's own.</summary>
    Shipped,
    /// <summary>Drawn anew by an initialisation law.</summary>
    Reinitialized,
    /// <summary>Every weight and norm scale a constant, every bias zero.</summary>
    Constant,
    /// <summary>Drawn anew, then every entry replaced by its absolute value.</summary>
    Absolute,
    /// <summary>The absolute values of the file's own.</summary>
    AbsoluteShipped,
}

/// <summary>Initialisation laws.</summary>
enum Initialization
{
    /// <summary>PyTorch's defaults: Kaiming uniform with a = √5 for convolutions and linear layers, N(0, 1) for embeddings, ones and zeros for norms.</summary>
    PyTorch,
    /// <summary>He et al. 2015: N(0, 2 / fan_in), biases zero.</summary>
    Kaiming,
    /// <summary>Glorot and Bengio 2010: U(±√(6 / (fan_in + fan_out))), biases zero.</summary>
    Xavier,
    /// <summary>N(0, 1), biases zero.</summary>
    Normal,
    /// <summary>Saxe et al. 2014: orthogonal rows or columns, biases zero.</summary>
    Orthogonal,
}

/// <summary>Which statistics BatchNormalization uses.</summary>
enum NormStatistics
{
    /// <summary>The shipped running statistics.</summary>
    Frozen,
    /// <summary>Those of the batch, as in training.</summary>
    Batch,
    /// <summary>Each sample's own, as in training with a batch of one.</summary>
    Alone,
    /// <summary>None: the normalisation is the identity.</summary>
    Skipped,
}

/// <summary>What is fed.</summary>
enum InputLaw
{
    /// <summary>The user's data where given, else the synthetic law that suits each input (N(0, 1) for floats, tokens in the vocabulary's range).</summary>
    Auto,
    /// <summary>N(0, 1), whatever the user gave.</summary>
    Normal,
    /// <summary>Sample i of N is the constant i / N (the data-free input of the epsilon proxy).</summary>
    GreyRamp,
    /// <summary>N(0, 1) with a second N(0, 1) draw times 0.01 added.</summary>
    Perturbed,
    /// <summary>All ones.</summary>
    Ones,
    /// <summary>One direction of length 1 for all samples: the point of the unit circle of <see cref="OutputCurve"/>.</summary>
    CirclePoint,
}

/// <summary>What the user's options say about every run.</summary>
/// <param name="Batch">Samples a pass.</param>
/// <param name="Seed">The seed.</param>
/// <param name="Init">The initialisation law of re-initialised weights.</param>
/// <param name="Loss">The loss.</param>
sealed record ProtocolOptions(long Batch, long Seed, Initialization Init, LossKind Loss)
{
    /// <summary>Whether proxies of the architecture, too, are computed on the shipped weights.</summary>
    public bool Shipped { get; init; }

    /// <summary>Whether the user gave data.</summary>
    public bool HasData { get; init; }

    /// <summary>Whether parts that cost passes of their own are wanted beside the scores.</summary>
    public bool Thorough { get; init; }

    /// <summary>Mean and width of the size that reg_swap steers to, in thousands of parameters; null where the user gave none.</summary>
    public (double Mu, double Sigma)? RegSwap { get; init; }
}

/// <summary>The conditions of one instrumented run; runs of equal conditions are one run.</summary>
/// <param name="Weights">Where the weights come from.</param>
/// <param name="Statistics">Which statistics BatchNormalization uses.</param>
/// <param name="Input">What is fed.</param>
/// <param name="Batch">Samples a pass.</param>
/// <param name="Seed">The seed of weights, inputs and targets.</param>
/// <param name="Probes">What is measured; the union over those who ask.</param>
sealed record Protocol(WeightSource Weights, NormStatistics Statistics, InputLaw Input, long Batch, long Seed, Probes Probes)
{
    /// <summary>The initialisation law where <see cref="Weights"/> is re-initialised.</summary>
    public Initialization Init { get; init; } = Initialization.PyTorch;

    /// <summary>The value of every weight where <see cref="Weights"/> is constant.</summary>
    public double ConstantWeight { get; init; }

    /// <summary>The loss, where a probe needs gradients.</summary>
    public LossKind Loss { get; init; } = LossKind.Auto;

    /// <summary>Which batch of inputs and targets: 0 for the first, 1 for a second one, and so on.</summary>
    public int Draw { get; init; }

    /// <summary>The factor that float inputs are multiplied by, states and masks not.</summary>
    public double InputScale { get; init; } = 1;

    /// <summary>Whether every second sample is the one before it with a hundredth of its size of noise added, where float inputs count samples on the first axis.</summary>
    public bool Neighbours { get; init; }

    /// <summary>Whether values may leave the range of float32; a run that did is made again in float64 on Torch.</summary>
    public bool Wide { get; init; }

    /// <summary>The instruments; their union over those who ask.</summary>
    public IReadOnlyList<Instrument> Instruments { get; init; } = NoInstruments;

    /// <summary>The one empty list of instruments, so that protocols without any are equal.</summary>
    public static IReadOnlyList<Instrument> NoInstruments { get; } = [];

    /// <summary>Whether the batch's backward pass is needed.</summary>
    public bool NeedsGradients => (Probes & (Probes.ParameterGradients | Probes.ActivationGradients)) != Probes.None || Instruments.Any(i => i.GradientsBy is not null);

    /// <summary>Whether the loss is needed.</summary>
    public bool NeedsLoss => NeedsGradients || Instruments.Any(i => i.Needs.HasFlag(InstrumentNeeds.Loss));

    /// <summary>Whether samples must not meet on their way.</summary>
    public bool KeepsSamplesApart => Statistics == NormStatistics.Alone || Instruments.Any(i => i.Needs.HasFlag(InstrumentNeeds.SamplesApart));
}

/// <summary>What a run measures.</summary>
[Flags]
enum Probes
{
    /// <summary>Nothing but the outputs.</summary>
    None = 0,
    /// <summary>Mean, standard deviation, largest absolute value and zero fraction of each layer's output, dead channels of each activation's.</summary>
    ActivationMoments = 1,
    /// <summary>Trace and squared Frobenius norm of the channel covariance of each convolution's and linear layer's output.</summary>
    ChannelCovariance = 2,
    /// <summary>Norm, standard deviation and largest absolute entry of each parameter's gradient.</summary>
    ParameterGradients = 4,
    /// <summary>Norm and zero fraction of the gradient by each layer's output.</summary>
    ActivationGradients = 8,
    /// <summary>The outputs themselves.</summary>
    Outputs = 16,
}
