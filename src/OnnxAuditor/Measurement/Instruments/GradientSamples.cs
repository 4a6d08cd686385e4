using System.Globalization;
using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace OnnxAuditor.Measurement.Instruments;

/// <summary>Entries of one gradient at equal distances.</summary>
/// <param name="Name">The parameter's name, or that of the layer whose output it is taken by.</param>
/// <param name="OfParameter">Whether it is a parameter's.</param>
/// <param name="Count">The entries of the whole gradient.</param>
/// <param name="Values">The entries taken.</param>
sealed record GradientSample(string Name, bool OfParameter, long Count, float[] Values);

/// <summary>The samples of all gradients.</summary>
/// <param name="Of">Those of the layers' outputs in graph order, then those of the parameters.</param>
sealed record GradientSampleSet(IReadOnlyList<GradientSample> Of);

/// <summary>Some entries, at equal distances, of the gradients by the layers' outputs and by the trainable parameters: what shares of a gradient are estimated from.</summary>
static class GradientSamples
{
    const long Entries = 2048;

    /// <summary>The instrument.</summary>
    internal static readonly Instrument<GradientSampleSet> Instrument = new("gradient-samples", InstrumentNeeds.Loss, Emit, Read) { GradientsBy = s => s.Layers.Select(l => l.Output).Concat(Trainable(s).Select(p => p.Value)) };

    sealed record Site(string Name, bool OfParameter, long Count);

    static IEnumerable<GraphRewriter.Canonicalization.Parameter> Trainable(InstrumentSite site) => site.Source.Parameters.Where(p => p.Trainable);

    static void Emit(InstrumentSite site)
    {
        var sites = new List<Site>();
        var seen = new HashSet<Value>();
        foreach (var layer in site.Layers) Take(layer.Name, site.Image(layer.Output), ofParameter: false);
        foreach (var parameter in Trainable(site)) Take(parameter.Name, site.Image(parameter.Value), ofParameter: true);
        if (sites.Count == 0) throw new ModelException(ModelProblem.Unsupported, "no gradient reaches a layer or parameter");
        site.Kept = sites;

        void Take(string name, Value by, bool ofParameter)
        {
            if (!site.Differentiation!.Gradients.TryGetValue(by, out var gradient) || !seen.Add(gradient)) return;
            if (gradient.Type != ElementType.Float32 || gradient.Shape is not { IsStatic: true } shape || shape.ElementCount == 0) return;
            var (count, step) = LayerSamples.Stride(shape.ElementCount, Entries);
            site.Tape.Origin = name;
            var flat = site.Tape.Reshape(gradient, shape.ElementCount);
            site.Show(string.Create(CultureInfo.InvariantCulture, $"gradient/{sites.Count}"), count == shape.ElementCount ? flat : site.Tape.Slice(flat, 0, 0, count * step, step));
            sites.Add(new Site(name, ofParameter, shape.ElementCount));
        }
    }

    static GradientSampleSet Read(InstrumentOutputs outputs)
    {
        var sites = outputs.Kept<List<Site>>();
        return new GradientSampleSet([.. outputs.Numbered("gradient").Select(g =>
        {
            var site = sites[g.Index];
            // Parts of a batch have losses of their own: by parameters their gradients add up, by values each part has its samples'.
            var values = site.OfParameter ? Array.ConvertAll(outputs.Sum(g.Key), v => (float)(v / outputs.LossShare)) : [.. outputs.Each(g.Key).SelectMany(d => d.ToFloats()).Select(v => v / outputs.LossShare)];
            return new GradientSample(site.Name, site.OfParameter, site.OfParameter ? site.Count : site.Count * outputs.Parts, values);
        })]);
    }
}
