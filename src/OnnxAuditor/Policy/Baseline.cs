using OnnxAuditor.Reports;

namespace OnnxAuditor.Policy;

/// <summary>An earlier report whose findings are known: they are shown, but only new ones count.</summary>
/// <param name="Source">The file, as reports name it.</param>
/// <param name="Report">The earlier report.</param>
sealed record Baseline(string Source, AuditReport Report)
{
    /// <summary>
    /// The report with known findings suppressed. A finding is known where the earlier report has the same fingerprint for the same model, at least as many places and no less severe: a cause that has spread or grown worse is news.
    /// The model is that of the same path, or, where there is none, the only one of the same file name.
    /// </summary>
    public ModelReport Apply(ModelReport report)
    {
        if (ModelOf(report.Path) is not { } before) return report;
        var known = before.Findings.GroupBy(f => (f.RuleId, f.Fingerprint)).ToDictionary(g => g.Key, g => g.ToList());
        bool IsKnown(Finding f) => known.TryGetValue((f.RuleId, f.Fingerprint), out var same) && same.Exists(k => k.Count >= f.Count && k.Severity >= f.Severity);
        return report with { Findings = [.. report.Findings.Select(f => !f.Suppressed && IsKnown(f) ? f with { SuppressedBy = $"known from {Source}" } : f)] };
    }

    ModelReport? ModelOf(string path)
    {
        if (Report.Models.FirstOrDefault(m => m.Path.Equals(path, StringComparison.Ordinal)) is { } same) return same;
        var name = path[(path.LastIndexOf('/') + 1)..];
        var named = Report.Models.Where(m => m.Path[(m.Path.LastIndexOf('/') + 1)..].Equals(name, StringComparison.Ordinal)).ToList();
        return named is [var only] ? only : null;
    }
}
