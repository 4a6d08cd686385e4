using System.Text;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Reporting;

/// <summary>The report as lines of a terminal or a log: one a finding, as linters write them, and a line that sums up.</summary>
static class TextReport
{
    /// <summary>Findings of severity warning and error, failed gates and what kept a model from being read, model by model; what is suppressed or only worth knowing is counted.</summary>
    public static string Write(AuditReport report)
    {
        var text = new StringBuilder();
        foreach (var model in report.Models)
        {
            var path = MarkdownText.Visible(model.Path);
            foreach (var f in Shown(model)) text.Append($"{path}: {MarkdownReport.Word(f.Severity)} {f.RuleId} {Place(f, model)}{OneLine(f.Message)}{(f.Remedy.Length > 0 ? $" {OneLine(f.Remedy)}" : "")}\n");
            if (model.Findings.Count == 0 && (model.Unreadable ?? model.BudgetExceeded) is { } obstacle) text.Append($"{path}: error {OneLine(obstacle)}\n");
            foreach (var g in model.Gates.Where(g => !g.Passed)) text.Append($"{path}: gate {g.Expression} failed: {Value(g)}\n");
        }
        return text.Append(Sum(report)).Append('\n').ToString();
    }

    /// <summary>A gate's value, or why there is none.</summary>
    internal static string Value(GateResult gate) => gate.Value is { } value ? $"it is {NumberFormat.Value(value)}" : $"not available: {gate.Reason}";

    static IEnumerable<Finding> Shown(ModelReport model) => model.Findings.Where(f => !f.Suppressed && f.Severity > Severity.Info);

    /// <summary>Where a finding is, with a colon; nothing where that is the file, which the line begins with.</summary>
    static string Place(Finding f, ModelReport model) => f.Count > 1 ? $"{MarkdownText.Visible(f.Where)} and {NumberFormat.Count(f.Count - 1, "more place")}: "
        : f.Where.Equals(model.Path, StringComparison.Ordinal) ? "" : $"{MarkdownText.Visible(f.Where)}: ";

    static string OneLine(string message) => MarkdownText.Visible(message.ReplaceLineEndings(" "));

    static string Sum(AuditReport report)
    {
        var findings = report.Models.SelectMany(m => m.Findings).ToList();
        var open = findings.Where(f => !f.Suppressed).ToList();
        string Of(Severity severity, string word) => NumberFormat.Count(open.Count(f => f.Severity == severity), word);
        var parts = new List<string> { Of(Severity.Error, "error"), Of(Severity.Warning, "warning"), Of(Severity.Info, "note") };
        if (findings.Count > open.Count) parts.Add($"{NumberFormat.Count(findings.Count - open.Count)} suppressed");
        var gates = report.Models.SelectMany(m => m.Gates).ToList();
        if (gates.Count > 0) parts.Add($"{NumberFormat.Count(gates.Count(g => g.Passed))} of {NumberFormat.Count(gates.Count, "gate")} passed");
        return $"{NumberFormat.Count(report.Models.Count, "model")}: {string.Join(", ", parts)}";
    }
}
