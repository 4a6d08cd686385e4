using System.CommandLine;
using System.Text.Json;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Commands;

/// <summary><c>merge REPORT…</c>: joins JSON reports, such as those of the shards of a run, and writes them in any format.</summary>
static class MergeCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var reports = new Argument<List<string>>("REPORT") { Description = "JSON reports; patterns are allowed", Arity = ArgumentArity.OneOrMore };
        var policy = new PolicyOptionSet();
        var output = new OutputOptionSet("md");
        var command = new Command("merge", "Joins JSON reports into one, ordered by the models' paths, and writes it in any format; the exit code is that of the joined report.") { reports };
        foreach (var option in output.First) command.Add(option);
        command.Add(policy.FailOn);
        foreach (var option in output.Last) command.Add(option);
        ModelPaths.RefuseOptions(reports, command);
        command.SetAction(result =>
        {
            var destination = output.Destination(result);
            var failOn = policy.Severity(result);
            var merged = Merge([.. ModelPaths.Expand(result.GetRequiredValue(reports)).Select(p => ReportFiles.Read(p.File))]);
            destination.Write(merged, terminal, output.IsQuiet(result), output.HasColor(result));
            return (int)merged.Models.Select(m => ModelRuns.CodeOf(m, new Policy.ModelPolicy(failOn, [], null, null).Fails(m))).DefaultIfEmpty(ExitCode.Clean).Max();
        });
        return command;
    }

    /// <summary>One report of several: each model once, by path. The tool is that of this program's version only where all are.</summary>
    static AuditReport Merge(IReadOnlyList<AuditReport> reports)
    {
        var models = new SortedDictionary<string, ModelReport>(StringComparer.Ordinal);
        foreach (var model in reports.SelectMany(r => r.Models))
        {
            if (models.TryGetValue(model.Path, out var other) && JsonSerializer.Serialize(other, AuditProcess.Exact) != JsonSerializer.Serialize(model, AuditProcess.Exact))
                throw new UsageException($"two reports say different things of '{model.Path}': merge parts of one run.");
            models[model.Path] = model;
        }
        if (reports.Select(r => r.Tool).Distinct().ToList() is { Count: > 1 } tools)
            throw new UsageException($"the reports were written by different versions ({string.Join(", ", tools.Select(t => t.Version).Order(StringComparer.Ordinal))}): their numbers do not compare.");
        return new AuditReport(reports[0].Tool, [.. models.Values]) { Notes = [.. reports.SelectMany(r => r.Notes).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)] };
    }
}
