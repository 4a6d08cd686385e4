using OnnxAuditor.Reports;

namespace OnnxAuditor.Comparison;

/// <summary>Holds audited models against each other.</summary>
static class Compare
{
    /// <summary>Of the proxies on which two models differ beyond their spread, the share that must favour one for it to be called ahead.</summary>
    const double Majority = 2.0 / 3;

    /// <summary>Of all proxies that rank, the share on which two models must differ for one to be called ahead.</summary>
    const double Decided = 0.5;

    /// <summary>Kendall's W from which on the proxies are said to agree.</summary>
    const double Agreement = 0.7;

    /// <summary>The comparison of two or more models that were audited alike.</summary>
    public static ComparisonResult Of(IReadOnlyList<ModelReport> models)
    {
        var objections = Comparability.Objections(models);
        var proxies = RankModels.Proxies(models);
        var ranking = objections.Count == 0 ? RankModels.Aggregate(proxies, models.Count) : null;
        if (objections.Count > 0) proxies = [.. proxies.Select(p => p with { Ranks = [] })];
        var changes = Enumerable.Range(1, models.Count - 1).Where(i => models[0].Unreadable is null && models[i].Unreadable is null && DiffVersions.AreVersions(models[0], models[i]))
            .Select(i => DiffVersions.Of(models, 0, i)).ToList();
        return new ComparisonResult(objections, proxies, ranking, [.. Conclusion(models, objections, proxies, ranking)], Findings(models), changes);
    }

    static IEnumerable<string> Conclusion(IReadOnlyList<ModelReport> models, IReadOnlyList<string> objections, IReadOnlyList<ProxyComparison> proxies, RankAggregate? ranking)
    {
        if (objections.Count > 0) yield return "The models are not ranked, as their scores do not compare.";
        else if (ranking is null) yield return "The models are not ranked: no proxy has a score with a known spread for all of them. Audit them with `--seeds 3` or more.";
        else if (SameScores(proxies)) yield return "Every proxy gives the models the same scores: new weights are drawn by the tensors' names, so one architecture has one score, whatever weights its files hold.";
        else
        {
            foreach (var (better, worse) in ranking.Order.Zip(ranking.Order.Skip(1))) yield return Pair(ranking, better, worse);
            if (ranking.Concordance is { } w)
                yield return $"Over {NumberFormat.Count(ranking.Ballots.Count, "proxy", "proxies")} Kendall's W is {NumberFormat.Value(w)}: they {(w >= Agreement ? "mostly agree" : "disagree with each other, so that which proxies are asked decides much")}.";
            yield return Size(models, ranking);
        }
        foreach (var (model, i) in models.Select((m, i) => (m, i)).Where(x => x.m.Verdict is Verdict.NotTrainable or Verdict.Undetermined && x.m.Unreadable is null))
            yield return $"{ComparisonResult.Letter(i)} is {(model.Verdict == Verdict.NotTrainable ? "not trainable as it is" : "undetermined")}: {model.VerdictReason} Scores of re-initialised weights say what its architecture could do, not what this file can.";
        if (ranking is not null) yield return "A score at initialisation is no accuracy: it ranks networks of one kind on average, and says little of a single pair.";
    }

    static bool SameScores(IReadOnlyList<ProxyComparison> proxies) => proxies.All(p => p.Scores.Select(s => (s.Value, s.Low, s.High)).Distinct().Count() == 1);

    static string Pair(RankAggregate ranking, int better, int worse)
    {
        var (ahead, behind, all) = (ranking.Wins[(better, worse)], ranking.Wins[(worse, better)], ranking.Ballots.Count);
        var (a, b) = (ComparisonResult.Letter(better), ComparisonResult.Letter(worse));
        var count = $"{a} is ahead on {ahead} of {NumberFormat.Count(all, "proxy", "proxies")}, {b} on {behind}, and on {all - ahead - behind} the difference is within the spread over seeds";
        if (ahead + behind < Decided * all) return $"{a} and {b} are not told apart: {count}.";
        if (ahead >= Majority * (ahead + behind)) return $"{a} ranks before {b}: {count}.";
        var (rankA, rankB) = (ranking.MeanRanks[better], ranking.MeanRanks[worse]);
        return rankA == rankB
            ? $"The proxies contradict each other on {a} and {b}, which are not ranked: {count}."
            : $"By its mean rank {a} comes before {b} ({NumberFormat.Value(rankA)} to {NumberFormat.Value(rankB)}), but the proxies contradict each other, so that this is no ground for a choice: {count}.";
    }

    static string Size(IReadOnlyList<ModelReport> models, RankAggregate ranking)
    {
        var bySize = Enumerable.Range(0, models.Count).OrderByDescending(i => models[i].Parameters.Trainable).ThenBy(i => i).ToList();
        var sizes = string.Join(", ", bySize.Select(i => $"{ComparisonResult.Letter(i)} {NumberFormat.Large(models[i].Parameters.Trainable)}"));
        if (models.Select(m => m.Parameters.Trainable).Distinct().Count() == 1) return $"They are of one size ({NumberFormat.Large(models[0].Parameters.Trainable)} trainable parameters), so that size explains no difference.";
        return bySize.SequenceEqual(ranking.Order)
            ? $"The parameter count alone ({sizes}) ranks them the same way; of two explanations it is the simpler one."
            : $"The parameter count alone ({sizes}) ranks them otherwise.";
    }

    static IReadOnlyList<RuleComparison> Findings(IReadOnlyList<ModelReport> models) =>
    [
        .. models.SelectMany(m => m.Findings).GroupBy(f => (f.RuleId, f.Severity))
            .Select(g => new RuleComparison(g.Key.RuleId, g.Key.Severity, [.. models.Select(m => m.Findings.Where(f => (f.RuleId, f.Severity) == g.Key).Sum(f => f.Count))]))
            .OrderByDescending(r => r.Severity).ThenBy(r => r.RuleId, StringComparer.Ordinal),
    ];
}
