namespace OnnxAuditor.Reports;

/// <summary>What holding models against each other gave; models are named by their place in the report, from 0.</summary>
/// <param name="Objections">Why the models do not compare; empty where they do.</param>
/// <param name="Proxies">The proxies that at least one model has, in registry order.</param>
/// <param name="Ranking">The ranks over all proxies; null where the models do not compare.</param>
/// <param name="Conclusion">The conclusion in plain words, a sentence each.</param>
/// <param name="Findings">Findings by rule and severity, with the models that have them.</param>
/// <param name="Changes">What changed from the first model to each that is a version of it.</param>
sealed record ComparisonResult(
    IReadOnlyList<string> Objections,
    IReadOnlyList<ProxyComparison> Proxies,
    RankAggregate? Ranking,
    IReadOnlyList<string> Conclusion,
    IReadOnlyList<RuleComparison> Findings,
    IReadOnlyList<VersionChange> Changes)
{
    /// <summary>The letter of a model: A, B, …, Z, AA, ….</summary>
    public static string Letter(int model) => model < 26 ? ((char)('A' + model)).ToString() : Letter(model / 26 - 1) + Letter(model % 26);
}

/// <summary>A proxy over the models.</summary>
/// <param name="Id">The proxy's id, or that of a rank aggregate of its parts.</param>
/// <param name="HigherIsBetter">The direction.</param>
/// <param name="Scores">The scores, in the order of the models.</param>
/// <param name="Ranks">The ranks, 1 the best, models within each other's seed spread between them; null for a model without score, and empty where nothing is ranked.</param>
/// <param name="Note">Why nothing is ranked; null where something is.</param>
sealed record ProxyComparison(string Id, bool HigherIsBetter, IReadOnlyList<ScoreWithSpread> Scores, IReadOnlyList<double?> Ranks, string? Note);

/// <summary>A score with its spread over seeds.</summary>
/// <param name="Value">The score, the median over seeds; null where there is none.</param>
/// <param name="Low">The lowest score of a seed.</param>
/// <param name="High">The highest.</param>
/// <param name="Reason">Why there is no score.</param>
sealed record ScoreWithSpread(double? Value, double? Low, double? High, string? Reason);

/// <summary>Ranks over several proxies.</summary>
/// <param name="MeanRanks">The mean rank of each model, 1 the best (Borda's count).</param>
/// <param name="Concordance">Kendall's W with ties, 0 (no agreement among the proxies) to 1 (all rank alike); null where no proxy tells the models apart.</param>
/// <param name="Ballots">The proxies that rank all models.</param>
/// <param name="Wins">By pair of models, on how many of these proxies the first is ahead of the second beyond the seed spread.</param>
/// <param name="Order">The models from best to worst mean rank.</param>
sealed record RankAggregate(IReadOnlyList<double> MeanRanks, double? Concordance, IReadOnlyList<string> Ballots, IReadOnlyDictionary<(int Ahead, int Behind), int> Wins, IReadOnlyList<int> Order);

/// <summary>A rule and the models in which it found something of one severity.</summary>
/// <param name="RuleId">The rule.</param>
/// <param name="Severity">The severity.</param>
/// <param name="Places">The number of places in each model; 0 where there is no finding.</param>
sealed record RuleComparison(string RuleId, Severity Severity, IReadOnlyList<int> Places);

/// <summary>What changed from one version of a model to another.</summary>
/// <param name="From">The earlier one.</param>
/// <param name="To">The later one.</param>
/// <param name="Unchanged">Tensors whose contents are the same.</param>
/// <param name="Tensors">The tensors that changed.</param>
/// <param name="Operators">Operators whose number changed: before and after.</param>
/// <param name="New">Findings of the later one only, by fingerprint.</param>
/// <param name="Fixed">Findings of the earlier one only.</param>
/// <param name="Kept">How many findings both have.</param>
sealed record VersionChange(
    int From, int To, int Unchanged, IReadOnlyList<TensorChange> Tensors, IReadOnlyList<(string Op, int Before, int After)> Operators,
    IReadOnlyList<Finding> New, IReadOnlyList<Finding> Fixed, int Kept);

/// <summary>How a tensor changed.</summary>
enum TensorChangeKind
{
    /// <summary>The same name and shape, other contents.</summary>
    Retrained,
    /// <summary>As retrained, but the new contents are the old ones rounded to few levels or to a narrower type.</summary>
    Requantized,
    /// <summary>The same contents under another name.</summary>
    Renamed,
    /// <summary>Another name, matched by its place among tensors of the same role and shape; other contents.</summary>
    Moved,
    /// <summary>The same name, another shape.</summary>
    Resized,
    /// <summary>Only the later model has it.</summary>
    Added,
    /// <summary>Only the earlier model has it.</summary>
    Removed,
}

/// <summary>A tensor that changed.</summary>
/// <param name="Kind">How.</param>
/// <param name="Before">The tensor of the earlier model; null where it is new.</param>
/// <param name="After">The tensor of the later model; null where it went.</param>
sealed record TensorChange(TensorChangeKind Kind, TensorRow? Before, TensorRow? After)
{
    /// <summary>‖after − before‖ / ‖before‖; null where the contents were not at hand.</summary>
    public double? Distance { get; init; }

    /// <summary>What the contents are now stored as, where they are the old ones rounded ("float16", "37 levels").</summary>
    public string? Rounding { get; init; }
}
