namespace OnnxAuditor.Measurement;

/// <summary>The runs an audit makes: protocols that differ in their probes alone are one run with the union of the probes.</summary>
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
        else runs[shared] = runs[shared] with { Probes = runs[shared].Probes | protocol.Probes };
    }

    /// <summary>The run that serves a protocol asked for before.</summary>
    public Protocol RunOf(Protocol protocol) => runs.First(r => SameRun(r, protocol));

    static bool SameRun(Protocol a, Protocol b) => a with { Probes = Probes.None } == b with { Probes = Probes.None };
}
