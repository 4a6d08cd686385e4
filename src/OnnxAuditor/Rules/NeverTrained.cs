using GraphRewriter.Canonicalization;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN026.</summary>
static class NeverTrained
{
    static readonly Threshold Share = new("TRN026.share", 0.8, "", "the share of kernels that must look freshly initialised");
    static readonly Threshold MinElements = new("TRN026.elements", 256, "elements", "smaller kernels tell too little");
    static readonly Threshold MinKernels = new("TRN026.kernels", 2, "kernels", "with fewer large enough kernels nothing is said");

    public static readonly Rule Rule = new("TRN026", "NeverTrained", "The weights look freshly initialised", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: "Networks nearly all of whose kernels are distributed as an initialisation law leaves them: uniform up to a sharp edge, or Gaussian of exactly the law's width.",
        WhyItMatters: """
            An export of a model whose checkpoint was never loaded is a common slip, and nothing about the file looks wrong. Conversely a network meant for training from scratch should look like
            this, and the measurements of its shipped weights are those of an initialisation.
            """,
        HowItIsComputed: """
            For each kernel of at least 256 elements: mean, standard deviation σ, kurtosis and largest absolute value, each held against the law with four standard errors of a sample of that size.
            1. Uniform: kurtosis 1.80 (± 0.05 at least) and largest absolute value √3·σ.
            2. Gaussian: kurtosis 3.00 (± 0.1 at least) and σ that of a known law.

            Known widths: PyTorch's default 1/√(3·fan_in), He √(2/fan_in) and √(2/fan_out), Glorot √(2/(fan_in + fan_out)), LeCun √(1/fan_in), and 0.01, 0.02, 1. Where 80 % of the kernels fit a law of known
            width, confidence is likely; where the shape alone fits, it is a hint: small trained networks overlap with it.
            """,
        Threshold: "80 % of the kernels, at least two. The tolerances are those of the sample size; kurtosis alone is never taken for more than a hint.",
        Example: "23 of 24 kernels are uniform in ±1/√(fan_in).",
        Remedy: "If the model should be trained: load the checkpoint before exporting (`model.load_state_dict(torch.load(path))`, and check that no key was missing), then export again.",
        WhenToIgnore: "Where the network is meant to be trained from scratch.",
        References: "He et al. 2015, arXiv 1502.01852; Glorot and Bengio 2010; PyTorch, torch.nn.init"),
        Find)
    { Thresholds = [Share, MinElements, MinKernels] };

    enum Fit
    {
        None,
        Shape,
        Law,
    }

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var kernels = context.Weights.Where(w => w.IsKernel && w.Data.Count >= context.Limit(MinElements) && w.Statistics is { NonFinite: 0, Variance: > 0 }).ToList();
        if (kernels.Count < context.Limit(MinKernels)) yield break;
        var fits = kernels.Select(w => (Weight: w, Found: Classify(w))).ToList();
        var byLaw = fits.Count(f => f.Found.Fit == Fit.Law);
        var byShape = fits.Count(f => f.Found.Fit != Fit.None);
        if (byShape < context.Limit(Share) * kernels.Count) yield break;
        var sure = byLaw >= context.Limit(Share) * kernels.Count;
        var laws = fits.Where(f => f.Found.Fit == Fit.Law).GroupBy(f => f.Found.Law, StringComparer.Ordinal).OrderByDescending(g => g.Count()).ThenBy(g => g.Key, StringComparer.Ordinal).Select(g => g.Key).ToList();
        var largest = fits.Where(f => f.Found.Fit != Fit.None).OrderByDescending(f => f.Weight.Data.Count).ThenBy(f => f.Weight.Name, StringComparer.Ordinal).First().Weight;
        var shape = laws.Count > 0 ? Phrase.List(laws, 2) : "uniform";
        yield return new Observation(
            largest.Name, $"{byShape} of {kernels.Count} kernels are distributed as freshly initialised ({shape}){Supporting(context)}.",
            NumberFormat.Percent((double)byShape / kernels.Count) + " of the kernels", $"< {NumberFormat.Percent(context.Limit(Share))}")
        {
            Confidence = sure ? Confidence.Likely : Confidence.Hint,
            Value = largest.Value,
            Count = byShape,
            Remedy = "If the model should be trained, load its checkpoint before exporting and check that no key was missing.",
        };
    }

    static (Fit Fit, string Law) Classify(Weight weight)
    {
        var s = weight.Statistics;
        var root = Math.Sqrt(s.Count);
        if (Math.Abs(s.Mean) > 4 * s.Std / root) return (Fit.None, "");
        // The standard errors of the kurtosis of n uniform and n Gaussian numbers are about 0.82/√n and √(24/n); that of σ, relative, is 0.45/√n and 0.71/√n.
        var uniform = Math.Abs(s.Kurtosis - 1.8) <= Math.Max(0.05, 4 * 0.82 / root) && s.MaxAbs / s.Std <= Math.Sqrt(3) * (1 + 2 / root);
        var gaussian = Math.Abs(s.Kurtosis - 3) <= Math.Max(0.1, 4 * 4.9 / root);
        if (!uniform && !gaussian) return (Fit.None, "");
        var tolerance = 4 * (uniform ? 0.45 : 0.71) / root;
        foreach (var (law, width) in Widths(weight, uniform))
            if (Math.Abs(s.Std / width - 1) <= tolerance) return (Fit.Law, law);
        return uniform ? (Fit.Shape, "") : (Fit.None, "");
    }

    static IEnumerable<(string Law, double Std)> Widths(Weight weight, bool uniform)
    {
        var kind = uniform ? "uniform" : "normal";
        foreach (var (fanIn, fanOut) in Fans(weight))
        {
            if (uniform) yield return ("PyTorch's default", 1 / Math.Sqrt(3.0 * fanIn));
            yield return ($"He {kind}", Math.Sqrt(2.0 / fanIn));
            yield return ($"He {kind} by fan-out", Math.Sqrt(2.0 / fanOut));
            yield return ($"Glorot {kind}", Math.Sqrt(2.0 / (fanIn + fanOut)));
            yield return ($"LeCun {kind}", Math.Sqrt(1.0 / fanIn));
        }
        if (uniform) yield break;
        yield return ("N(0, 0.02²)", 0.02);
        yield return ("N(0, 0.01²)", 0.01);
        yield return ("N(0, 1)", 1);
    }

    /// <summary>Fan-in and fan-out; both ways round where the layout does not tell.</summary>
    static IEnumerable<(double In, double Out)> Fans(Weight weight)
    {
        var dims = weight.Data.Dims;
        if (weight.Role == ParameterRole.ConvolutionWeight && dims.Count > 2)
        {
            var window = (double)weight.Data.Count / (dims[0] * dims[1]);
            // For a transposed convolution PyTorch takes dimension 1 for the fan-in too.
            yield return (dims[1] * window, dims[0] * window);
        }
        else if (dims.Count == 2)
        {
            yield return (dims[0], dims[1]);
            yield return (dims[1], dims[0]);
        }
        else if (dims.Count == 3 && weight.Role is ParameterRole.RecurrentInputWeight or ParameterRole.RecurrentHiddenWeight)
        {
            // PyTorch draws all of a recurrent layer in ±1/√hidden.
            var gates = weight.Use.Node.OpType switch { "LSTM" => 4, "GRU" => 3, _ => 1 };
            yield return ((double)dims[1] / gates, dims[1]);
        }
    }

    static string Supporting(RuleContext context)
    {
        List<string> signs = [];
        var biases = context.Weights.Where(w => w is { Role: ParameterRole.Bias, Trainable: true }).ToList();
        if (biases.Count > 0 && biases.TrueForAll(b => b.Statistics.Zeros == b.Statistics.Count)) signs.Add("all biases are zero");
        var means = context.Weights.Where(w => w.Role == ParameterRole.RunningMean).ToList();
        if (means.Count > 0 && means.TrueForAll(m => m.Statistics.Zeros == m.Statistics.Count)) signs.Add("all running means are zero");
        return signs.Count == 0 ? "" : $"; {string.Join(" and ", signs)}";
    }
}
