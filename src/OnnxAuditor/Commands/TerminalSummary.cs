using OnnxAuditor.Reporting;
using OnnxAuditor.Reports;
using Spectre.Console;

namespace OnnxAuditor.Commands;

/// <summary>What a person at a terminal is shown of a report that went to a file: the verdict, the worst findings, the scores.</summary>
static class TerminalSummary
{
    const int TopFindings = 5, LongestMessage = 160, LongestPlace = 48;

    /// <summary>Writes the summary.</summary>
    /// <param name="console">Where to.</param>
    /// <param name="report">The report.</param>
    public static void Write(IAnsiConsole console, AuditReport report)
    {
        if (report.Comparison is { } comparison) Comparison(console, report, comparison);
        else if (report.Models is [var only]) Model(console, only);
        else Models(console, report);
    }

    /// <summary>The console of a terminal's error stream.</summary>
    /// <param name="terminal">The streams.</param>
    /// <param name="hasColor">Whether colours may be used.</param>
    /// <param name="movesCursor">Whether lines are written over, which takes escape sequences even without colours.</param>
    public static IAnsiConsole Console(Terminal terminal, bool hasColor, bool movesCursor = false) => AnsiConsole.Create(new AnsiConsoleSettings
    {
        Out = new AnsiConsoleOutput(terminal.Error),
        Ansi = hasColor ? AnsiSupport.Detect : movesCursor ? AnsiSupport.Yes : AnsiSupport.No,
        ColorSystem = hasColor ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
        Interactive = InteractionSupport.Yes,
    });

    static void Model(IAnsiConsole console, ModelReport model)
    {
        console.MarkupLine($"[bold]{Text(model.Path)}[/]  [{Colour(model.Verdict)}]{MarkdownReport.Words(model.Verdict)}[/]  coverage {Text(MarkdownReport.CoverageShare(model))}");
        if (model.VerdictReason.Length > 0) console.MarkupLine(Text(model.VerdictReason));
        var open = model.Findings.Where(f => !f.Suppressed && f.Severity > Severity.Info).ToList();
        if (open.Count > 0)
        {
            var table = Table("", "rule", "where", "found");
            foreach (var f in open.Take(TopFindings))
                table.AddRow($"[{Colour(f.Severity)}]{MarkdownReport.Word(f.Severity)}[/]", f.RuleId, Text(MarkdownText.Cut(f.Where, LongestPlace)) + (f.Count > 1 ? $" and {f.Count - 1} more" : ""), Text(MarkdownText.Cut(f.Message, LongestMessage)));
            console.Write(table);
            if (open.Count > TopFindings) console.MarkupLine($"{NumberFormat.Count(open.Count - TopFindings, "more finding")} in the report.");
        }
        Gates(console, model);
        var scores = model.Proxies.Where(p => p.Value is not null).ToList();
        if (scores.Count == 0) return;
        var proxies = Table("proxy", "score", "better");
        proxies.Columns[1].RightAligned();
        foreach (var p in scores) proxies.AddRow(Text(p.Id), NumberFormat.Value(p.Value!.Value), p.HigherIsBetter ? "higher" : "lower");
        console.Write(proxies);
        if (model.Proxies.Count > scores.Count) console.MarkupLine($"{NumberFormat.Count(model.Proxies.Count - scores.Count, "proxy", "proxies")} without a score; the report says why.");
    }

    static void Gates(IAnsiConsole console, ModelReport model)
    {
        foreach (var gate in model.Gates) console.MarkupLine($"[{(gate.Passed ? "green" : "red")}]{(gate.Passed ? "passed" : "failed")}[/] {Text(gate.Expression)}: {Text(TextReport.Value(gate))}");
    }

    static void Models(IAnsiConsole console, AuditReport report)
    {
        var table = Table("model", "verdict", "errors", "warnings");
        table.Columns[2].RightAligned();
        table.Columns[3].RightAligned();
        foreach (var m in report.Models)
            table.AddRow(Text(MarkdownText.Cut(m.Path, LongestPlace)), $"[{Colour(m.Verdict)}]{MarkdownReport.Words(m.Verdict)}[/]", Count(m, Severity.Error), Count(m, Severity.Warning));
        console.Write(table);
    }

    static void Comparison(IAnsiConsole console, AuditReport report, ComparisonResult comparison)
    {
        Models(console, report);
        foreach (var sentence in comparison.Conclusion.Concat(comparison.Objections)) console.MarkupLine(Text(sentence));
    }

    static Table Table(params string[] headings)
    {
        var table = new Table { Border = TableBorder.Simple };
        foreach (var heading in headings) table.AddColumn(heading);
        return table;
    }

    static string Count(ModelReport model, Severity severity) => NumberFormat.Count(model.Findings.Count(f => f.Severity == severity && !f.Suppressed));

    /// <summary>Text that may come from the model: no markup, control characters shown.</summary>
    static string Text(string text) => Markup.Escape(MarkdownText.Visible(text.ReplaceLineEndings(" ").Replace("`", "", StringComparison.Ordinal)));

    static string Colour(Severity severity) => severity switch { Severity.Error => "red", Severity.Warning => "yellow", _ => "grey" };

    static string Colour(Verdict verdict) => verdict switch { Verdict.Trainable => "green", Verdict.TrainableWithFixes => "yellow", Verdict.NotTrainable => "red", _ => "grey" };
}
