using OnnxAuditor.Measurement.Instruments;

namespace OnnxAuditor.Proxies;

/// <summary>Proxies of how the gradient varies between batches: zico and l_swag.</summary>
static class GradientVariation
{
    /// <summary>zico.</summary>
    internal static readonly Proxy Zico = new(
        "zico", "ZiCo", HigherIsBetter: true, ProxyCost.Backward,
        o => [ProxyRuns.Training(o, WeightGradients.Instrument), ProxyRuns.SecondBatch(o, WeightGradients.Instrument)],
        x =>
        {
            if (Pairs(x) is not { } pairs) return Unavailable(x);
            var ratios = pairs.Select(p => Sum(p, (a, b) => Math.Abs(a - b) / 2, (a, b) => (Math.Abs(a) + Math.Abs(b)) / 2)).Where(r => r > 0).ToList();
            return ratios.Count == 0 ? Score.NotAvailable("no gradient differs between the two batches") : Score.Of(ratios.Sum(Math.Log), ("tensors", ratios.Count));
        },
        new ProxyText(
            Summary: "How large the gradient is against its variation between two batches: the inverse coefficient of variation.",
            Definition: "g⁽¹⁾ and g⁽²⁾ are the gradients of the loss of two batches by the weights of each convolution, linear and recurrent layer. For each entry μ = (|g⁽¹⁾| + |g⁽²⁾|) / 2 and s = |g⁽¹⁾ − g⁽²⁾| / 2, the population standard deviation. The score is Σ over tensors of ln Σ μ / s, over entries with s ≠ 0. Re-initialised weights, batch statistics, the user's data and labels (two batches of them), else N(0, 1) and random labels.",
            ForTrainedModels: "Where the batches are fitted, gradients are mostly noise and the ratio nears 1 an entry.",
            WhenNotToUse: "It counts tensors and their sizes more than anything else: look at the parameter count beside it. With random labels the variation is that of labels.",
            Source: "Li et al., ZiCo, ICLR 2023, arXiv 2301.11300, and its released code. Spearman 0.81 on NAS-Bench-201 with CIFAR-10 accuracy by our calibration (two batches of 32 images), published 0.80."))
    { InStandardProfile = true };

    /// <summary>l_swag.</summary>
    internal static readonly Proxy LSwag = new(
        "l_swag", "L-SWAG", HigherIsBetter: true, ProxyCost.Backward,
        o => [ProxyRuns.Training(o, WeightGradients.Instrument, ActivationSigns.Instrument), ProxyRuns.SecondBatch(o, WeightGradients.Instrument)],
        x =>
        {
            if (Pairs(x) is not { } pairs) return Unavailable(x);
            var (signs, failure) = x.Runs[0].Read(ActivationSigns.Instrument);
            if (signs is null) return Score.NotAvailable(failure!);
            var sums = pairs.Select(p => Sum(p, (a, b) => Math.Abs(Math.Abs(a) - Math.Abs(b)) / 2, (_, _) => 1)).Where(r => r > 0).ToList();
            var lambda = sums.Sum(Math.Log);
            double psi = signs.DistinctUnits();
            return sums.Count == 0 ? Score.NotAvailable("no gradient differs between the two batches") : Score.Of(lambda * psi, ("lambda", lambda), ("psi", psi), ("tensors", sums.Count));
        },
        new ProxyText(
            Summary: "How steady the gradient is between batches, times how many on-off patterns the units show.",
            Definition: "Λ · Ψ. Λ = Σ over weight tensors of ln Σ 1 / s with s the population standard deviation of |g| over two batches, over entries with s ≠ 0; Ψ is the number of different patterns that units of gated activations show over the samples of the first batch (as in swap). All layers count. Components: `lambda`, `psi`. Inputs as for zico.",
            ForTrainedModels: "As for zico and swap.",
            WhenNotToUse: "Λ depends on the scale of the gradient. The source restricts the sum to a range of depths chosen for each benchmark from a thousand networks, which one file cannot give: here all layers count.",
            Source: "Casarin et al., L-SWAG, CVPR 2025, arXiv 2505.07300; no code was released. Published Spearman on NAS-Bench-201: 0.79 (CIFAR-10)."));

    static IReadOnlyList<(float[] First, float[] Second)>? Pairs(ProxyInputs x)
    {
        var (first, second) = (x.Runs[0].Read(WeightGradients.Instrument).Value, x.Runs[1].Read(WeightGradients.Instrument).Value);
        return first is null || second is null ? null : [.. first.Of.Zip(second.Of, (a, b) => (a.Gradient, b.Gradient))];
    }

    static Score Unavailable(ProxyInputs x) => Score.NotAvailable(x.Runs.Select(r => r.Read(WeightGradients.Instrument).Failure).First(f => f is not null)!);

    static double Sum((float[] First, float[] Second) pair, Func<double, double, double> deviation, Func<double, double, double> numerator)
    {
        var sum = 0.0;
        for (var i = 0; i < pair.First.Length; i++)
        {
            double a = pair.First[i], b = pair.Second[i];
            var s = deviation(a, b);
            if (s > 0) sum += numerator(a, b) / s;
        }
        return sum;
    }
}
