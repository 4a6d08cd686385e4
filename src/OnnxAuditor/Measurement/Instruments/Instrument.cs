using GraphRewriter.Ir;

namespace OnnxAuditor.Measurement.Instruments;

/// <summary>What an instrument needs of the run beside a forward pass.</summary>
[Flags]
enum InstrumentNeeds
{
    /// <summary>Nothing.</summary>
    None = 0,
    /// <summary>A loss.</summary>
    Loss = 1,
    /// <summary>That no sample depends on another.</summary>
    SamplesApart = 2,
}

/// <summary>
/// A measurement that a protocol can ask for beside the <see cref="Probes"/>: what it adds to the graph, and what it makes of the outputs. All instruments of a protocol share
/// one graph and one run.
/// </summary>
/// <param name="Name">A name, unique among instruments.</param>
/// <param name="Needs">What it needs of the run.</param>
/// <param name="Emit">Adds its outputs; a <see cref="ModelException"/> is the reason why the instrument has no reading.</param>
abstract record Instrument(string Name, InstrumentNeeds Needs, Action<InstrumentSite> Emit)
{
    /// <summary>The values, of the canonical model, by which it needs the gradient of the loss; null for none.</summary>
    public Func<InstrumentSite, IEnumerable<Value>>? GradientsBy { get; init; }

    /// <summary>What it makes of the outputs of all parts of the batch.</summary>
    /// <exception cref="ModelException">There is no reading, with the reason.</exception>
    internal abstract object Reading(InstrumentOutputs outputs);

    /// <summary>Whether sums left the range of float32, so that the run is to be made again with scaled values.</summary>
    internal Func<InstrumentOutputs, bool>? LeavesRange { get; init; }
}

/// <inheritdoc cref="Instrument"/>
/// <param name="Name">A name, unique among instruments.</param>
/// <param name="Needs">What it needs of the run.</param>
/// <param name="Emit">Adds its outputs.</param>
/// <param name="Read">What it makes of the outputs of all parts of the batch; a <see cref="ModelException"/> is the reason why there is no reading.</param>
sealed record Instrument<T>(string Name, InstrumentNeeds Needs, Action<InstrumentSite> Emit, Func<InstrumentOutputs, T> Read) : Instrument(Name, Needs, Emit)
    where T : class
{
    internal override object Reading(InstrumentOutputs outputs) => Read(outputs);
}

/// <summary>What an instrument read, or why it read nothing.</summary>
/// <param name="Value">The reading.</param>
/// <param name="Failure">Why there is none; null where there is one.</param>
sealed record Reading<T>(T? Value, string? Failure) where T : class;
