using System.CommandLine;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Commands;

/// <summary><c>audit MODEL…</c>: the full audit.</summary>
static class AuditCommand
{
    static readonly Dictionary<string, Severity?> Severities = new(StringComparer.Ordinal) { ["error"] = Severity.Error, ["warning"] = Severity.Warning, ["info"] = Severity.Info, ["never"] = null };

    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var models = new Argument<List<string>>("MODEL") { Description = "Model files, folders (searched for .onnx files), patterns, or - for standard input", Arity = ArgumentArity.OneOrMore };
        var output = OptionValues.List("--output", "FILE", "File to write instead of standard output, its format by extension (.md, .html, .json, .sarif, .junit.xml); may be repeated", text => text, splits: false);
        output.Aliases.Add("-o");
        var format = OptionValues.Of<string>("--format", "FORMAT", "Format of standard output, and of files whose extension names none: md, html, json, sarif, junit, github [default: md]", FormatName);
        var failOn = OptionValues.Choice("--fail-on", "The least severity of a finding that makes the exit code 1", "error", Severities.Keys);
        var quiet = new Option<bool>("--quiet", "-q") { Description = "Write nothing but the report and errors" };
        var noColor = new Option<bool>("--no-color") { Description = "Use no colours on the terminal; NO_COLOR in the environment does the same" };
        var asChild = new Option<bool>(AuditProcess.ChildOption) { Hidden = true };
        var options = new AuditOptionSet();
        var command = new Command("audit", "Audits models: measures activations and gradients, runs rules and proxies, writes a report.") { models, output, format, failOn };
        foreach (var option in options.All) command.Add(option);
        command.Add(quiet);
        command.Add(noColor);
        command.Add(asChild);
        models.Validators.Add(result =>
        {
            foreach (var word in result.Tokens.Select(t => t.Value).Where(w => w.StartsWith('-') && w != ModelPaths.StandardInput)) result.AddError(CommandLine.UnknownOption(word, command));
        });
        command.SetAction((result, cancellation) =>
        {
            var destination = ReportOutput.Of(result.GetValue(output) ?? [], result.GetValue(format));
            var paths = ModelPaths.Expand(result.GetRequiredValue(models));
            var audit = options.Read(result);
            if (result.GetValue(asChild)) return Task.FromResult((int)AuditProcess.Answer(paths[0].File, audit, terminal, cancellation));
            var isQuiet = result.GetValue(quiet);
            var hasColor = !result.GetValue(noColor) && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
            var (report, code, complaints) = ProgressDisplay.Run(terminal, terminal.IsInteractive && !isQuiet, hasColor, progress =>
            {
                ModelReport One(string file)
                {
                    var one = paths.Count == 1 ? Audit.Run(file, audit, progress, cancellation) : AuditProcess.Run(file, options.Words(result), audit.TimeBudget, progress, cancellation);
                    progress?.Report(new(file, "done", 1));
                    return one;
                }

                return AuditAll(paths, path => AuditOne(path, terminal, One), Severities[result.GetRequiredValue(failOn)]);
            });
            // Told now, not in between: the display rewrites its lines.
            foreach (var complaint in complaints) terminal.Complain(complaint);
            destination.Write(report, terminal, isQuiet);
            return Task.FromResult((int)code);
        });
        return command;
    }

    /// <summary>Audits one model after the other; what goes wrong with one is told of that one, and the others are audited all the same.</summary>
    static (AuditReport Report, ExitCode Code, List<string> Complaints) AuditAll(IReadOnlyList<ModelPath> paths, Func<ModelPath, ModelReport> audit, Severity? failOn)
    {
        var complaints = new List<string>();
        var reports = new List<ModelReport>();
        var code = ExitCode.Clean;
        foreach (var path in paths)
        {
            ExitCode own;
            try
            {
                var report = audit(path);
                own = CodeOf(report, failOn);
                reports.Add(report);
            }
#pragma warning disable CA1031 // One bad model never stops the others: whatever it is becomes a line, an exit code and an entry of the report.
            catch (Exception e) when (paths.Count > 1 && e is not OperationCanceledException)
#pragma warning restore CA1031
            {
                own = ExitCodes.Of(e);
                complaints.Add($"{path.Shown}: {ExitCodes.Message(e)}");
                var reason = own == ExitCode.Internal ? $"an error of this program: {e.Message.Split('\n')[0]}" : e.Message;
                reports.Add(new ModelReport { Path = path.Shown, VerdictReason = reason, Unreadable = own == ExitCode.Unreadable ? reason : null, BudgetExceeded = own == ExitCode.Budget ? reason : null });
            }
            code = (ExitCode)Math.Max((int)code, (int)own);
        }
        return (new AuditReport(CommandLine.Tool, reports), code, complaints);
    }

    static ModelReport AuditOne(ModelPath path, Terminal terminal, Func<string, ModelReport> audit)
    {
        if (path.File != ModelPaths.StandardInput) return Relabel(audit(path.File), path.File, path.Shown);
        var folder = Directory.CreateTempSubdirectory("onnx-auditor-");
        try
        {
            var file = Path.Combine(folder.FullName, "stdin.onnx");
            using (var stream = File.Create(file)) terminal.Input.CopyTo(stream);
            return Relabel(audit(file), file, path.Shown);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Names the model as reports name it, wherever the path that it was read from is told.</summary>
    static ModelReport Relabel(ModelReport report, string path, string shown)
    {
        if (path.Equals(shown, StringComparison.Ordinal)) return report;
        string Rename(string text) => text.Replace(path, shown, StringComparison.Ordinal);
        return report with
        {
            Path = shown,
            Unreadable = report.Unreadable is { } unreadable ? Rename(unreadable) : null,
            BudgetExceeded = report.BudgetExceeded is { } budget ? Rename(budget) : null,
            VerdictReason = Rename(report.VerdictReason),
            Notes = [.. report.Notes.Select(Rename)],
            Findings = [.. report.Findings.Select(f => f with { Where = Rename(f.Where), Message = Rename(f.Message), OtherPlaces = [.. f.OtherPlaces.Select(Rename)] })],
        };
    }

    static ExitCode CodeOf(ModelReport report, Severity? failOn)
    {
        if (report.BudgetExceeded is not null) return ExitCode.Budget;
        if (report.Unreadable is not null) return ExitCode.Unreadable;
        return failOn is { } least && report.Findings.Any(f => !f.Suppressed && f.Severity >= least) ? ExitCode.Findings : ExitCode.Clean;
    }

    static string FormatName(string text)
    {
        var names = ReportFormat.All.Select(f => f.Name).ToList();
        return names.Contains(text, StringComparer.Ordinal) ? text : throw new UsageException($"'{text}' is no format{Nearest.Suggestion(text, names)} Allowed: {string.Join(", ", names)}.");
    }
}
