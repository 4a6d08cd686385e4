using OnnxAuditor.Reports;

namespace OnnxAuditor.Policy;

/// <summary>What a user has decided for a model: from which severity on findings fail, conditions, and findings to live with.</summary>
/// <param name="FailOn">The least severity that fails; null for none.</param>
/// <param name="Gates">Conditions.</param>
/// <param name="Baseline">An earlier report; null for none.</param>
/// <param name="Ignored">The ignore list that applies; null for none.</param>
sealed record ModelPolicy(Severity? FailOn, IReadOnlyList<Gate> Gates, Baseline? Baseline, IgnoreList? Ignored)
{
    /// <summary>The report with suppressions and gates applied, gates last: they may count findings.</summary>
    public ModelReport Apply(ModelReport report, DateOnly today)
    {
        if (Ignored is not null) report = Ignored.Apply(report, today);
        if (Baseline is not null) report = Baseline.Apply(report);
        return Gates.Count == 0 ? report : report with { Gates = [.. Gates.Select(g => g.Judge(report))] };
    }

    /// <summary>Whether findings or gates fail the model.</summary>
    public bool Fails(ModelReport report) => (FailOn is { } least && report.Findings.Any(f => !f.Suppressed && f.Severity >= least)) || report.Gates.Any(g => !g.Passed);
}
