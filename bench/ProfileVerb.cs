using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using OnnxAuditor.Execution.Ort;

namespace Bench;

/// <summary>Where the time of an instrumented run goes, by operator and by what emitted it.</summary>
static class ProfileVerb
{
    /// <summary>The verb.</summary>
    public static Command Create()
    {
        var models = VerbOptions.Models();
        var rounds = VerbOptions.Rounds(5);
        var threads = VerbOptions.Threads();
        var batch = VerbOptions.Batch();
        var protocol = new Option<string>("--protocol") { Description = "The protocol: rules or intrain.", DefaultValueFactory = _ => "rules" }.AcceptOnlyFromAmong("rules", "intrain");
        var command = new Command("profile", "Sums ONNX Runtime's profile of the instrumented pass by operator.") { models, rounds, threads, batch, protocol };
        command.SetAction(parsed =>
        {
            var settings = new OrtSettings(Threads: parsed.GetValue(threads), ProfilePrefix: Path.Combine(Path.GetTempPath(), "onnx-auditor-profile"));
            var chosen = InstrumentationVerb.Protocols(parsed.GetValue(batch)).Single(p => p.Name.Equals(parsed.GetValue(protocol), StringComparison.Ordinal)).Protocol;
            foreach (var path in Networks.Find(parsed.GetValue(models)!, ["torch/torch_mobilenet_v3.onnx", "real/ppocr_cls.onnx"], parsed.InvocationConfiguration.Error))
            {
                using var step = Step.Instrumented(Step.Read(path, parsed.GetValue(batch)), chosen, settings);
                for (var r = 0; r < parsed.GetValue(rounds); r++) step.Run();
                Print(parsed.InvocationConfiguration.Output, Path.GetFileNameWithoutExtension(path), step.EndProfiling(), parsed.GetValue(rounds));
            }
            return 0;
        });
        return command;
    }

    static void Print(TextWriter output, string network, string trace, int rounds)
    {
        var sums = new Dictionary<(string Part, string Op), (double Microseconds, int Count)>();
        using (var file = File.OpenRead(trace))
        using (var json = JsonDocument.Parse(file))
            foreach (var entry in json.RootElement.EnumerateArray())
            {
                if (!entry.TryGetProperty("cat", out var category) || !category.ValueEquals("Node") || !entry.GetProperty("name").GetString()!.EndsWith("_kernel_time", StringComparison.Ordinal)) continue;
                var key = (Part(entry.GetProperty("name").GetString()!), entry.GetProperty("args").GetProperty("op_name").GetString()!);
                var (time, count) = sums.GetValueOrDefault(key);
                sums[key] = (time + entry.GetProperty("dur").GetDouble(), count + 1);
            }
        File.Delete(trace);
        var total = sums.Values.Sum(v => v.Microseconds);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{network}: {total / rounds / 1000:0.0} ms a run in kernels"));
        foreach (var part in sums.GroupBy(s => s.Key.Part, StringComparer.Ordinal).OrderByDescending(g => g.Sum(s => s.Value.Microseconds)))
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {part.Key}: {part.Sum(s => s.Value.Microseconds) / total:0.0%}"));
            foreach (var ((_, op), (time, count)) in part.OrderByDescending(s => s.Value.Microseconds).Take(12))
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"    {op,-24} {time / rounds / 1000,9:0.00} ms  {count / rounds,5} nodes"));
        }
    }

    static string Part(string node) => node.StartsWith("probe/", StringComparison.Ordinal) ? "probes"
        : node.StartsWith("grad/", StringComparison.Ordinal) ? "backward"
        : node.StartsWith("loss/", StringComparison.Ordinal) ? "loss" : "forward";
}
