using GraphRewriter.Canonicalization;
using OnnxAuditor.Measurement;
using OnnxAuditor.Measurement.Instruments;

namespace OnnxAuditor.Proxies;

/// <summary>Proxies of the patterns that single units show over the samples: swap and reg_swap.</summary>
static class Swap
{
    /// <summary>swap.</summary>
    internal static readonly Proxy Proxy = new(
        "swap", "SWAP", HigherIsBetter: true, ProxyCost.Forward,
        o => [ProxyRuns.Gaussian(o, ActivationSigns.Instrument)],
        x => Score(x.Runs[0], _ => 1),
        new ProxyText(
            Summary: "How many different on-off patterns the units of the network show over the samples of a batch.",
            Definition: "Each unit of a gated activation (ReLU and its kin, GELU, SiLU, HardSwish, Mish) is on or off for each of the n samples, a pattern of n bits. The score is the number of different patterns among all units, at most 2ⁿ. Weights of N(0, 1), batch statistics; labels play no part. Components: `units`, `samples`.",
            ForTrainedModels: "With shipped weights it counts how many distinctions between the samples the trained units make.",
            WhenNotToUse: "It grows with the number of units until it reaches 2ⁿ: compare at one batch, and take 16 samples or more. Networks without gated activations have no value.",
            Source: "Peng et al., SWAP-NAS, ICLR 2024, arXiv 2403.04161, and its released code, which takes ReLUs of images alone and averages 32 re-initialisations (here --seeds). Spearman 0.79 on NAS-Bench-201 with CIFAR-10 accuracy by our calibration."));

    /// <summary>reg_swap.</summary>
    internal static readonly Proxy Regularized = new(
        "reg_swap", "Regularised SWAP", HigherIsBetter: true, ProxyCost.Forward,
        o => [ProxyRuns.Gaussian(o, ActivationSigns.Instrument)],
        x => x.Options.RegSwap is { } size
            ? Score(x.Runs[0], thousands => Math.Exp(-(thousands - size.Mu) * (thousands - size.Mu) / size.Sigma), x.Model)
            : Proxies.Score.NotAvailable("the size that it steers to is not given: --reg-swap MU,SIGMA in thousands of parameters"),
        new ProxyText(
            Summary: "SWAP times a bell curve of the model's size, which steers a search towards models of a wanted size.",
            Definition: "swap · exp(−(P − μ)² / σ), P the trainable parameters in thousands; μ and σ are the user's, given by --reg-swap MU,SIGMA. Components as for swap, and `factor`.",
            ForTrainedModels: "As for swap.",
            WhenNotToUse: "It has no value without μ and σ, and these have no default: the source chooses them for each search space.",
            Source: "Peng et al., SWAP-NAS, ICLR 2024, arXiv 2403.04161."));

    static Score Score(ModelMeasurement run, Func<double, double> factor, CanonicalModel? model = null)
    {
        var (signs, failure) = run.Read(ActivationSigns.Instrument);
        if (signs is null) return Proxies.Score.NotAvailable(failure!);
        double patterns = signs.DistinctUnits();
        if (model is null) return Proxies.Score.Of(patterns, ("units", signs.UnitCount), ("samples", signs.Samples));
        var scale = factor(model.Parameters.Where(p => p.Trainable).Sum(p => p.Count) / 1000.0);
        return Proxies.Score.Of(patterns * scale, ("units", signs.UnitCount), ("samples", signs.Samples), ("factor", scale));
    }
}
