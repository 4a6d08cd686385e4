using OnnxAuditor.Measurement;
using OnnxAuditor.Measurement.Instruments;
using OnnxAuditor.Numerics;

namespace OnnxAuditor.Proxies;

/// <summary>dextr: how well conditioned the feature maps of one sample are, and how the output curves.</summary>
static class Dextr
{
    const int Coordinates = 10;

    /// <summary>The proxy.</summary>
    internal static readonly Proxy Proxy = new(
        "dextr", "Dextr", HigherIsBetter: true, ProxyCost.Forward,
        o => [ProxyRuns.OneSample(o, FeatureMaps.Instrument), ProxyRuns.OneSample(o, OutputCurve.Instrument) with { Input = InputLaw.CirclePoint }],
        x => Score(x),
        new ProxyText(
            Summary: "How well conditioned the feature maps of one sample are, joined with how strongly the output curves when the input moves on a circle.",
            Definition: """
                a = ln(1 + S), b = ln(1 + κ), and the score is a · b / (a + b). S = Σ σ_min / σ_max over each distinct output of a convolution, linear layer, norm, activation, pool or sum of two tensors, as the matrix of
                channels by positions of the first sample, not centred; a zero map adds 0, a map with one row or column 1. κ = √(|v|² |a|² − (v · a)²) / |v|³ with v and a the first and second derivatives of the
                logits along x(θ) = u cos θ + v sin θ at θ = 0, u and v random orthonormal directions; of more than 10 logits, 10 drawn ones count. One sample, re-initialised weights, the sample's own
                statistics as the batch's. The derivatives come from forward nodes made by transposing the reverse pass twice (2-jets), so that ONNX Runtime computes them; Torch's double backward gives the same. Components: `S`, `kappa`, `maps`,
                `tooLarge` (maps left out, both sides over 1024).
                """,
            ForTrainedModels: "Trained features are worse conditioned than random ones; the curvature of a trained network tells how sharply its output bends between inputs.",
            WhenNotToUse: "On NAS-Bench-201 S alone ranks better than the score (Spearman 0.92 against 0.90) and κ alone much worse (0.46). Models without float input have no κ and no score. One sample decides: use --seeds.",
            Source: "Asthana et al., Dextr, TMLR 2025, arXiv 2508.12977, and its released code. There every module of a PyTorch network counts, wrappers again and again; each distinct tensor once ranks the same (Spearman 0.90 against 0.91 over 600 architectures). There 10 logits are drawn with replacement, and the curve always is one of 64 × 64 images; here it has the size of the input."))
    { InStandardProfile = true };

    static Score Score(ProxyInputs x)
    {
        var (maps, failure) = x.Runs[0].Read(FeatureMaps.Instrument);
        if (maps is null) return Proxies.Score.NotAvailable(failure!);
        if (maps.Maps.FirstOrDefault(m => m.InverseCondition is null) is { } bad) return Proxies.Score.NotAvailable($"the output of '{bad.Layer.Name}' is not finite");
        var s = maps.Maps.Sum(m => m.InverseCondition!.Value);
        (string, double)[] features = [("S", s), ("maps", maps.Maps.Count), ("tooLarge", maps.TooLarge)];
        var (curve, reason) = x.Runs[1].Read(OutputCurve.Instrument);
        if (curve is null) return Proxies.Score.NotAvailable($"no curvature: {reason}", features);
        if (Curvature(curve, x.Options.Seed) is not { } kappa) return Proxies.Score.NotAvailable("no curvature: the output does not move along the path, or not by a finite amount", features);
        return Proxies.Score.Of(Joined(s, kappa), [.. features, ("kappa", kappa)]);
    }

    /// <summary>ln(1 + S) ln(1 + κ) / (ln(1 + S) + ln(1 + κ)); 0 where both are.</summary>
    internal static double Joined(double s, double kappa)
    {
        var (a, b) = (Math.Log(1 + s), Math.Log(1 + kappa));
        return a + b > 0 ? a * b / (a + b) : 0;
    }

    /// <summary>The curvature of the path of the outputs; null where it stands still.</summary>
    internal static double? Curvature(CurveDerivatives curve, long seed)
    {
        var chosen = Enumerable.Range(0, curve.Velocity.Length).ToArray();
        if (chosen.Length > Coordinates)
        {
            var random = new SeededRandom(seed, "dextr/coordinates");
            for (var i = 0; i < Coordinates; i++)
            {
                var j = i + (int)random.Integer(chosen.Length - i);
                (chosen[i], chosen[j]) = (chosen[j], chosen[i]);
            }
            chosen = chosen[..Coordinates];
        }
        // Scaled by |v|, as squares of 1e-200 are zero.
        var speed = Math.Sqrt(chosen.Sum(c => curve.Velocity[c] * curve.Velocity[c]));
        if (!(speed > 0)) return null;
        double along = 0, across = 0;
        foreach (var c in chosen) along += curve.Velocity[c] / speed * curve.Acceleration[c];
        foreach (var c in chosen)
        {
            var rest = curve.Acceleration[c] - along * curve.Velocity[c] / speed;
            across += rest * rest;
        }
        var kappa = Math.Sqrt(across) / speed / speed;
        return double.IsFinite(kappa) ? kappa : null;
    }
}
