using System.Text;
using OnnxAuditor.Reporting;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Commands;

/// <summary>Where reports go: to standard output, or to files that are there whole or not at all.</summary>
/// <param name="Files">The files with their formats; empty for standard output.</param>
/// <param name="Standard">The format on standard output.</param>
sealed record ReportOutput(IReadOnlyList<(string Path, ReportFormat Format)> Files, ReportFormat Standard)
{
    /// <summary>Checks what the options say, before anything is measured.</summary>
    /// <param name="paths">The arguments of <c>--output</c>.</param>
    /// <param name="format">The argument of <c>--format</c>; null where it is not given.</param>
    /// <param name="standard">The format of standard output where none is given.</param>
    /// <exception cref="UsageException">A format is not known, or a folder does not exist.</exception>
    public static ReportOutput Of(IReadOnlyList<string> paths, string? format, ReportFormat standard)
    {
        var given = format is null ? null : ReportFormat.ByName(format);
        foreach (var path in paths)
        {
            if (Directory.Exists(path)) throw new UsageException($"'{path}' is a folder: name the file to write.");
            if (Path.GetDirectoryName(path) is { Length: > 0 } folder && !Directory.Exists(folder)) throw new UsageException($"The folder '{folder}' for the report does not exist.");
        }
        return new([.. paths.Select(p => (p, ReportFormat.ByFile(p, given)))], given ?? standard);
    }

    /// <summary>Writes the report. A person at a terminal is shown a summary of one that went to files, anybody else a line a file.</summary>
    public void Write(AuditReport report, Terminal terminal, bool isQuiet, bool hasColor)
    {
        if (Files.Count == 0) terminal.Output.Write(Standard.Write(report, null));
        if (Files.Count == 0 && Standard.Name is "github") AppendStepSummary(report);
        foreach (var (path, format) in Files)
        {
            var prefix = Path.GetFileNameWithoutExtension(path);
            Replace(path, format.Write(report, prefix));
            if (format.Name is "md")
                foreach (var chart in DepthCharts.Files(report, prefix)) Replace(Path.Combine(Path.GetDirectoryName(path) ?? "", chart.Name), chart.Svg());
            if (!isQuiet) terminal.Error.WriteLine($"{path}: {Summary(report)}");
        }
        if (Files.Count > 0 && !isQuiet && terminal.IsInteractive) TerminalSummary.Write(TerminalSummary.Console(terminal, hasColor), report);
    }

    /// <summary>Adds the short form to the summary of the step, where a workflow of GitHub runs us.</summary>
    static void AppendStepSummary(AuditReport report)
    {
        if (Environment.GetEnvironmentVariable("GITHUB_STEP_SUMMARY") is not { Length: > 0 } path) return;
        try
        {
            File.AppendAllText(path, GitHubReport.Summary(report));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"'{path}', which GITHUB_STEP_SUMMARY names, cannot be written: {e.Message}");
        }
    }

    /// <summary>The report in a line.</summary>
    static string Summary(AuditReport report)
    {
        var counts = $"{Count(report, Severity.Error, "error")}, {Count(report, Severity.Warning, "warning")}";
        return report.Models is [var only]
            ? $"{MarkdownReport.Words(only.Verdict)}, {counts}"
            : $"{NumberFormat.Count(report.Models.Count, "model")} ({string.Join(", ", report.Models.GroupBy(m => m.Verdict).OrderBy(g => g.Key).Select(g => $"{g.Count()} {MarkdownReport.Words(g.Key)}"))}), {counts}";
    }

    static string Count(AuditReport report, Severity severity, string word) => NumberFormat.Count(report.Models.Sum(m => m.Findings.Count(f => f.Severity == severity && !f.Suppressed)), word);

    /// <summary>Writes beside the target and renames.</summary>
    static void Replace(string path, string text)
    {
        var temporary = $"{path}.part";
        try
        {
            File.WriteAllText(temporary, text, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"'{path}' cannot be written: {e.Message}");
        }
        finally
        {
            File.Delete(temporary);
        }
    }
}
