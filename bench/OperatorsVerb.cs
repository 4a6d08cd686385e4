using System.CommandLine;
using System.Globalization;
using OnnxAuditor.Execution.Ort;

namespace Bench;

/// <summary>What the backward pass costs: the bare training step against the forward pass, network by network.</summary>
static class OperatorsVerb
{
    /// <summary>The verb.</summary>
    public static Command Create()
    {
        var models = VerbOptions.Models();
        var rounds = VerbOptions.Rounds(9);
        var threads = VerbOptions.Threads();
        var batch = VerbOptions.Batch();
        var page = VerbOptions.Page();
        var command = new Command("operators", "Compares the backward pass with the forward pass.") { models, rounds, threads, batch, page };
        command.SetAction(parsed =>
        {
            var count = parsed.GetValue(rounds);
            var settings = new OrtSettings(Threads: parsed.GetValue(threads));
            var size = parsed.GetValue(batch);
            var result = new ResultsPage("What the backward pass costs", string.Create(CultureInfo.InvariantCulture, $"operators --rounds {count} --threads {settings.Threads} --batch {size} --page"));
            result.Line("*Forward* is the network's own graph; *step* is forward, loss and backward with every parameter's gradient as an output, without any probe.");
            result.Line(string.Create(CultureInfo.InvariantCulture, $"Shipped weights, frozen statistics, batch {size}, {settings.Threads} threads, {count} rounds in turns; times are medians, the ratio is the median of the rounds' ratios less one."));
            result.Line();
            var rows = Networks.Find(parsed.GetValue(models)!, Networks.Shared("torch"), parsed.InvocationConfiguration.Error).Select(path => Row(path, size, settings, count));
            result.Table(["network", "forward, ms", "step, ms", "backward / forward", "nodes, forward", "nodes, step"], rows);
            result.Write(parsed.InvocationConfiguration.Output, parsed.GetValue(page) ? "operators.md" : null);
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
            using var forward = Step.Forward(model, protocol, settings);
            using var step = Step.Bare(model, protocol, settings);
            var times = Interleaved.Compare(forward.Run, step.Run, rounds);
            return
            [
                name, ResultsPage.Milliseconds(times.First), ResultsPage.Milliseconds(times.Second), ResultsPage.Digits(times.Ratio - 1),
                forward.Nodes.ToString(CultureInfo.InvariantCulture), step.Nodes.ToString(CultureInfo.InvariantCulture),
            ];
        }
        catch (GraphRewriter.Ir.ModelException e)
        {
            return [name, "not available", e.Message.Replace('|', '/'), "", "", ""];
        }
    }
}
