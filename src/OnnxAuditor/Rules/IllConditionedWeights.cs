using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>WGT008.</summary>
static class IllConditionedWeights
{
    static readonly Threshold Condition = new("WGT008.condition", 1e6, "", "a larger ratio of the largest to a singular value is reported; float32 resolves 1.7e7");
    static readonly Threshold Share = new("WGT008.share", 0.1, "", "the share of singular values beyond it from which on it is a warning; below, a hint");
    static readonly Threshold MinSide = new("WGT008.side", 16, "", "matrices whose shorter side is smaller are left alone");

    public static readonly Rule Rule = new("WGT008", "IllConditionedWeights", "The singular values of a layer span more than float32 resolves", Severity.Warning, RuleCost.Spectral, new RuleText(
        WhatItFinds: "Weight matrices the largest of whose singular values is more than a million times as large as others of theirs.",
        WhyItMatters: """
            What lies along the small directions is lost in the rounding of what lies along the large ones, forward and backward. Gradient descent moves the large directions at once and the small ones not
            at all: a step that is stable for the one is a millionth of what the other needs.
            """,
        HowItIsComputed: """
            From the singular values of the kernels (see WGT007; rows and columns that are zero are left out). Counted are those below 1e-6 of the largest: from 10 % of them on it is a warning, one of them is a
            hint, since weight decay leaves a few such directions in trained networks.
            """,
        Threshold: "σ_max/σ > 1e6: float32 has 24 bits, 1.7e7, and a sum of a few hundred products loses one digit of them. At 10 % of the singular values: warning. Shorter side at least 16.",
        Example: "`layer4.conv2.weight`: 70 of 512 singular values are below 1e-6 of the largest.",
        Remedy: """
            Prune the layer to its rank (two layers U·Σ and Vᵀ of the singular value decomposition, without the small ones), or re-initialise it; normalise in front of it, and use an optimiser that preconditions (Adam,
            Shampoo, Muon) or orthogonal initialisation.
            """,
        WhenToIgnore: "Where the model is not trained any more: for inference such directions do no harm.",
        References: "Golub and Van Loan, Matrix Computations, 2.6; Saxe, McClelland and Ganguli 2014, arXiv 1312.6120 (learning speed of single directions)"),
        Find)
    { Thresholds = [Condition, Share, MinSide] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var limit = context.Limit(Condition);
        foreach (var spectrum in context.Spectra.All.Where(s => s.Rows >= context.Limit(MinSide)))
        {
            var small = spectrum.Rows - spectrum.Rank(1 / limit);
            if (small == 0) continue;
            var share = (double)small / spectrum.Rows;
            var isWarning = share >= context.Limit(Share);
            yield return new Observation(
                spectrum.Weight.Name, $"{small} of {NumberFormat.Count(spectrum.Rows, "singular value")} {(small == 1 ? "is" : "are")} below {NumberFormat.Value(1 / limit)} of the largest.",
                $"condition number {NumberFormat.Value(spectrum.Condition)}", $"≤ {NumberFormat.Value(limit)}", share)
            {
                Severity = isWarning ? Severity.Warning : Severity.Info,
                Confidence = isWarning ? Confidence.Likely : Confidence.Hint,
                Value = spectrum.Weight.Value,
                Remedy = "Cut the layer down to its rank, or re-initialise it; normalise in front of it when training on.",
            };
        }
    }
}
