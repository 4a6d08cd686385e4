using GraphRewriter.Canonicalization;
using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;

namespace OnnxAuditor.Measurement.Instruments;

/// <summary>How far the signs of single samples' gradients agree.</summary>
/// <param name="Sum">Σ_k |Σ_i sign g_ik| over all entries k of the weights counted.</param>
/// <param name="Entries">The number of entries.</param>
/// <param name="Samples">The number of samples.</param>
sealed record SignSums(double Sum, long Entries, int Samples);

/// <summary>Signs of the gradients of single samples by convolution and linear weights, summed over samples in the graph (Zhang and Jia, GradSign, ICLR 2022).</summary>
static class SignConsensus
{
    /// <summary>The instrument.</summary>
    internal static readonly Instrument<SignSums> Instrument = new("sign-consensus", InstrumentNeeds.Loss | InstrumentNeeds.SamplesApart, Emit, Read);

    static void Emit(InstrumentSite site)
    {
        var chosen = site.Source.Parameters.Index().Where(p => p.Item.Trainable && p.Item.Role is ParameterRole.ConvolutionWeight or ParameterRole.LinearWeight).ToList();
        IReadOnlyDictionary<Value, string> refused = new Dictionary<Value, string>();
        var gradients = SampleGrams.Gradients(site, site.Loss!.Loss, site.Loss.Terms.All(t => t.Kind != LossKind.Sum), [.. chosen.Select(p => site.Image(p.Item.Value))], ref refused);
        foreach (var (index, parameter) in chosen)
        {
            if (!gradients.TryGetValue(site.Image(parameter.Value), out var gradient)) continue;
            site.Tape.Origin = parameter.Name;
            var sign = site.Tape.Sign(gradient);
            site.Show($"sum/{index}", site.Samples is null ? sign : site.Tape.ReduceSum(sign, [0], keepDims: false));
        }
        if (site.Shown.Count == 0) throw new ModelException(ModelProblem.Unsupported, refused.Count > 0 ? string.Join("; ", refused.Values.Distinct(StringComparer.Ordinal)) : "no gradient reaches a convolution or linear weight");
    }

    static SignSums Read(InstrumentOutputs outputs)
    {
        double sum = 0;
        var entries = 0L;
        foreach (var (_, key) in outputs.Numbered("sum"))
        {
            var values = outputs.Sum(key);
            sum += values.Sum(Math.Abs);
            entries += values.Length;
        }
        return new SignSums(sum, entries, outputs.Parts * (int)outputs.Batch);
    }
}
