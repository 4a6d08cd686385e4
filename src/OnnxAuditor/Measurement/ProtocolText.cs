using System.Globalization;

namespace OnnxAuditor.Measurement;

/// <summary>Protocols in words.</summary>
static class ProtocolText
{
    /// <summary>All conditions, for the report.</summary>
    public static string Of(Protocol p) => string.Create(CultureInfo.InvariantCulture,
        $"{Weights(p)}, {Statistics(p)}, {Input(p)}{Changes(p)}, {(p.Draw > 0 ? "another batch of" : "batch")} {p.Batch}, seed {p.Seed}, {(p.NeedsLoss ? "forward and backward" : "forward")}");

    /// <summary>In how many parts the batch went through, and what that means for batch statistics; empty for one.</summary>
    public static string Parts(Protocol p, long parts) => parts <= 1 ? "" : string.Create(CultureInfo.InvariantCulture,
        $", in {parts} parts merged{(p.Statistics == NormStatistics.Batch ? " (each with the statistics of its own samples)" : "")}");

    /// <summary>A few words, for a progress display.</summary>
    public static string Short(Protocol p) => $"running {Weights(p)}";

    static string Statistics(Protocol p) => p.Statistics switch
    {
        NormStatistics.Batch => "batch statistics",
        NormStatistics.Alone => "each sample's own statistics",
        NormStatistics.Skipped => "norms left out",
        _ => "frozen statistics",
    };

    static string Weights(Protocol p) => p.Weights switch
    {
        WeightSource.Shipped => "shipped weights",
        WeightSource.Reinitialized => $"re-initialised weights ({InitName(p.Init)})",
        WeightSource.Absolute => $"absolute values of re-initialised weights ({InitName(p.Init)})",
        WeightSource.AbsoluteShipped => "absolute values of the shipped weights",
        _ => string.Create(CultureInfo.InvariantCulture, $"all weights {p.ConstantWeight.ToString(p.ConstantWeight < 1e-3 ? "0.###e-0" : "0.###", CultureInfo.InvariantCulture)}"),
    };

    static string Input(Protocol p) => p.Input switch
    {
        InputLaw.Auto => "the inputs listed",
        InputLaw.Normal => "synthetic inputs",
        InputLaw.GreyRamp => "grey-ramp inputs",
        InputLaw.Perturbed => "perturbed synthetic inputs",
        InputLaw.CirclePoint => "a point of the unit circle",
        _ => "inputs of ones",
    };

    static string Changes(Protocol p) =>
        (p.InputScale == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $" times {p.InputScale:0.####}")) + (p.Neighbours ? " with every second sample near the one before it" : "");

    /// <summary>An initialisation law as <c>--init</c> names it.</summary>
    public static string InitName(Initialization init) => init switch
    {
        Initialization.PyTorch => "pytorch",
        Initialization.Kaiming => "kaiming",
        Initialization.Xavier => "xavier",
        Initialization.Normal => "normal",
        _ => "orthogonal",
    };
}
