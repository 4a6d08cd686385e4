using OnnxAuditor.Policy;
using OnnxAuditor.Reports;
using OnnxAuditor.Rules;

namespace OnnxAuditor.Commands;

/// <summary>What a run over models gave.</summary>
/// <param name="Report">The report.</param>
/// <param name="Code">The highest exit code of all models.</param>
/// <param name="Complaints">What is told on the error stream, one line each.</param>
sealed record RunResult(AuditReport Report, ExitCode Code, IReadOnlyList<string> Complaints);

/// <summary>Runs an audit or a check over models; what goes wrong with one is told of that one, and the others are run all the same.</summary>
static class ModelRuns
{
    /// <summary>Runs all models; reports stand in the order of the paths, whichever ended first.</summary>
    /// <param name="paths">The models.</param>
    /// <param name="settings">What is in force for each.</param>
    /// <param name="jobs">How many run at a time.</param>
    /// <param name="one">Runs one, given the options for it.</param>
    /// <param name="cancellation">Ends the run between two models.</param>
    public static RunResult All(IReadOnlyList<ModelPath> paths, ModelSettings settings, int jobs, Func<ModelPath, AuditOptions, ModelReport> one, CancellationToken cancellation)
    {
        var results = new (ModelReport Report, ExitCode Code, string? Complaint)[paths.Count];
        if (paths.Count == 1) results[0] = One(paths[0], settings, one);
        else Parallel.For(0, paths.Count, new ParallelOptions { MaxDegreeOfParallelism = jobs, CancellationToken = cancellation }, i => results[i] = OrReason(paths[i], settings, one));
        string[] notes = [.. settings.Complaints()];
        return new RunResult(
            new AuditReport(CommandLine.Tool, [.. results.Select(r => r.Report)]) { Notes = notes },
            results.Select(r => r.Code).DefaultIfEmpty(ExitCode.Clean).Max(),
            [.. results.Select(r => r.Complaint).OfType<string>(), .. notes]);
    }

    /// <summary>How many models run at a time: as many as asked for, or, where 0 were, the number given, at least one.</summary>
    public static int Jobs(long asked, int otherwise) => asked > 0 ? (int)asked : Math.Max(1, otherwise);

    /// <summary>The exit code that a report stands for.</summary>
    public static ExitCode CodeOf(ModelReport report, bool fails) =>
        report.BudgetExceeded is not null ? ExitCode.Budget : report.Unreadable is not null ? ExitCode.Unreadable : fails ? ExitCode.Findings : ExitCode.Clean;

    static (ModelReport Report, ExitCode Code, string? Complaint) OrReason(ModelPath path, ModelSettings settings, Func<ModelPath, AuditOptions, ModelReport> one)
    {
        try
        {
            return One(path, settings, one);
        }
#pragma warning disable CA1031 // One bad model never stops the others: whatever it is becomes a line, an exit code and a finding of the report.
        catch (Exception e) when (e is not OperationCanceledException)
#pragma warning restore CA1031
        {
            var code = ExitCodes.Of(e);
            var reason = code == ExitCode.Internal ? $"an error of this program: {e.Message.Split('\n')[0]}" : e.Message;
            var report = new ModelReport
            {
                Path = path.Shown,
                VerdictReason = reason,
                Unreadable = code == ExitCode.Unreadable ? reason : null,
                BudgetExceeded = code == ExitCode.Budget ? reason : null,
                Findings = code is ExitCode.Unreadable or ExitCode.Usage ? [] : [UnfinishedAudit.Finding(path.Shown, reason, code == ExitCode.Budget)],
            };
            return (report, code, $"{path.Shown}: {ExitCodes.Message(e)}");
        }
    }

    static (ModelReport Report, ExitCode Code, string? Complaint) One(ModelPath path, ModelSettings settings, Func<ModelPath, AuditOptions, ModelReport> one)
    {
        var (options, policy) = settings.For(path.File);
        var report = policy.Apply(path.File == ModelPaths.StandardInput ? one(path, options) : Relabel(one(path, options), path.File, path.Shown), IgnoreList.Today);
        return (report, CodeOf(report, policy.Fails(report)), null);
    }

    /// <summary>Names the model as reports name it, wherever the path that it was read from is told.</summary>
    internal static ModelReport Relabel(ModelReport report, string path, string shown)
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
}
