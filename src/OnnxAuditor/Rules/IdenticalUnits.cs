using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>WGT005.</summary>
static class IdenticalUnits
{
    static readonly Threshold ErrorShare = new("WGT005.error", 0.5, "", "the share of units that repeat another one from which on it is an error");
    static readonly Threshold WarningShare = new("WGT005.warning", 0.05, "", "the share from which on it is a warning");
    static readonly Threshold MinUnits = new("WGT005.units", 8, "units", "layers of fewer units are left alone");
    static readonly Threshold MinInputs = new("WGT005.inputs", 8, "inputs a unit", "units of fewer inputs are alike by chance");

    public static readonly Rule Rule = new("WGT005", "IdenticalUnits", "Units of a layer have the same weights", Severity.Error, RuleCost.Scan, new RuleText(
        WhatItFinds: "Layers in which many output units have the same incoming weights, up to a positive factor.",
        WhyItMatters: """
            Units that start equal compute the same and, where what follows treats them alike, get the same gradient: they stay equal, and the layer learns no more than one unit would. The usual
            cause is an initialisation that repeats a row (a tiled or constant-filled tensor), or a widened network whose copies were never perturbed.
            """,
        HowItIsComputed: """
            For trainable kernels and matrices whose layout shows the units: each unit's weights are divided by their L2 norm and rounded to five decimals; counted are the units that repeat an earlier
            one. Zero units are WGT003's, a tensor that is one number throughout is WGT004's.
            """,
        Threshold: "From 50 % of the units on: error; from 5 % on: warning. At least 8 units of at least 8 inputs. Units of trained networks differ in the first digits.",
        Example: "`fc1.weight`: 252 of 256 rows repeat one of the first four.",
        Remedy: "Initialise the layer anew by He's or Glorot's law; for a network that was widened by copying units, add noise to the copies before training.",
        WhenToIgnore: "Where the repetition is meant (a fixed interleaving or upsampling written as a convolution).",
        References: "Goodfellow, Bengio and Courville 2016, Deep Learning, section 8.4; Chen, Goodfellow and Shlens 2016, arXiv 1511.05641 (widening with noise)"),
        Find)
    { Thresholds = [ErrorShare, WarningShare, MinUnits, MinInputs] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        foreach (var weight in context.Weights.Where(w => w.IsKernel && w.FanIn >= context.Limit(MinInputs) && w.Statistics is { NonFinite: 0, Variance: > 0 }))
        {
            var norms = weight.UnitNorms()!;
            var units = norms.Count(n => n > 0);
            if (units < context.Limit(MinUnits)) continue;
            var repeated = Repeated(weight, norms);
            var share = (double)repeated / units;
            if (share < context.Limit(WarningShare)) continue;
            var isError = share >= context.Limit(ErrorShare);
            yield return new Observation(
                weight.Name, $"{repeated} of {NumberFormat.Count(units, "unit")} have the same weights as another one, up to a factor.", NumberFormat.Percent(share) + " of the units", $"< {NumberFormat.Percent(context.Limit(isError ? ErrorShare : WarningShare))}", share)
            {
                Severity = isError ? Severity.Error : Severity.Warning,
                Confidence = Confidence.Likely,
                Value = weight.Value,
                Remedy = "Initialise the layer anew by He's or Glorot's law, or add noise to the copies before training.",
            };
        }
    }

    static int Repeated(Weight weight, double[] norms)
    {
        var run = weight.Run(weight.UnitAxis!.Value);
        // FNV-1a in 64 bits: the same on every machine, and without collisions among the units of any layer.
        var hashes = new ulong[norms.Length];
        Array.Fill(hashes, 14695981039346656037);
        var values = weight.Floats;
        for (var (at, unit) = (0, 0); at < values.Length; at += run, unit = unit + 1 < norms.Length ? unit + 1 : 0)
        {
            var (norm, hash) = (norms[unit], hashes[unit]);
            if (!(norm > 0)) continue;
            foreach (var v in values.Slice(at, run)) hash = unchecked((hash ^ (uint)(int)Math.Round(v / norm * 1e5)) * 1099511628211);
            hashes[unit] = hash;
        }
        var seen = new HashSet<ulong>();
        return Enumerable.Range(0, norms.Length).Count(u => norms[u] > 0 && !seen.Add(hashes[u]));
    }
}
