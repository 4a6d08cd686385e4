using System.CommandLine;
using System.Globalization;
using GraphRewriter.Canonicalization;
using GraphRewriter.Gradients;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Measurement;
using OnnxAuditor.Proxies;

namespace Bench;

/// <summary>What the probes cost: the graph of the audit against the bare training step, forward and backward in both.</summary>
static class InstrumentationVerb
{
    const double Target = 1.35;

    static readonly string[] Usual = ["torch/torch_mobilenet_v3.onnx", "real/ppocr_cls.onnx"];

    /// <summary>The verb.</summary>
    public static Command Create()
    {
        var models = VerbOptions.Models();
        var rounds = VerbOptions.Rounds(15);
        var threads = VerbOptions.Threads();
        var batch = VerbOptions.Batch();
        var page = VerbOptions.Page();
        var command = new Command("instrumentation", "Compares the instrumented forward and backward pass with the bare one.") { models, rounds, threads, batch, page };
        command.SetAction(parsed =>
        {
            var count = parsed.GetValue(rounds);
            var settings = new OrtSettings(Threads: parsed.GetValue(threads));
            var size = parsed.GetValue(batch);
            var rows = new List<string[]>();
            foreach (var path in Networks.Find(parsed.GetValue(models)!, Usual, parsed.InvocationConfiguration.Error))
            {
                var model = Step.Read(path, size);
                foreach (var (name, protocol) in Protocols(size)) rows.Add(Row(Path.GetFileNameWithoutExtension(path), name, model, protocol, settings, count));
            }
            var result = Page(string.Create(CultureInfo.InvariantCulture, $"instrumentation --rounds {count} --threads {settings.Threads} --batch {size} --page"), rows, count, settings.Threads, size);
            result.Write(parsed.InvocationConfiguration.Output, parsed.GetValue(page) ? "instrumentation.md" : null);
            return 0;
        });
        return command;
    }

    /// <summary>The protocols of an audit that go backward: that of the rules and that of InTrain.</summary>
    public static (string Name, Protocol Protocol)[] Protocols(long batch)
    {
        var probes = Probes.ActivationMoments | Probes.Outputs | Probes.ChannelCovariance | Probes.ParameterGradients | Probes.ActivationGradients;
        return
        [
            ("rules", new Protocol(WeightSource.Shipped, NormStatistics.Frozen, InputLaw.Auto, batch, 0, probes)),
            ("intrain", InTrain.Proxy.Runs(new ProtocolOptions(batch, 0, Initialization.PyTorch, LossKind.Auto)).Single()),
        ];
    }

    static string[] Row(string network, string name, CanonicalModel model, Protocol protocol, OrtSettings settings, int rounds)
    {
        using var bare = Step.Bare(model, protocol, settings);
        using var full = Step.Instrumented(model, protocol, settings);
        var times = Interleaved.Compare(bare.Run, full.Run, rounds);
        return
        [
            network, name, ResultsPage.Milliseconds(times.First), ResultsPage.Milliseconds(times.Second), ResultsPage.Digits(times.Ratio), ResultsPage.Digits(times.ProcessorRatio),
            bare.Nodes.ToString(CultureInfo.InvariantCulture), full.Nodes.ToString(CultureInfo.InvariantCulture),
        ];
    }

    static ResultsPage Page(string command, IEnumerable<string[]> rows, int rounds, int threads, long batch)
    {
        var page = new ResultsPage("What the probes cost", command);
        page.Line("*Bare* is the graph of a training step without any probe: forward, loss, backward; the loss and every parameter's gradient are outputs.");
        page.Line("*Instrumented* is the graph that an audit runs: the same, with the probes of its rules (activation moments, zero fractions, channel covariances,");
        page.Line("moments of the gradients by parameters and by layer outputs) or of InTrain (channel covariances, moments of the parameters' gradients).");
        page.Line("`rules` runs shipped weights, which are constants of the session, with frozen statistics; `intrain` feeds re-initialised weights and uses batch statistics.");
        page.Line();
        page.Line(string.Create(CultureInfo.InvariantCulture,
            $"Batch {batch}, {threads} threads, {rounds} rounds; in each round both ran once, one right after the other, in alternating order. Times are medians. The ratio is the median of the"));
        page.Line(string.Create(CultureInfo.InvariantCulture,
            $"rounds' ratios; the processor ratio is that of the medians of processor time over all threads, which other programs on the machine disturb less. The aim is a ratio of at most {Target}."));
        page.Line();
        page.Table(["network", "protocol", "bare, ms", "instrumented, ms", "ratio", "processor ratio", "nodes, bare", "nodes, instrumented"], rows);
        page.Line("A comparison with libtorch's eager forward and backward pass is missing here: it needs an engine that runs the same network in libtorch.");
        return page;
    }
}
