using OnnxAuditor.Measurement;
using OnnxAuditor.Measurement.Instruments;

namespace OnnxAuditor.Proxies;

/// <summary>The protocols that several proxies share, so that they share a run.</summary>
static class ProxyRuns
{
    /// <summary>Re-initialised weights, batch statistics, the user's data or synthetic ones: what most proxies call "at initialisation".</summary>
    public static Protocol Training(ProtocolOptions o, params IReadOnlyList<Instrument> instruments) =>
        new(WeightSource.Reinitialized, NormStatistics.Batch, InputLaw.Auto, o.Batch, o.Seed, Probes.None) { Init = o.Init, Loss = o.Loss, Instruments = instruments };

    /// <summary>The same, of another batch.</summary>
    public static Protocol SecondBatch(ProtocolOptions o, params IReadOnlyList<Instrument> instruments) => Training(o, instruments) with { Draw = 1 };

    /// <summary>The same, each sample normalised by its own statistics, as if it went forward alone in training mode.</summary>
    public static Protocol Alone(ProtocolOptions o, params IReadOnlyList<Instrument> instruments) => Training(o, instruments) with { Statistics = NormStatistics.Alone };

    /// <summary>The first sample alone.</summary>
    public static Protocol OneSample(ProtocolOptions o, params IReadOnlyList<Instrument> instruments) => Training(o, instruments) with { Batch = 1 };

    /// <summary>Weights of N(0, 1), as some proxies prescribe.</summary>
    public static Protocol Gaussian(ProtocolOptions o, params IReadOnlyList<Instrument> instruments) => Training(o, instruments) with { Init = Initialization.Normal };
}
