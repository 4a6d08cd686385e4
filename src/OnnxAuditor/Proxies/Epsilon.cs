using OnnxAuditor.Measurement;

namespace OnnxAuditor.Proxies;

/// <summary>epsilon: how much the network's outputs differ between two constant weight settings.</summary>
static class Epsilon
{
    const double SmallWeight = 1e-7;
    const double LargeWeight = 1;
    const long Samples = 64;

    /// <summary>The proxy.</summary>
    internal static readonly Proxy Proxy = new(
        "epsilon", "Epsilon", HigherIsBetter: true, ProxyCost.Forward,
        o => [Run(o, SmallWeight), Run(o, LargeWeight)],
        x => Score(x.Runs[0], x.Runs[1]),
        new ProxyText(
            Summary: "The mean difference of the min-max normalised outputs under two constant weight settings, over their mean.",
            Definition: """
                Every weight (convolution, linear, recurrent, normalisation scale) is set to w, every bias and shift to 0, and one unlabelled batch goes forward: once with w = 1e-7, once with w = 1.
                The outputs of each run, all samples and coordinates, form a vector that is min-max normalised; entries that are exactly 0 after it are left out. With z₁ and z₂ the two vectors,
                epsilon = mean |z₁ − z₂| over entries present in both, divided by the mean over all present entries of both. float32, batch statistics. The batch is a grey ramp (sample i of 64 is the
                constant i / 64), the source's data-free variant. A setting whose outputs are all equal has no value: with w = 1e-7 the signal underflows unless a path of additions and pools alone leads through.
                """,
            ForTrainedModels: "The shipped weights play no part: the value is the architecture's.",
            WhenNotToUse: "Networks whose output does not vary with constant weights (a softmax head, equal classes normalised away, deep unnormalised stacks) have no value. With a constant weight every channel is alike, so width is not seen.",
            Source: "Gracheva, epsilon / epsinas, arXiv 2302.04406, and its released code, which min-max normalises each output vector; the abstract speaks of raw outputs."));

    static Protocol Run(ProtocolOptions o, double weight) =>
        new(WeightSource.Constant, NormStatistics.Batch, InputLaw.GreyRamp, Samples, o.Seed, Probes.Outputs) { ConstantWeight = weight };

    static Score Score(ModelMeasurement small, ModelMeasurement large)
    {
        var first = Normalized(small, SmallWeight, out var reason);
        if (first is null) return Proxies.Score.NotAvailable(reason);
        var second = Normalized(large, LargeWeight, out reason);
        if (second is null) return Proxies.Score.NotAvailable(reason);
        double difference = 0, total = 0;
        long pairs = 0, present = 0;
        for (var i = 0; i < first.Length; i++)
        {
            if (!double.IsNaN(first[i]) && !double.IsNaN(second[i]))
            {
                difference += Math.Abs(first[i] - second[i]);
                pairs++;
            }
            foreach (var z in (ReadOnlySpan<double>)[first[i], second[i]])
            {
                if (double.IsNaN(z)) continue;
                total += z;
                present++;
            }
        }
        return pairs == 0
            ? Proxies.Score.NotAvailable("no output entry is present under both weight settings")
            : Proxies.Score.Of(difference / pairs / (total / present), ("difference", difference / pairs), ("mean", total / present), ("w1", SmallWeight), ("w2", LargeWeight));
    }

    /// <summary>The outputs of a run, min-max normalised, entries that become exactly 0 as NaN; null where they are constant or not finite.</summary>
    static double[]? Normalized(ModelMeasurement run, double weight, out string reason)
    {
        // The normalisation is done in float32, as in the source: which entries become exactly 0 depends on it.
        var raw = run.Outputs.SelectMany(o => o.Data.ToFloats()).ToArray();
        var w = weight.ToString("0.#######", System.Globalization.CultureInfo.InvariantCulture);
        reason = $"the model has no float output to compare with w = {w}";
        if (raw.Length == 0) return null;
        reason = $"with w = {w} the outputs are not finite";
        if (Array.Exists(raw, v => !float.IsFinite(v))) return null;
        float min = raw.Min(), max = raw.Max();
        reason = $"with w = {w} all outputs are equal";
        if (max == min) return null;
        return [.. raw.Select(v => (v - min) / (max - min)).Select(z => z == 0 ? double.NaN : z)];
    }
}
