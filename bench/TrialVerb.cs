using System.CommandLine;
using System.Globalization;
using OnnxAuditor;
using OnnxAuditor.Commands;
using OnnxAuditor.Reporting;
using OnnxAuditor.Reports;
using OnnxAuditor.Rules;
using OnnxAuditor.Training;

namespace Bench;

/// <summary>Holds what rules say of networks against what a trial training on one batch does: which warnings come true, which are false alarms, what no rule foresaw.</summary>
static class TrialVerb
{
    /// <summary>The verb.</summary>
    public static Command Create()
    {
        var models = VerbOptions.Models();
        var threads = VerbOptions.Threads();
        var steps = new Option<int>("--steps") { Description = "Steps of a trial.", DefaultValueFactory = _ => Trial.DefaultSteps };
        var optimizer = new Option<string>("--optimizer") { Description = "The optimiser.", DefaultValueFactory = _ => new AuditOptions().Optimizer };
        var limit = new Option<int>("--seconds") { Description = "Seconds that a network's audit may take.", DefaultValueFactory = _ => 600 };
        var page = VerbOptions.Page();
        var kept = new Option<string?>("--reports") { Description = "A folder that the report of each network is kept in. One that is there is not made again, so that a run may be ended and continued." };
        var command = new Command("trials", "Holds the findings of rules against trial trainings.") { models, threads, steps, optimizer, limit, kept, page };
        command.SetAction((parsed, cancellation) =>
        {
            var given = parsed.GetValue(models)!;
            var own = Directory.GetFiles(Path.Combine(Networks.Checkout, "models"), "*.onnx").Order(StringComparer.Ordinal);
            var paths = given.Length > 0 ? given : [.. own, .. Networks.Find([], [.. Networks.Shared("torch"), .. Networks.Shared("real")], parsed.InvocationConfiguration.Error)];
            var options = new AuditOptions
            {
                Trial = parsed.GetValue(steps),
                Optimizer = parsed.GetValue(optimizer)!,
                Threads = parsed.GetValue(threads),
                Proxies = [],
                TimeBudget = TimeSpan.FromSeconds(parsed.GetValue(limit)),
            };
            var audited = new List<Tried>();
            foreach (var path in paths)
            {
                audited.Add(Tried.Of(Path.GetFileNameWithoutExtension(path), Report(path, options, parsed.GetValue(kept), cancellation)));
                parsed.InvocationConfiguration.Error.WriteLine($"{audited[^1].Name}: {audited[^1].Shipped}");
            }
            Page(audited, options, string.Create(CultureInfo.InvariantCulture, $"trials --steps {options.Trial} --optimizer {options.Optimizer} --page")).Write(parsed.InvocationConfiguration.Output, parsed.GetValue(page) ? "trials.md" : null);
            return Task.FromResult(0);
        });
        return command;
    }

    static ModelReport Report(string path, AuditOptions options, string? folder, CancellationToken cancellation)
    {
        if (folder is null) return Audit.Run(path, options, null, cancellation);
        var file = Path.Combine(Directory.CreateDirectory(folder).FullName, Path.ChangeExtension(Path.GetFileName(path), ".json"));
        if (!File.Exists(file)) File.WriteAllText(file, JsonReport.Write(new AuditReport(CommandLine.Tool, [Audit.Run(path, options, null, cancellation)])));
        return ReadJsonReport.Read(File.ReadAllText(file)).Models[0];
    }

