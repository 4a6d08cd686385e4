using GraphRewriter.Ir;
using OnnxAuditor.Measurement;
using OnnxAuditor.Measurement.Instruments;

namespace OnnxAuditor.Rules;

/// <summary>What rules on the forward signal ask of the run: layers on the way of the data, with samples of what comes out of them.</summary>
static class SignalLayers
{
    /// <summary>Layers of fewer channels say little of how samples differ: of one channel all have the cosine 1 or −1.</summary>
    const long FewestChannels = 8;

    /// <summary>The samples of the run that rules look at; null where they were not taken.</summary>
    public static ValueSampleSet? Samples(RuleContext context) => context.Run?.Read(LayerSamples.Instrument).Value;

    /// <summary>
    /// The convolutions and linear layers that depend on the data, with at least 8 channels, at least 8 elements a sample and samples on the first axis, in the order of depth. Layers that meet nothing but a state, a mask
    /// or constants are no part of the signal.
    /// </summary>
    /// <param name="context">What rules look at.</param>
    /// <param name="samples">Samples of the run, or of another one.</param>
    public static IReadOnlyList<(Layer Layer, ValueSample Sample)> OnTheWay(RuleContext context, ValueSampleSet samples)
    {
        if (context is not { Run: { } run, CanonicalView: { } view }) return [];
        var fed = Fed(context, view);
        return [.. run.Layers
            .Where(l => l.Layer.Kind is LayerKind.Convolution or LayerKind.Linear && l.Layer.Output.Shape?[l.Layer.ChannelAxis].Size >= FewestChannels)
            .Where(l => view.Own(l.Layer.Output) is { } own && fed.Contains(own))
            .Select(l => (l.Layer, Sample: samples.Of.GetValueOrDefault(LayerSamples.Output(l.Layer.Output))!))
            .Where(l => l.Sample is { Rows: >= 2, Columns: >= (int)FewestChannels })
            .OrderBy(l => l.Layer.Depth)];
    }

    /// <summary>The values that depend on an input that carries data.</summary>
    public static HashSet<Value> Fed(RuleContext context, ModelView view)
    {
        var consumers = view.Graph.Consumers();
        var states = StatefulInputs.Pairs(context.Model.Graph).Select(p => p.Input.Name).ToHashSet(StringComparer.Ordinal);
        return view.Downstream(view.Graph.Inputs.Where(i => i.Data is null && !states.Contains(i.Name) && !MakeInputs.StandsBeside(i) && !MakeInputs.IsSetting(i, consumers)), GradientPaths.CarriesData);
    }
}
