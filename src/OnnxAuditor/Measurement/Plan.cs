using OnnxAuditor.Measurement.Instruments;

namespace OnnxAuditor.Measurement;

/// <summary>The runs an audit makes: protocols that differ in their probes and instruments alone are one run with the union of both.</summary>
sealed class Plan
{
    readonly List<Protocol> runs = [];

    /// <summary>The runs, in the order in which they were first asked for.</summary>
    public IReadOnlyList<Protocol> Runs => runs;

    /// <summary>Asks for a protocol; it may be widened by others that share its run.</summary>
    public void Add(Protocol protocol)
    {
        var shared = runs.FindIndex(r => SameRun(r, protocol));
        if (shared < 0) runs.Add(protocol);
        else runs[shared] = runs[shared] with { Probes = runs[shared].Probes | protocol.Probes, Instruments = Union(runs[shared].Instruments, protocol.Instruments) };
    }

    /// <summary>The run that serves a protocol asked for before.</summary>
    public Protocol RunOf(Protocol protocol) => runs.First(r => SameRun(r, protocol));

    static bool SameRun(Protocol a, Protocol b) => Bare(a) == Bare(b);

    static Protocol Bare(Protocol p) => p with { Probes = Probes.None, Instruments = Protocol.NoInstruments };

    static IReadOnlyList<Instrument> Union(IReadOnlyList<Instrument> a, IReadOnlyList<Instrument> b) => b.Except(a).ToList() is { Count: > 0 } more ? [.. a, .. more] : a;
}