    static ResultsPage Page(List<Tried> audited, AuditOptions options, string command)
    {
        var result = new ResultsPage("Rules against trial trainings", command);
        result.Line(string.Create(CultureInfo.InvariantCulture, $"Networks of `models/` and of the shared folders `torch` and `real` are trained for up to {options.Trial} steps with {options.Optimizer} on one synthetic batch, from the shipped weights and from re-initialised ones (docs/training.md)."));
        result.Line("A network *fails* where no trial from the shipped weights learns (stalls or diverges with frozen and with batch statistics), or where GRD016 says that a large part of the parameters did not move. A trial that could not be made, or was cut off by time, does not count.");
        result.Line();
        result.Line("## Networks");
        result.Line();
        result.Table(["network", "from shipped weights", "from re-initialised weights", "verdict without the trial", "warnings and errors"], audited.Select(t => (string[])[t.Name, t.Shipped, t.Reinit, t.Static, string.Join(", ", t.Fired)]));
        var judged = audited.Where(t => t.Fails is not null).ToList();
        result.Line("## Rules");
        result.Line();
        result.Line(string.Create(CultureInfo.InvariantCulture, $"Of {judged.Count} networks with a trial {judged.Count(t => t.Fails == true)} fail. For each rule that gave a warning or an error: *true* where the network fails, *false alarm* where it does not; *missed* counts the failing networks of which the rule said nothing."));
        result.Line("A rule that speaks of the file's form (a fixed batch, a folded norm) is no forecast of the trial and is shown for completeness.");
        result.Line();
        var rows = RuleRegistry.All.Where(r => r.Id != TrialStalls.Rule.Id && judged.Any(t => t.Fired.Contains(r.Id, StringComparer.Ordinal))).Select(r =>
        {
            bool Fired(Tried t) => t.Fired.Contains(r.Id, StringComparer.Ordinal);
            return (string[])[$"{r.Id} {r.Title}", Count(judged, t => Fired(t) && t.Fails == true), Count(judged, t => Fired(t) && t.Fails == false), Count(judged, t => !Fired(t) && t.Fails == true)];
        });
        result.Table(["rule", "true", "false alarm", "missed"], rows);
        var silent = judged.Where(t => t.Fails == true && !t.Fired.Any(f => RuleRegistry.ById[f].Family is "WGT" or "ACT" or "GRD" || f is "TRN012" or "TRN014" or "TRN015" or "TRN027")).Select(t => t.Name).ToList();
        result.Line(silent.Count == 0 ? "Every network that fails was named by a rule on weights, activations or gradients, or by one of TRN012, TRN014, TRN015, TRN027." : $"Failing networks of which no rule on weights, activations or gradients spoke: {string.Join(", ", silent)}.");
        result.Line();
        result.Line("What was changed because of this table stands in docs/findings.md.");
        return result;
    }

    static string Count(List<Tried> among, Func<Tried, bool> which) => among.Count(which).ToString(CultureInfo.InvariantCulture);

    /// <summary>What came of a network.</summary>
    /// <param name="Name">Its name.</param>
    /// <param name="Shipped">The trials from the shipped weights, in words.</param>
    /// <param name="Reinit">Those from re-initialised ones.</param>
    /// <param name="Static">The verdict that the other findings give.</param>
    /// <param name="Fired">Rules, the trial's own left out, with a warning or an error.</param>
    /// <param name="Fails">Whether the trials from the shipped weights fail; null without one.</param>
    sealed record Tried(string Name, string Shipped, string Reinit, string Static, IReadOnlyList<string> Fired, bool? Fails)
    {
        public static Tried Of(string name, ModelReport report)
        {
            var others = report.Findings.Where(f => f.RuleId != TrialStalls.Rule.Id).ToList();
            var found = report.Findings.Where(f => f.RuleId == TrialStalls.Rule.Id).ToList();
            var made = report.Trials.Where(t => t.Outcome is not null && t.Weights == "shipped").ToList();
            var fails = found.Any(f => f.Severity > Severity.Info || f.Message.Contains("did not move", StringComparison.Ordinal));
            // The trial's warning makes a fix of what would be trainable without it.
            var verdict = report.Verdict == Verdict.TrainableWithFixes && report.VerdictReason.Contains("1 finding asks for a fix first (GRD016)", StringComparison.Ordinal) ? Verdict.Trainable : report.Verdict;
            return new(name, Words(report, "shipped"), Words(report, "reinit"), MarkdownReport.Words(verdict), [.. others.Where(f => f.Severity > Severity.Info).Select(f => f.RuleId).Distinct(StringComparer.Ordinal)], made.Count == 0 ? null : fails);
        }

        static string Words(ModelReport report, string weights)
        {
            var trials = report.Trials.Where(t => t.Weights == weights).ToList();
            if (trials.Count == 0) return report.BudgetExceeded is null ? "not run" : "cut off";
            return string.Join("; ", trials.Select(t => $"{(t.Outcome is { } o ? TrialJson.Word(o) : $"not available ({t.Unavailable!.Split('\n')[0].Replace('|', '/')})")}{(trials.Count > 1 ? $" ({t.NormStatistics})" : "")}"
                + (t is { Outcome: not null, Losses.Count: > 1 } ? string.Create(CultureInfo.InvariantCulture, $", {NumberFormat.Value(t.Losses[0])} → {NumberFormat.Value(t.Losses[^1])} in {t.Steps}") : "")));
        }
    }
}
