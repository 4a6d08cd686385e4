using OnnxAuditor.Reports;

namespace OnnxAuditor.Comparison;

/// <summary>Ranks models by proxies. A difference counts only beyond the spread over seeds: where the ranges of two models meet, neither is ahead.</summary>
static class RankModels
{
    /// <summary>The proxies that are the model's size: shown, not counted, as what other scores are held against.</summary>
    static readonly string[] Baselines = ["parameters", "macs"];

    const string AzNas = "az_nas";

    /// <summary>The parts whose ranks AZ-NAS (Lee and Ham 2024) adds up, of all of which more is better.</summary>
    static readonly string[] AzNasParts = ["expressivity", "progressivity", "trainability", "complexity"];

    /// <summary>Every proxy over the models, in the order of the first model that has it.</summary>
    public static IReadOnlyList<ProxyComparison> Proxies(IReadOnlyList<ModelReport> models)
    {
        var result = new List<ProxyComparison>();
        foreach (var id in models.SelectMany(m => m.Proxies.Select(p => p.Id)).Distinct(StringComparer.Ordinal))
        {
            var found = models.Select(m => m.Proxies.FirstOrDefault(p => p.Id.Equals(id, StringComparison.Ordinal))).ToList();
            result.Add(One(id, found));
            if (id is AzNas && AzNasRanks(found) is { } aggregate) result.Add(aggregate);
        }
        return result;
    }

    /// <summary>The ranks over the proxies that rank every model; null where there are none.</summary>
    public static RankAggregate? Aggregate(IReadOnlyList<ProxyComparison> proxies, int models)
    {
        // AZ-NAS' aggregate holds its single score's part and more; both would count twice.
        var hasAggregate = proxies.Any(p => p.Id is $"{AzNas}_ranks" && p.Note is null);
        var ballots = proxies.Where(p => p.Note is null && p.Ranks.All(r => r is not null) && !Baselines.Contains(p.Id, StringComparer.Ordinal) && !(hasAggregate && p.Id is AzNas)).ToList();
        if (ballots.Count == 0 || models < 2) return null;
        var wins = new Dictionary<(int, int), int>();
        for (var a = 0; a < models; a++)
            for (var b = 0; b < models; b++)
                if (a != b) wins[(a, b)] = ballots.Count(p => IsAhead(p, a, b));
        double[] means = [.. Enumerable.Range(0, models).Select(m => ballots.Average(p => p.Ranks[m]!.Value))];
        return new RankAggregate(means, Concordance(ballots, models), [.. ballots.Select(p => p.Id)], wins, [.. Enumerable.Range(0, models).OrderBy(m => means[m]).ThenBy(m => m)]);
    }

    /// <summary>Whether a model is ahead of another on a proxy, beyond the spread of both.</summary>
    static bool IsAhead(ProxyComparison proxy, int a, int b) => IsAhead(proxy.Scores[a], proxy.Scores[b], proxy.HigherIsBetter);

    static bool IsAhead(ScoreWithSpread a, ScoreWithSpread b, bool higherIsBetter) => higherIsBetter ? a.Low > b.High : a.High < b.Low;

    static ProxyComparison One(string id, List<ProxyResult?> found)
    {
        var higherIsBetter = found.First(p => p is not null)!.HigherIsBetter;
        ScoreWithSpread[] scores = [.. found.Select(Spread)];
        var oneSeed = found.Any(p => p is { Value: not null, Seeds.Count: < 2 } && !IsFixed(p));
        var note = scores.Count(s => s.Value is not null) < 2 ? "fewer than two models have a score" : oneSeed ? "one seed: the spread is not known" : null;
        return new ProxyComparison(id, higherIsBetter, scores, note is null ? Ranks(scores, higherIsBetter) : [], note);
    }

    /// <summary>Whether a score hangs on no seed.</summary>
    static bool IsFixed(ProxyResult proxy) => proxy.Protocol is "from the graph" || Baselines.Contains(proxy.Id, StringComparer.Ordinal);

    static ScoreWithSpread Spread(ProxyResult? proxy) =>
        proxy is null ? new(null, null, null, "not computed")
        : proxy.Value is not { } value ? new(null, null, null, proxy.Reason)
        : proxy.Seeds.Count > 0 ? new(value, proxy.Seeds.Min(), proxy.Seeds.Max(), null) : new(value, value, value, null);

    /// <summary>1 and the number of models ahead, and half a place for each that is neither ahead nor behind.</summary>
    static IReadOnlyList<double?> Ranks(ScoreWithSpread[] scores, bool higherIsBetter) =>
    [
        .. scores.Select((s, i) => s.Value is null ? (double?)null : 1 + scores.Where((other, j) => j != i && other.Value is not null)
            .Sum(other => IsAhead(other, s, higherIsBetter) ? 1 : IsAhead(s, other, higherIsBetter) ? 0 : 0.5)),
    ];

    /// <summary>The sum of ln(rank / models) over the four parts, ranks counted from the worst; null where a model lacks a part.</summary>
    static ProxyComparison? AzNasRanks(List<ProxyResult?> found)
    {
        if (found.Any(p => p is null || AzNasParts.Any(part => !p.Components.ContainsKey(part)))) return null;
        double[] sums = new double[found.Count];
        foreach (var part in AzNasParts)
        {
            double[] values = [.. found.Select(p => p!.Components[part])];
            for (var i = 0; i < values.Length; i++) sums[i] += Math.Log((values.Count(v => v < values[i]) + (values.Count(v => v == values[i]) + 1) / 2.0) / values.Length);
        }
        ScoreWithSpread[] scores = [.. sums.Select(s => new ScoreWithSpread(s, s, s, null))];
        return new ProxyComparison($"{AzNas}_ranks", true, scores, Ranks(scores, true), null);
    }

    /// <summary>Kendall and Babington Smith's W with the correction for ties.</summary>
    static double? Concordance(List<ProxyComparison> ballots, int models)
    {
        double m = ballots.Count, n = models;
        var sums = Enumerable.Range(0, models).Select(i => ballots.Sum(p => p.Ranks[i]!.Value)).ToList();
        var mean = sums.Average();
        var ties = ballots.Sum(p => p.Ranks.GroupBy(r => r).Sum(g => Math.Pow(g.Count(), 3) - g.Count()));
        var denominator = m * m * (n * n * n - n) - m * ties;
        return denominator > 0 ? Math.Clamp(12 * sums.Sum(s => (s - mean) * (s - mean)) / denominator, 0, 1) : null;
    }
}
