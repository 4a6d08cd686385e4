using System.CommandLine;
using OnnxAuditor.Execution;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Commands;

/// <summary><c>audit MODEL…</c>: the full audit.</summary>
static class AuditCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var models = ModelPaths.Argument();
        var jobs = OptionValues.Of("--jobs", "N", "Models audited at a time, each in a process of its own; 0 for half the cores. Their runs share --max-memory", 0L, OptionValues.Integer(0, 256));
        var shard = OptionValues.Of<(int, int)?>("--shard", "I/N", "Audit the I-th of N parts of the models only; 'merge' joins the JSON reports of all parts", text => ModelPaths.Shard(text));
        var resume = OptionValues.Of<string>("--resume", "FILE", "Keep finished models in this file, and take from it those that an interrupted run has finished under the same options", text => text);
        var asChild = new Option<bool>(AuditProcess.ChildOption) { Hidden = true };
        var options = new AuditOptionSet();
        var policy = new PolicyOptionSet();
        var output = new OutputOptionSet("md");
        var command = new Command("audit", "Audits models: measures activations and gradients, runs rules and proxies, writes a report.") { models };
        foreach (var option in output.First.Concat(policy.All).Concat(options.All)) command.Add(option);
        command.Add(jobs);
        command.Add(shard);
        command.Add(resume);
        foreach (var option in output.Last) command.Add(option);
        command.Add(asChild);
        ModelPaths.RefuseOptions(models, command);
        command.SetAction((result, cancellation) =>
        {
            var destination = output.Destination(result);
            var settings = new ModelSettings(result, options, policy);
            var paths = ModelPaths.Expand(result.GetRequiredValue(models));
            if (result.GetValue(asChild)) return Task.FromResult((int)AuditProcess.Answer(paths[0].File, settings.For(paths[0].File).Options, terminal, cancellation));
            if (result.GetValue(shard) is var (part, parts)) paths = [.. paths.Where((_, i) => i % parts == part - 1)];
            using var journal = result.GetValue(resume) is { } file ? Journal.Open(file) : null;
            var atATime = ModelRuns.Jobs(result.GetValue(jobs), Environment.ProcessorCount / 2);
            // Each child waits until there is enough for its next run, so that what it reports is the same however many run beside it.
            var memory = new MemoryPool();
            var isQuiet = output.IsQuiet(result);
            var run = ProgressDisplay.Run(terminal, terminal.IsInteractive && !isQuiet, output.HasColor(result), progress =>
            {
                ModelReport One(ModelPath path, AuditOptions audit)
                {
                    if (path.File is ModelPaths.StandardInput) return ModelPaths.FromStandardInput(terminal, path, p => Audit.Run(p, audit, progress, cancellation));
                    var done = paths.Count == 1 && journal is null
                        ? Audit.Run(path.File, audit, progress, cancellation)
                        : Journal.Get(journal, path.File, settings.Described(path.File), () => AuditProcess.Run(path.File, settings.Words, audit.TimeBudget, memory.Within(audit.MaxMemory), progress, cancellation));
                    progress?.Report(new(path.File, "done", 1));
                    return done;
                }

                return ModelRuns.All(paths, settings, atATime, One, cancellation);
            });
            // Told now, not in between: the display rewrites its lines.
            foreach (var complaint in run.Complaints) terminal.Complain(complaint);
            destination.Write(run.Report, terminal, isQuiet, output.HasColor(result));
            return Task.FromResult((int)run.Code);
        });
        return command;
    }
}
