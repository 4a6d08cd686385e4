using System.Numerics.Tensors;
using GraphRewriter.Canonicalization;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>WGT019.</summary>
static class UntrainedRows
{
    static readonly Threshold Share = new("WGT019.share", 0.05, "", "the share of rows from which on it is reported");
    static readonly Threshold MinRows = new("WGT019.rows", 16, "rows", "fewer untrained rows are left alone");
    static readonly Threshold Separation = new("WGT019.separation", 0.8, "", "the part of the variance of the rows' log norms that two groups must explain");
    static readonly Threshold Dispersion = new("WGT019.dispersion", 1.5, "", "rows whose norms scatter by less than this times what random rows do are taken for drawn");

    public static readonly Rule Rule = new("WGT019", "UntrainedRows", "Rows of an embedding were never trained", Severity.Info, RuleCost.Scan, new RuleText(
        WhatItFinds: "Embedding tables a part of whose rows are still as they were initialised: zero, or all of the norm that random rows have, apart from the rows that were trained.",
        WhyItMatters: """
            A row gets a gradient only when its token occurs. Tokens that never occurred in training have rows that mean nothing, and a network meeting such a token later is fed noise of full size. They cost memory, and give
            prompts that make language models misbehave.
            """,
        HowItIsComputed: """
            For each trainable table of at least 64 rows that is looked up by Gather:
            1. Rows that are exactly zero.
            2. The logarithms of the rows' norms are split in two groups where the variance between the groups is largest (Otsu's method). A group counts as never trained where the split explains 80 % of the variance, the group's
               norms scatter by no more than 1.5/√(2·dim), 1/√(2·dim) being what rows of independent Gaussian numbers have, and the other group scatters more.

            Suppressed where TRN026 finds all weights freshly drawn.
            """,
        Threshold: "5 % of the rows and at least 16 of them: a padding row and a few reserved tokens are usual.",
        Example: "`wte.weight`: 1,200 of 50,257 rows have norm 0.39 ± 0.01, the others 3.1 ± 0.4.",
        Remedy: """
            Cut the rows out of the table and the tokens out of the tokenizer, or map them to the unknown token; where they will be needed, initialise them with the mean of the trained rows before fine-tuning and give the table
            a learning rate of its own.
            """,
        WhenToIgnore: "Where the rows are reserved for tokens that are added later.",
        References: "Land and Bartolo 2024, arXiv 2405.05417 (under-trained tokens); Otsu 1979"),
        Find)
    { Thresholds = [Share, MinRows, Separation, Dispersion] };

    const int FewestRows = 64;

    static IEnumerable<Observation> Find(RuleContext context)
    {
        foreach (var weight in context.Weights.Where(w => w is { Trainable: true, Role: ParameterRole.Embedding, Data.Dims: [>= FewestRows, > 1] } && w.Statistics.NonFinite == 0))
        {
            var (rows, width) = ((int)weight.Data.Dims[0], (int)weight.Data.Dims[1]);
            var norms = new double[rows];
            for (var r = 0; r < rows; r++) norms[r] = TensorPrimitives.Norm(weight.Floats.Slice(r * width, width));
            var zero = norms.Count(n => n == 0);
            var (drawn, norm) = Drawn(context, [.. norms.Where(n => n > 0).Order()], width);
            var untrained = Math.Max(zero, drawn);
            if (untrained < context.Limit(MinRows) || untrained < context.Limit(Share) * rows || untrained == rows) continue;
            var message = zero >= drawn
                ? $"{NumberFormat.Count(zero)} of {NumberFormat.Count(rows, "row")} are exactly zero: their tokens never occurred in training."
                : $"{NumberFormat.Count(drawn)} of {NumberFormat.Count(rows, "row")} have the norm of freshly drawn rows, {NumberFormat.Value(norm)}, apart from the others: their tokens hardly ever occurred in training.";
            yield return new Observation(weight.Name, message, NumberFormat.Percent((double)untrained / rows) + " of the rows", $"< {NumberFormat.Percent(context.Limit(Share))}", (double)untrained / rows)
            {
                Confidence = zero >= drawn ? Confidence.Likely : Confidence.Hint,
                Value = weight.Value,
                Remedy = "Cut these rows and their tokens, or initialise them with the mean of the trained rows before fine-tuning.",
            };
        }
    }

    /// <summary>How many rows form a group of the scatter of random rows apart from the others, and their typical norm.</summary>
    /// <param name="context">The thresholds.</param>
    /// <param name="norms">Ascending, positive.</param>
    /// <param name="width">Numbers in a row.</param>
    static (int Count, double Norm) Drawn(RuleContext context, double[] norms, int width)
    {
        if (norms.Length < FewestRows) return (0, 0);
        var logs = norms.Select(n => Math.Log(n)).ToArray();
        var split = Split(logs, out var explained);
        if (explained < context.Limit(Separation)) return (0, 0);
        var (low, high) = (Scatter(logs.AsSpan(0, split)), Scatter(logs.AsSpan(split)));
        var limit = context.Limit(Dispersion) / Math.Sqrt(2 * width);
        // Both groups so narrow are two laws, not a trained and an untrained part.
        if (low <= limit == high <= limit) return (0, 0);
        return low <= limit ? (split, norms[split / 2]) : (logs.Length - split, norms[(split + logs.Length) / 2]);
    }

    /// <summary>Where ascending numbers are best split in two, and the part of the variance that the split explains.</summary>
    static int Split(double[] ascending, out double explained)
    {
        var (total, n) = (ascending.Sum(), ascending.Length);
        var mean = total / n;
        var variance = ascending.Sum(v => (v - mean) * (v - mean));
        var (best, at, below) = (0.0, 1, 0.0);
        for (var i = 1; i < n; i++)
        {
            below += ascending[i - 1];
            var difference = below / i - (total - below) / (n - i);
            var between = (double)i * (n - i) / n * difference * difference;
            if (between > best) (best, at) = (between, i);
        }
        explained = variance > 0 ? best / variance : 0;
        return at;
    }

    static double Scatter(ReadOnlySpan<double> logs)
    {
        var mean = TensorPrimitives.Sum(logs) / logs.Length;
        var squares = 0.0;
        foreach (var v in logs) squares += (v - mean) * (v - mean);
        return Math.Sqrt(squares / logs.Length);
    }
}
