using System.CommandLine;
using System.Globalization;
using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using GraphRewriter.Training;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Execution.Torch;
using OnnxAuditor.Measurement;
using OnnxAuditor.Training;

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
            result.Line("The last three columns are whole training steps with the update of SGD with momentum: on ONNX Runtime the graph of `rewrite --train-step momentum`, its weights kept there from step to step; on libtorch torch.optim.");
            result.Line(string.Create(CultureInfo.InvariantCulture, $"Shipped weights, frozen statistics, batch {size}, {settings.Threads} threads, {count} rounds in turns; times are medians, ratios medians of the rounds' ratios. *By processor* compares processor times of all threads."));
            result.Line();
            var rows = Networks.Find(parsed.GetValue(models)!, Networks.Shared("torch"), parsed.InvocationConfiguration.Error).Select(path => Row(path, size, settings, count));
            result.Table(["network", "forward, ORT / libtorch", "step on ORT, ms", "step on libtorch, ms", "step, ORT / libtorch", "by processor", "with update on ORT, ms", "with update on libtorch, ms", "with update, ORT / libtorch"], rows);
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
            var training = Train(model, protocol, settings, rounds);
            return [name, ResultsPage.Digits(ahead.Ratio), ResultsPage.Milliseconds(times.Second), ResultsPage.Milliseconds(times.First), ResultsPage.Digits(times.Ratio), ResultsPage.Digits(times.ProcessorRatio), ResultsPage.Milliseconds(training.Second), ResultsPage.Milliseconds(training.First), ResultsPage.Digits(training.Ratio)];
        }
        catch (ModelException e)
        {
            return [name, "not available", e.Message.Replace('|', '/'), "", "", "", "", "", ""];
        }
    }

    /// <summary>Whole steps, update included; the learning rate is so small that the weights stay what they are.</summary>
    static Interleaved Train(CanonicalModel model, Protocol protocol, OrtSettings settings, int rounds)
    {
        const float Rate = 1e-9f;
        var graph = TrainGraph.Build(model, new TrainGraphOptions(Optimizers.Named("momentum"), NormStatistics.Frozen));
        var feeds = Step.Feeds(model, graph.Model.Graph, graph.Loss, new Dictionary<Parameter, Value>(), protocol);
        using var stepper = graph.Start(settings, feeds);
        using var eager = new TorchTraining(model, NormStatistics.Frozen, "momentum", null, settings.Threads);
        for (var i = 0; i < eager.Targets.Count; i++) feeds[eager.Targets[i]] = feeds[graph.Loss.Terms[i].Target!.Name];
        return Interleaved.Compare(() => eager.Step(feeds, Rate), () => stepper.Step(Rate), rounds);
    }
}
