using System.Numerics.Tensors;
using OnnxAuditor.Numerics;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>WGT006.</summary>
static class CollinearUnits
{
    static readonly Threshold Cosine = new("WGT006.cosine", 0.99, "", "units whose weights have a larger absolute cosine count as collinear");
    static readonly Threshold Share = new("WGT006.share", 0.1, "", "the share of collinear units from which on it is a warning");
    static readonly Threshold MinUnits = new("WGT006.units", 8, "units", "layers of fewer units are left alone");
    static readonly Threshold MaxUnits = new("WGT006.most-units", 4096, "units", "layers of more units are left alone: every pair of them is looked at");
    static readonly Threshold MinInputs = new("WGT006.inputs", 16, "inputs a unit", "units of fewer inputs are alike by chance");

    public static readonly Rule Rule = new("WGT006", "CollinearUnits", "Units of a layer point in the same or in opposite directions", Severity.Warning, RuleCost.Spectral, new RuleText(
        WhatItFinds: "Layers in which many output units have incoming weights that differ by little more than a factor, positive or negative.",
        WhyItMatters: """
            Two collinear units compute one feature. The layer is narrower than it looks, the memory and time for the rest are spent for nothing, and the loss is flat along every direction in which one
            of them takes over from the other.
            """,
        HowItIsComputed: """
            For trainable kernels and matrices whose layout shows the units, without grouped convolutions, and without units that are zero: the cosine between the incoming weights of each two units, from the Gram matrix of the
            unit vectors in float64. Counted are the units that have a partner with |cosine| above the threshold. Units that are equal up to rounding are WGT005's. For large models only the cheapest
            decompositions are made, as WGT007 says.
            """,
        Threshold: """
            10 % of the units with a partner beyond 0.99; at least 8 units of at least 16 inputs. Random vectors of 16 numbers pass 0.99 once in 3·10¹³ pairs. Of the layers of
            the networks of docs/findings.md one lies above 10 %, at 15 %, and all others below 9 %.
            """,
        Example: "`fc1.weight`: 40 of 128 units have a partner with |cosine| above 0.99.",
        Remedy: """
            Prune one unit of each pair and add its outgoing weights, times the factor, to its partner's: the outputs stay the same. To keep the width: re-initialise one of each pair, and train on with orthogonal regularisation
            (a penalty λ‖WᵀW − I‖² with λ ≈ 1e-4) or dropout.
            """,
        WhenToIgnore: "Where pairs of opposite sign are meant (concatenated ReLU, a two-class softmax).",
        References: "Bansal, Chen and Wang 2018, arXiv 1810.09102 (orthogonal regularisation); Srinivas and Babu 2015, arXiv 1507.06149 (removing similar neurons); Shang et al. 2016, arXiv 1603.05201 (opposite pairs)"),
        Find)
    { Thresholds = [Cosine, Share, MinUnits, MaxUnits, MinInputs] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        foreach (var spectrum in context.Spectra.All)
        {
            if (spectrum.Units is not { } units || units < context.Limit(MinUnits) || units > context.Limit(MaxUnits)) continue;
            var inputs = spectrum.Matrix.Length / units;
            if (inputs < context.Limit(MinInputs) || spectrum.Weight.Role is GraphRewriter.Canonicalization.ParameterRole.Embedding) continue;
            var collinear = Count(SingularValues.Gram(spectrum.UnitVectors()!, units, inputs), units, context.Limit(Cosine));
            var share = (double)collinear / units;
            if (share < context.Limit(Share)) continue;
            yield return new Observation(
                spectrum.Weight.Name, $"{collinear} of {NumberFormat.Count(units, "unit")} have a partner whose weights point in the same or the opposite direction (|cosine| above {NumberFormat.Value(context.Limit(Cosine))}).",
                NumberFormat.Percent(share) + " of the units", $"< {NumberFormat.Percent(context.Limit(Share))}", share)
            {
                Confidence = Confidence.Likely,
                Value = spectrum.Weight.Value,
                Remedy = "Merge the units of a pair (add the outgoing weights of one to the other's), or re-initialise one of each and train on with orthogonal regularisation.",
            };
        }
    }

    static int Count(double[] cosines, int units, double limit)
    {
        var collinear = 0;
        for (var u = 0; u < units; u++)
        {
            cosines[u * units + u] = 0;
            if (Math.Abs(TensorPrimitives.MaxMagnitude<double>(cosines.AsSpan(u * units, units))) > limit) collinear++;
        }
        return collinear;
    }
}
