using System.Text;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Reporting;

/// <summary>Annotations of GitHub's workflow commands, and a short form for the summary of a step.</summary>
static class GitHubReport
{
    /// <summary>One annotation a finding, worst first in each model; suppressed ones are left out. A model that could not be read or exceeded a budget is an error.</summary>
    public static string Write(AuditReport report)
    {
        var text = new StringBuilder();
        foreach (var model in report.Models)
        {
            if ((model.Unreadable ?? model.BudgetExceeded) is { } obstacle) Annotate(text, "error", model.Path, "not audited", obstacle);
            foreach (var gate in model.Gates.Where(g => !g.Passed)) Annotate(text, "error", model.Path, "gate", $"{gate.Expression} failed: {TextReport.Value(gate)}");
            foreach (var f in model.Findings.Where(f => !f.Suppressed))
            {
                var remedy = f.Remedy.Length > 0 ? $" What to do: {f.Remedy}" : "";
                var more = f.Count > 1 ? $" ({NumberFormat.Count(f.Count, "place")})" : "";
                Annotate(text, f.Severity switch { Severity.Error => "error", Severity.Warning => "warning", _ => "notice" }, model.Path, f.RuleId, $"{f.Where}{more}: {f.Message}{remedy}");
            }
        }
        return text.ToString();
    }

    /// <summary>A Markdown table of verdicts with the findings of severity warning and error below.</summary>
    public static string Summary(AuditReport report)
    {
        var text = new StringBuilder("| model | verdict | errors | warnings |\n| --- | --- | --: | --: |\n");
        foreach (var m in report.Models) text.Append($"| {MarkdownText.Name(m.Path)} | {MarkdownReport.Words(m.Verdict)} | {Count(m, Severity.Error)} | {Count(m, Severity.Warning)} |\n");
        foreach (var m in report.Models)
            foreach (var gate in m.Gates.Where(g => !g.Passed)) text.Append($"\n- **gate** {MarkdownText.Name(gate.Expression)} of {MarkdownText.Name(m.Path)} failed: {MarkdownText.Sentence(TextReport.Value(gate))}");
        foreach (var m in report.Models)
            foreach (var f in m.Findings.Where(f => !f.Suppressed && f.Severity != Severity.Info)) text.Append($"\n- **{f.RuleId}** {MarkdownText.Name(f.Where)} in {MarkdownText.Name(m.Path)}: {MarkdownText.Sentence(f.Message)}");
        return text.Append('\n').ToString();
    }

    static int Count(ModelReport model, Severity severity) => model.Findings.Count(f => f.Severity == severity && !f.Suppressed);

    static void Annotate(StringBuilder text, string command, string file, string title, string message) =>
        text.Append($"::{command} file={Property(file)},title={Property(title)}::{Data(message)}\n");

    /// <summary>The runner decodes these sequences and no others.</summary>
    static string Data(string value) => MarkdownText.Visible(value).Replace("%", "%25", StringComparison.Ordinal).Replace("\r", "%0D", StringComparison.Ordinal).Replace("\n", "%0A", StringComparison.Ordinal);

    static string Property(string value) => Data(value).Replace(":", "%3A", StringComparison.Ordinal).Replace(",", "%2C", StringComparison.Ordinal);
}
