using System.CommandLine;
using OnnxAuditor.Comparison;
using OnnxAuditor.Execution;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Commands;

/// <summary><c>compare MODEL MODEL…</c>: audits models alike and holds them against each other.</summary>
static class CompareCommand
{
    /// <summary>Seeds where none are asked for: without a spread nothing can be ranked.</summary>
    const int DefaultSeeds = 3;

    const string ReportExtension = ".json";

    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var models = new Argument<List<string>>("MODEL") { Description = "Two or more model files, folders or patterns, or JSON reports of earlier audits; the first is what the others are held against", Arity = ArgumentArity.OneOrMore };
        var jobs = OptionValues.Of("--jobs", "N", "Models audited at a time; 0 for half the cores", 0L, OptionValues.Integer(0, 256));
        var options = new AuditOptionSet(DefaultSeeds);
        var policy = new PolicyOptionSet();
        var output = new OutputOptionSet("md");
        var command = new Command("compare", "Audits models alike and shows them side by side; ranks them where they compare and differ by more than chance.") { models };
        foreach (var option in output.First.Concat(policy.All).Concat(options.All)) command.Add(option);
        command.Add(jobs);
        foreach (var option in output.Last) command.Add(option);
        ModelPaths.RefuseOptions(models, command);
        command.SetAction((result, cancellation) =>
        {
            var destination = output.Destination(result);
            var settings = new ModelSettings(result, options, policy);
            var paths = ModelPaths.Expand(result.GetRequiredValue(models));
            var isQuiet = output.IsQuiet(result);
            var atATime = ModelRuns.Jobs(result.GetValue(jobs), Environment.ProcessorCount / 2);
            var memory = new MemoryPool();
            string[] words = [.. OptionValues.Without(settings.Words, "--seeds"), $"--seeds={settings.For(paths[0].File).Options.Seeds}"];
            var run = ProgressDisplay.Run(terminal, terminal.IsInteractive && !isQuiet, output.HasColor(result), progress =>
            {
                ModelReport One(ModelPath path, AuditOptions audit)
                {
                    var done = AuditProcess.Run(path.File, words, audit.TimeBudget, memory.Within(audit.MaxMemory), progress, cancellation);
                    progress?.Report(new(path.File, "done", 1));
                    return done;
                }

                return ModelRuns.All([.. paths.Where(p => !IsReport(p.File))], settings, atATime, One, cancellation);
            });
            foreach (var complaint in run.Complaints) terminal.Complain(complaint);
            var (reports, files) = InOrder(paths, run.Report.Models);
            if (reports.Count < 2) throw new UsageException("there is one model only: name two or more to compare.");
            var comparison = Compare.Of(reports);
            comparison = comparison with { Changes = [.. comparison.Changes.Select(c => files[c.From] is { } a && files[c.To] is { } b ? CompareWeights.Measure(c, a, b, settings.For(a).Options) : c)] };
            destination.Write(new AuditReport(CommandLine.Tool, reports) { Notes = run.Report.Notes, Comparison = comparison }, terminal, isQuiet, output.HasColor(result));
            return Task.FromResult((int)run.Code);
        });
        return command;
    }

    static bool IsReport(string path) => path.EndsWith(ReportExtension, StringComparison.OrdinalIgnoreCase);

    /// <summary>The models in the order of the paths, with the file of each; null for those of a report.</summary>
    static (IReadOnlyList<ModelReport> Reports, IReadOnlyList<string?> Files) InOrder(IReadOnlyList<ModelPath> paths, IReadOnlyList<ModelReport> audited)
    {
        var (reports, files, next) = (new List<ModelReport>(), new List<string?>(), 0);
        foreach (var path in paths)
        {
            var found = IsReport(path.File) ? ReportFiles.Read(path.File).Models : [audited[next++]];
            reports.AddRange(found);
            files.AddRange(found.Select(m => IsReport(path.File) || m.Unreadable is not null ? null : path.File));
        }
        return (reports, files);
    }
}
