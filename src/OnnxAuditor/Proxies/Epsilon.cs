using OnnxAuditor.Measurement;

namespace OnnxAuditor.Proxies;

/// <summary>epsilon: how much the network's outputs differ between two constant weight settings.</summary>
static class Epsilon
{
    const long RampSamples = 64;

    /// <summary>Pairs of constant weights: the source's for NAS-Bench-201, which is the score, its pair for NAS-Bench-101, and one that stays in the range of float32 longer.</summary>
    static readonly (double Small, double Large)[] Pairs = [(1e-7, 1), (1e-4, 10), (1e-3, 1)];

    /// <summary>The proxy.</summary>
    internal static readonly Proxy Proxy = new(
        "epsilon", "Epsilon", HigherIsBetter: true, ProxyCost.Forward,
        o => [.. Weights(o.Thorough ? Pairs : Pairs[..1]).Select(w => Run(o, w))],
        Score,
        new ProxyText(
            Summary: "The mean difference of the min-max normalised outputs under two constant weight settings, over their mean.",
            Definition: """
                Every weight (convolution, linear, recurrent, normalisation scale) is set to w, every bias and shift to 0, and one unlabelled batch goes forward: once with w = 1e-7, once with w = 1.
                The outputs of each run, all samples and coordinates, form a vector that is min-max normalised; entries that are exactly 0 after it are left out. With z₁ and z₂ the two vectors,
                epsilon = mean |z₁ − z₂| over entries present in both, divided by the mean over all present entries of both. float32, batch statistics. The batch is the user's data, else a grey ramp (sample i of 64 is
                the constant i / 64), the source's data-free variant. A setting whose outputs are all equal has no value: with w = 1e-7 the signal underflows unless a path of additions and pools alone leads through. Nor has a network with layer norms: these take away what channels have in common, and equal channels leave nothing but rounding.
                Where every operator keeps equal channels equal (convolutions, batch norms, activations, pools, sums, a linear head), one channel is computed for all, which leaves out repetitions of equal outputs and
                costs the same for every width. Where proxies are named or all are computed, the components give the value for other pairs, which are defined for more networks: `pair_1e-4_10` (the source's for NAS-Bench-101) and `pair_1e-3_1`. In a ranking, models without value come last.
                """,
            ForTrainedModels: "The shipped weights play no part: the value is the architecture's.",
            WhenNotToUse: "Networks whose output does not vary with constant weights (a softmax head, equal classes normalised away, deep unnormalised stacks) have no value. With a constant weight every channel is alike, so width is not seen.",
            Source: "Gracheva, epsilon / epsinas, arXiv 2302.04406, and its released code, which min-max normalises each output vector; the abstract speaks of raw outputs. There the network is built with one class, which is the same, as equal outputs count alike. The published Spearman of 0.87 on NAS-Bench-201 is over the 59 % of cells where the value is defined."))
    { InStandardProfile = true, TakesNonFinite = true };

    static IEnumerable<double> Weights((double Small, double Large)[] pairs) => pairs.SelectMany(p => (double[])[p.Small, p.Large]).Distinct();

    static Protocol Run(ProtocolOptions o, double weight) =>
        new(WeightSource.Constant, NormStatistics.Batch, o.HasData ? InputLaw.Auto : InputLaw.GreyRamp, o.HasData ? o.Batch : RampSamples, o.Seed, Probes.Outputs) { ConstantWeight = weight };

    static Score Score(ProxyInputs x)
    {
        if (x.Model.Model.Graph.AllNodes().FirstOrDefault(n => n.Is("LayerNormalization")) is { } norm)
            return Proxies.Score.NotAvailable($"with constant weights all channels are equal, and the LayerNormalization '{norm.LogicalName}' leaves only rounding of them");
        ModelMeasurement RunOf(double weight) => x.Runs.First(r => r.Protocol.ConstantWeight == weight);
        var scores = Pairs.Where(p => x.Runs.Any(r => r.Protocol.ConstantWeight == p.Small)).Select(p => (Pair: p, Value: Score(RunOf(p.Small), RunOf(p.Large), p.Small, p.Large, out var reason), Reason: reason)).ToList();
        (string, double)[] components = [.. scores.Skip(1).Select(s => ($"pair_{Text(s.Pair.Small)}_{Text(s.Pair.Large)}", s.Value ?? double.NaN))];
        return scores[0].Value is { } value ? Proxies.Score.Of(value, components) : Proxies.Score.NotAvailable(scores[0].Reason, components);
    }

    static double? Score(ModelMeasurement small, ModelMeasurement large, double smallWeight, double largeWeight, out string reason)
    {
        var first = Normalized(small, smallWeight, out reason);
        if (first is null) return null;
        var second = Normalized(large, largeWeight, out reason);
        if (second is null) return null;
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
        reason = "no output entry is present under both weight settings";
        return pairs == 0 ? null : difference / pairs / (total / present);
    }

    static string Text(double weight) => weight >= 1 ? weight.ToString("0", System.Globalization.CultureInfo.InvariantCulture) : weight.ToString("0E-0", System.Globalization.CultureInfo.InvariantCulture).Replace("E", "e", StringComparison.Ordinal);

    /// <summary>The outputs of a run, min-max normalised, entries that become exactly 0 as NaN; null where they are constant or not finite.</summary>
    static double[]? Normalized(ModelMeasurement run, double weight, out string reason)
    {
        // The normalisation is done in float32, as in the source: which entries become exactly 0 depends on it.
        var raw = run.Outputs.SelectMany(o => o.Data.ToFloats()).ToArray();
        var w = Text(weight);
        reason = $"the model has no float output to compare with w = {w}";
        if (raw.Length == 0) return null;
        reason = run.FirstNonFinite is { } origin ? $"with w = {w} the run is not finite from {origin} on" : $"with w = {w} the outputs are not finite";
        if (Array.Exists(raw, v => !float.IsFinite(v))) return null;
        float min = raw.Min(), max = raw.Max();
        reason = $"with w = {w} all outputs are equal";
        if (max == min) return null;
        return [.. raw.Select(v => (v - min) / (max - min)).Select(z => z == 0 ? double.NaN : z)];
    }
}
