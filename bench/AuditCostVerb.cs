using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using OnnxAuditor.Commands;
using OnnxAuditor.Reporting;
using OnnxAuditor.Reports;

namespace Bench;

/// <summary>What an audit costs as a user meets it: the whole process, start-up and report included.</summary>
static class AuditCostVerb
{
    /// <summary>The verb.</summary>
    public static Command Create()
    {
        var models = VerbOptions.Models();
        var rounds = VerbOptions.Rounds(5);
        var page = VerbOptions.Page();
        var every = new Option<bool>("--every") { Description = "Audit every network of the folders real and lint once instead, and show what came of it" };
        var command = new Command("audit-cost", "Measures wall time and peak memory of the command 'onnx-auditor audit' as a process of its own.") { models, rounds, page, every };
        command.SetAction(parsed =>
        {
            if (ReleaseBuild.Find(parsed.InvocationConfiguration.Error) is not { } program) return 1;
            if (parsed.GetValue(every))
            {
                Every(program).Write(parsed.InvocationConfiguration.Output, parsed.GetValue(page) ? "audits.md" : null);
                return 0;
            }
            var count = parsed.GetValue(rounds);
            var result = new ResultsPage("What an audit costs", string.Create(CultureInfo.InvariantCulture, $"audit-cost --rounds {count} --page"));
            result.Line(string.Create(CultureInfo.InvariantCulture, $"The command `onnx-auditor audit MODEL -o report.md` with its default options as a process of its own, Release build: from its start to its end, {count} runs each."));
            result.Line("Memory is the largest resident set. Processor time is summed over all threads. `--version` is the bare start of the program.");
            result.Line();
            var files = Networks.Find(parsed.GetValue(models)!, ["real/ppocr_cls.onnx", "torch/torch_mobilenet_v3.onnx"], parsed.InvocationConfiguration.Error);
            var rows = new List<string[]> { Row("--version", count, program, "--version") };
            var report = Path.Combine(Path.GetTempPath(), $"audit-cost-{Environment.ProcessId}.md");
            rows.AddRange(files.Select(f => Row(Path.GetFileNameWithoutExtension(f), count, program, "audit", f, "-o", report, "--fail-on", "never")));
            File.Delete(report);
            result.Table(["network", "wall time, s (median)", "fastest, s", "slowest, s", "processor time, s (median)", "peak memory, MiB (median)", "exit code"], rows);
            result.Write(parsed.InvocationConfiguration.Output, parsed.GetValue(page) ? "audit-cost.md" : null);
            return 0;
        });
        return command;
    }

    /// <summary>The time that a model may take in <see cref="Every"/>.</summary>
    const int BudgetSeconds = 600;

    static ResultsPage Every(string program)
    {
        var result = new ResultsPage("Audits of all real and odd models", "audit-cost --every --page");
        result.Line(string.Create(CultureInfo.InvariantCulture, $"`onnx-auditor audit MODEL` with its default options and a time budget of {BudgetSeconds} s, once each, the whole process. Memory is the largest resident set; exit codes are those of the README."));
        result.Line("`real` are networks as their authors published them, `lint` malformed, odd and degenerate files, of which several are not to be read.");
        result.Line();
        var report = Path.Combine(Path.GetTempPath(), $"audit-cost-{Environment.ProcessId}.json");
        foreach (var folder in (string[])["real", "lint"])
        {
            var rows = new List<string[]>();
            foreach (var file in Networks.Find([], Networks.Shared(folder), TextWriter.Null))
            {
                var (wall, processor, peak, code) = Measure([program, "audit", file, "-o", report, "--time-budget", $"{BudgetSeconds}s"]);
                var model = File.Exists(report) ? ReportFiles.Read(report).Models[0] : null;
                File.Delete(report);
                rows.Add(
                [
                    Path.GetFileNameWithoutExtension(file), ResultsPage.Digits(wall), ResultsPage.Digits(processor), ResultsPage.Digits(peak / 1048576.0), code.ToString(CultureInfo.InvariantCulture),
                    model is null ? "no report" : MarkdownReport.Words(model.Verdict), (model?.Findings.Count(f => f.Severity == Severity.Error) ?? 0).ToString(CultureInfo.InvariantCulture),
                    (model?.Findings.Count(f => f.Severity == Severity.Warning) ?? 0).ToString(CultureInfo.InvariantCulture),
                ]);
            }
            result.Line($"## {folder}");
            result.Line();
            result.Table(["network", "wall time, s", "processor time, s", "peak memory, MiB", "exit code", "verdict", "errors", "warnings"], rows);
        }
        return result;
    }

    static string[] Row(string name, int rounds, params string[] arguments)
    {
        var runs = Enumerable.Range(0, rounds).Select(_ => Measure(arguments)).ToList();
        var wall = runs.ConvertAll(r => r.Wall);
        return
        [
            name, ResultsPage.Digits(Interleaved.Median(wall)), ResultsPage.Digits(wall.Min()), ResultsPage.Digits(wall.Max()),
            ResultsPage.Digits(Interleaved.Median(runs.Select(r => r.Processor))), ResultsPage.Digits(Interleaved.Median(runs.Select(r => r.Peak / 1048576.0))),
            string.Join(", ", runs.Select(r => r.ExitCode).Distinct().Select(c => c.ToString(CultureInfo.InvariantCulture))),
        ];
    }

    /// <summary>Runs the program once: seconds of wall and processor time, peak memory in bytes, exit code.</summary>
    /// <param name="arguments">The program's file and its words.</param>
    /// <param name="settings">Variables of the environment.</param>
    internal static (double Wall, double Processor, long Peak, int ExitCode) Measure(IEnumerable<string> arguments, params (string Name, string Value)[] settings)
    {
        var info = new ProcessStartInfo("dotnet", arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in settings) info.Environment[name] = value;
        var start = Stopwatch.GetTimestamp();
        using var process = Process.Start(info)!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        // The system keeps the peak itself and forgets it with the process: the last look before the end is at most this much too early.
        var (peak, processor) = (0L, 0.0);
        while (!process.WaitForExit(10))
        {
            process.Refresh();
            try
            {
                peak = Math.Max(peak, process.PeakWorkingSet64);
                processor = process.TotalProcessorTime.TotalSeconds;
            }
            catch (InvalidOperationException)
            {
                // It ended between the two questions.
                break;
            }
        }
        process.WaitForExit();
        return (Stopwatch.GetElapsedTime(start).TotalSeconds, processor, peak, process.ExitCode);
    }
}
