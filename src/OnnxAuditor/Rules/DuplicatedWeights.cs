using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN017.</summary>
static class DuplicatedWeights
{
    static readonly Threshold MinElements = new("TRN017.elements", 1024, "elements", "smaller tensors are left alone");

    public static readonly Rule Rule = new("TRN017", "DuplicatedWeights", "Two weights are equal to the last bit", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: "Pairs of large weights with exactly the same contents, also where one is the other's transpose, that are stored and used as two tensors.",
        WhyItMatters: """
            Either the two were one parameter (embedding and output head of a language model) and the export copied it: training moves the copies apart, and the model is no longer the
            one that was trained. Or layers were cloned and never trained since: then they start equal, which their author may not know.
            """,
        HowItIsComputed: """
            Among kernels, matrices and tables of at least the given size that are not constant: equal element count, equal or reversed dimensions, and every element equal. Parameters that the file
            itself shares are TRN018.
            """,
        Threshold: "1024 elements: smaller tensors are equal by chance of initialisation often enough.",
        Example: "`wte.weight` [50257, 768] and `lm_head.weight` [768, 50257].",
        Remedy: """
            Tie them again: in PyTorch `model.lm_head.weight = model.wte.weight` after import, in the graph one initializer with a Transpose in front of the second use. PyTorch's exporter copies tied
            weights where constant folding transposes one of them: `do_constant_folding=False` keeps them tied. Cloned layers: initialise each anew before training.
            """,
        WhenToIgnore: "Where both are frozen.",
        References: "Press and Wolf 2017, arXiv 1608.05859 (tied embeddings)"),
        Find)
    { Thresholds = [MinElements] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var kernels = context.Weights.Where(w => w.IsKernel && w.Data.Count >= context.Limit(MinElements) && w.Statistics is { Variance: > 0, NonFinite: 0 }).ToList();
        var copies = new HashSet<Weight>();
        for (var i = 0; i < kernels.Count; i++)
        {
            if (copies.Contains(kernels[i])) continue;
            var same = kernels.Skip(i + 1).Where(k => k.Value != kernels[i].Value && AreEqual(kernels[i], k)).ToList();
            if (same.Count == 0) continue;
            copies.UnionWith(same);
            var names = same.Select(w => w.Name).ToList();
            yield return new Observation(
                kernels[i].Name, $"Equal to {Phrase.List(names)} in every element: once tied, or cloned and not trained since.", $"{NumberFormat.Count(same.Count + 1, "equal tensor")} of {NumberFormat.Count(kernels[i].Data.Count, "element")}",
                "each tensor its own", kernels[i].Data.Count * same.Count)
            {
                Confidence = Confidence.Likely,
                Value = kernels[i].Value,
                OtherPlaces = names,
                Remedy = "Tie them again where they were one parameter (lm_head.weight = wte.weight); initialise clones anew before training.",
            };
        }
    }

    static bool AreEqual(Weight a, Weight b)
    {
        // The moments are known already and tell nearly all pairs apart; they are sums in another order for a transposed copy, hence the tolerance.
        var (s, t) = (a.Statistics, b.Statistics);
        if (s.Count != t.Count || s.Minimum != t.Minimum || s.Maximum != t.Maximum || Math.Abs(s.Variance - t.Variance) > 1e-9 * s.Variance) return false;
        if (a.Data.Dims.SequenceEqual(b.Data.Dims)) return a.Floats.SequenceEqual(b.Floats);
        return a.Data.Dims.Count == 2 && a.Data.Dims.SequenceEqual(b.Data.Dims.Reverse()) && IsTranspose(a.Floats, b.Floats, (int)a.Data.Dims[0], (int)a.Data.Dims[1]);
    }

    static bool IsTranspose(ReadOnlySpan<float> a, ReadOnlySpan<float> b, int rows, int columns)
    {
        for (var r = 0; r < rows; r++)
            for (var c = 0; c < columns; c++)
                if (a[r * columns + c] != b[c * rows + r]) return false;
        return true;
    }
}
