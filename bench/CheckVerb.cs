using System.CommandLine;
using System.Globalization;

namespace Bench;

/// <summary>What a check costs before each commit: the whole process, and what settings of .NET change of it.</summary>
static class CheckVerb
{
    /// <summary>How many models stand for a folder of them.</summary>
    const int Many = 50;

    static readonly (string Name, (string, string)[] Settings)[] Alternatives =
    [
        ("as built", []),
        ("compiled fully at once (TieredCompilation=0)", [("DOTNET_TieredCompilation", "0")]),
        ("loops compiled fully at once (TC_QuickJitForLoops=0)", [("DOTNET_TC_QuickJitForLoops", "0")]),
        ("with profiles (TieredPGO=1)", [("DOTNET_TieredPGO", "1")]),
        ("collector on a thread of its own (gcConcurrent=1)", [("DOTNET_gcConcurrent", "1")]),
    ];

    /// <summary>The verb.</summary>
    public static Command Create()
    {
        var models = VerbOptions.Models();
        var rounds = VerbOptions.Rounds(10);
        var page = VerbOptions.Page();
        var other = new Option<string?>("--precompiled") { Description = "The folder of 'dotnet publish src/OnnxAuditor -c Release -r RID --no-self-contained -p:PublishReadyToRun=true', measured beside the build." };
        var command = new Command("check", "Measures wall and processor time of the command 'onnx-auditor check' as a process of its own.") { models, rounds, page, other };
        command.SetAction(parsed =>
        {
            if (ReleaseBuild.Find(parsed.InvocationConfiguration.Error) is not { } program) return 1;
            var file = Networks.Find(parsed.GetValue(models)!, ["real/ppocr_rec.onnx"], parsed.InvocationConfiguration.Error)[0];
            var alternatives = Alternatives.Select(a => (a.Name, Program: program, a.Settings)).ToList();
            if (parsed.GetValue(other) is { } folder) alternatives.Insert(1, ("compiled ahead of time (PublishReadyToRun)", Path.Combine(folder, ReleaseBuild.FileName), []));
            Page(file, program, alternatives, parsed.GetValue(rounds)).Write(parsed.InvocationConfiguration.Output, parsed.GetValue(page) ? "check.md" : null);
            return 0;
        });
        return command;
    }

    static ResultsPage Page(string file, string program, List<(string Name, string Program, (string, string)[] Settings)> alternatives, int rounds)
    {
        var page = new ResultsPage("What a check costs", string.Create(CultureInfo.InvariantCulture, $"check --rounds {rounds} --page"));
        page.Line(string.Create(CultureInfo.InvariantCulture, $"The command `onnx-auditor check` as a process of its own, Release build, from its start to its end: medians of {rounds} runs, all rows taken in turns. Processor time is summed over all threads."));
        page.Line(string.Create(CultureInfo.InvariantCulture, $"The model is `{Path.GetFileName(file)}`, {new FileInfo(file).Length / 1e6:0.0} MB. `--version` is the bare start of the program."));
        page.Line("Wall times grow with whatever else the machine does; processor times are what to compare.");
        page.Line();
        var folder = Directory.CreateTempSubdirectory("check-");
        try
        {
            for (var i = 0; i < Many; i++) File.Copy(file, Path.Combine(folder.FullName, string.Create(CultureInfo.InvariantCulture, $"{i}.onnx")));
            var rows = alternatives.ConvertAll(a => (Name: $"one model, {a.Name}", Run: (Func<(double Wall, double Processor, long Peak, int ExitCode)>)(() => AuditCostVerb.Measure([a.Program, "check", file], a.Settings))));
            rows.Insert(0, ("`--version`", () => AuditCostVerb.Measure([program, "--version"])));
            rows.Add(($"{Many} models, as built", () => AuditCostVerb.Measure([program, "check", folder.FullName])));
            var runs = rows.ConvertAll(_ => new List<(double Wall, double Processor, long Peak, int ExitCode)>());
            for (var round = 0; round < rounds; round++)
                for (var i = 0; i < rows.Count; i++) runs[i].Add(rows[i].Run());
            page.Table(["what", "wall time, s (median)", "fastest, s", "processor time, s (median)", "peak memory, MiB (median)", "exit code"], rows.Select((r, i) => (string[])
            [
                r.Name, ResultsPage.Digits(Interleaved.Median(runs[i].Select(x => x.Wall))), ResultsPage.Digits(runs[i].Min(x => x.Wall)), ResultsPage.Digits(Interleaved.Median(runs[i].Select(x => x.Processor))),
                ResultsPage.Digits(Interleaved.Median(runs[i].Select(x => x.Peak / 1048576.0))), string.Join(", ", runs[i].Select(x => x.ExitCode).Distinct().Select(c => c.ToString(CultureInfo.InvariantCulture))),
            ]));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
        return page;
    }
}
