using System.CommandLine;
using System.Globalization;
using OnnxAuditor.Execution.Ort;

namespace Bench;

/// <summary>Where the time of a run goes, by operator and by what emitted it.</summary>
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
        var graph = new Option<string>("--graph") { Description = "What runs: the instrumented pass, the bare training step or the forward pass alone.", DefaultValueFactory = _ => "instrumented" }
            .AcceptOnlyFromAmong("instrumented", "bare", "forward");
        var command = new Command("profile", "Sums ONNX Runtime's profile of a pass by operator.") { models, rounds, threads, batch, protocol, graph };
        command.SetAction(parsed =>
        {
            var chosen = InstrumentationVerb.Protocols(parsed.GetValue(batch)).Single(p => p.Name.Equals(parsed.GetValue(protocol), StringComparison.Ordinal)).Protocol;
            foreach (var path in Networks.Find(parsed.GetValue(models)!, ["torch/torch_mobilenet_v3.onnx", "real/ppocr_cls.onnx"], parsed.InvocationConfiguration.Error))
            {
                var model = Step.Read(path, parsed.GetValue(batch));
                var settings = Settings(parsed.GetValue(threads));
                using var step = parsed.GetValue(graph) switch
                {
                    "bare" => Step.Bare(model, chosen, settings),
                    "forward" => Step.Forward(model, chosen, settings),
                    _ => Step.Instrumented(model, chosen, settings),
                };
                Print(parsed.InvocationConfiguration.Output, Path.GetFileNameWithoutExtension(path), Profile.Of(step, parsed.GetValue(rounds)));
            }
            return 0;
        });
        return command;
    }

    /// <summary>Settings of a session whose kernels are timed.</summary>
    public static OrtSettings Settings(int threads) => new(Threads: threads, ProfilePrefix: Path.Combine(Path.GetTempPath(), "onnx-auditor-profile"));

    static void Print(TextWriter output, string network, IReadOnlyList<ProfileRow> rows)
    {
        var total = rows.Sum(r => r.Milliseconds);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{network}: {total:0.0} ms a run in kernels"));
        foreach (var part in rows.GroupBy(r => r.Part, StringComparer.Ordinal).OrderByDescending(g => g.Sum(r => r.Milliseconds)))
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {part.Key}: {part.Sum(r => r.Milliseconds) / total:0.0%}"));
            foreach (var r in part.Take(40))
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"    {(r.Source == r.Operator ? r.Operator : $"{r.Source}: {r.Operator}"),-40} {r.Milliseconds,9:0.00} ms  {r.Nodes,5} nodes"));
        }
    }
}
