using System.CommandLine;
using System.Globalization;
using GraphRewriter.Ir;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Execution.Torch;

namespace Bench;

/// <summary>A training step on ONNX Runtime through our gradient graph against libtorch, eager with autograd.</summary>
static class EagerVerb
{
    /// <summary>The verb.</summary>
    public static Command Create()
    {
        var models = VerbOptions.Models();
        var rounds = VerbOptions.Rounds(15);
        var threads = VerbOptions.Threads();
        var batch = VerbOptions.Batch();
        var page = VerbOptions.Page();
        var command = new Command("eager", "Compares a training step on ONNX Runtime with one on libtorch.") { models, rounds, threads, batch, page };
        command.SetAction(parsed =>
        {
            TorchLibrary.Require();
            var (count, size) = (parsed.GetValue(rounds), parsed.GetValue(batch));
            var settings = new OrtSettings(Threads: parsed.GetValue(threads));
            var result = new ResultsPage("A training step against libtorch", string.Create(CultureInfo.InvariantCulture, $"eager --rounds {count} --threads {settings.Threads} --batch {size} --page"));
            result.Line($"*ONNX Runtime* runs the gradient graph: forward, loss, backward, every parameter's gradient an output. *libtorch* ({TorchLibrary.Version}) runs the same network operator by operator with autograd;");
            result.Line("recurrent layers step by step, as the canonical graph has them, not by its fused kernels.");
            result.Line(string.Create(CultureInfo.InvariantCulture, $"Shipped weights, frozen statistics, batch {size}, {settings.Threads} threads, {count} rounds in turns; times are medians, ratios medians of the rounds' ratios. *By processor* compares processor times of all threads."));
            result.Line();
            var rows = Networks.Find(parsed.GetValue(models)!, Networks.Shared("torch"), parsed.InvocationConfiguration.Error).Select(path => Row(path, size, settings, count));
            result.Table(["network", "forward, ORT / libtorch", "step on ORT, ms", "step on libtorch, ms", "step, ORT / libtorch", "by processor"], rows);
            result.Write(parsed.InvocationConfiguration.Output, parsed.GetValue(page) ? "eager.md" : null);
            return 0;
        });
        return command;
    }

    static string[] Row(string path, long batch, OrtSettings settings, int rounds)
    {
        var name = Path.GetFileNameWithoutExtension(path);
        var protocol = InstrumentationVerb.Protocols(batch)[0].Protocol;
        try
        {
            var model = Step.Read(path, batch);
            using var eager = new EagerStep(model, protocol, settings.Threads);
            using var forward = Step.Forward(model, protocol, settings);
            using var step = Step.Bare(model, protocol, settings);
            var ahead = Interleaved.Compare(eager.Forward, forward.Run, rounds);
            var times = Interleaved.Compare(eager.Run, step.Run, rounds);
            return [name, ResultsPage.Digits(ahead.Ratio), ResultsPage.Milliseconds(times.Second), ResultsPage.Milliseconds(times.First), ResultsPage.Digits(times.Ratio), ResultsPage.Digits(times.ProcessorRatio)];
        }
        catch (ModelException e)
        {
            return [name, "not available", e.Message.Replace('|', '/'), "", "", ""];
        }
    }
}
