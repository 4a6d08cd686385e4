using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using OnnxAuditor;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Measurement;
using OnnxAuditor.Proxies;

namespace Bench;

/// <summary>What the whole panel of proxies costs, against its members one by one and against a training step.</summary>
static class PanelVerb
{
    /// <summary>The verb.</summary>
    public static Command Create()
    {
        var models = VerbOptions.Models();
        var rounds = VerbOptions.Rounds(3);
        var threads = VerbOptions.Threads();
        var batch = new Option<long>("--batch") { Description = "Samples a pass.", DefaultValueFactory = _ => 64 };
        var page = VerbOptions.Page();
        var command = new Command("panel", "Compares the whole panel of proxies with its members one by one, and with a training step.") { models, rounds, threads, batch, page };
        command.SetAction(parsed =>
        {
            var (count, size) = (parsed.GetValue(rounds), parsed.GetValue(batch));
            var settings = new OrtSettings(Threads: parsed.GetValue(threads));
            var result = new ResultsPage("What the panel of proxies costs", string.Create(CultureInfo.InvariantCulture, $"panel --rounds {count} --threads {settings.Threads} --batch {size} --page"));
            result.Line("*Panel* computes all proxies, with runs shared where protocols agree; *one by one* computes each by itself and adds the times up. Both include rewriting the graph and making sessions, and");
            result.Line("begin with the canonical model. *Step* is one forward and backward pass of a session that is there already, shipped weights, batch statistics. Epsilon takes 64 samples whatever the batch.");
            result.Line(string.Create(CultureInfo.InvariantCulture, $"{settings.Threads} threads, {count} rounds in turns; times are medians, ratios medians of the rounds' ratios. *By processor* compares processor times of all threads."));
            result.Line("Below, each run of the panel and each proxy by itself, once after a warm-up; these times include canonicalising for a batch of another size.");
            result.Line();
            var given = parsed.GetValue(models)!;
            var paths = given.Length > 0 ? given : [.. Networks.Find([], ["torch/torch_mobilenet_v3.onnx"], parsed.InvocationConfiguration.Error), Path.Combine(Networks.Checkout, "models", "residual_cnn.onnx")];
            result.Table(["network", "samples", "proxies", "passes", "panel, s", "panel / one by one", "by processor", "panel / step"], paths.Select(path => Row(path, size, settings, count)));
            foreach (var path in paths) Detail(result, path, size, settings);
            result.Write(parsed.InvocationConfiguration.Output, parsed.GetValue(page) ? "panel.md" : null);
            return 0;
        });
        return command;
    }

    static string[] Row(string path, long batch, OrtSettings settings, int rounds)
    {
        using var file = OnnxReader.Read(path);
        var bound = new Dictionary<long, CanonicalModel>();
        CanonicalModel At(long n) => bound.TryGetValue(n, out var known) ? known : bound[n] = Canonicalizer.Run(file.Model, new CanonicalOptions { Batch = n, ComputeInFloat32 = true });
        var model = At(batch);
        var passes = 0;
        void Together() => passes = Score(ProxyRegistry.All, model, At, batch, settings).Count;
        void OneByOne()
        {
            foreach (var proxy in ProxyRegistry.All) Score([proxy], model, At, batch, settings);
        }
        var whole = Interleaved.Compare(OneByOne, Together, rounds);
        using var step = Step.Bare(model, new Protocol(WeightSource.Shipped, NormStatistics.Batch, InputLaw.Normal, batch, 0, Probes.ParameterGradients), settings);
        var single = Interleaved.Compare(step.Run, step.Run, 3 * rounds);
        return
        [
            Path.GetFileNameWithoutExtension(path), batch.ToString(CultureInfo.InvariantCulture), ProxyRegistry.All.Length.ToString(CultureInfo.InvariantCulture), passes.ToString(CultureInfo.InvariantCulture),
            ResultsPage.Digits(whole.Second), ResultsPage.Digits(whole.Ratio), ResultsPage.Digits(whole.ProcessorRatio), ResultsPage.Digits(whole.Second / single.First),
        ];
    }

    /// <summary>Where the panel's time goes: each of its runs, and each proxy by itself.</summary>
    static void Detail(ResultsPage page, string path, long batch, OrtSettings settings)
    {
        using var file = OnnxReader.Read(path);
        CanonicalModel At(long n) => Canonicalizer.Run(file.Model, new CanonicalOptions { Batch = n, ComputeInFloat32 = true });
        var model = At(batch);
        List<(Protocol Run, double Seconds, long Parts)> runs = [];
        var alone = ProxyRegistry.All.Select(p => (Proxy: p, Seconds: 0.0)).ToList();
        // Once to warm up.
        for (var round = 0; round < 2; round++)
        {
            runs = Score(ProxyRegistry.All, model, At, batch, settings);
            alone = alone.ConvertAll(a => (a.Proxy, Score([a.Proxy], model, At, batch, settings).Sum(r => r.Seconds)));
        }
        page.Line($"## {Path.GetFileNameWithoutExtension(path)}");
        page.Line();
        page.Table(["run of the panel", "instruments", "parts", "s"], runs.Select(r => (string[])
            [ProtocolText.Of(r.Run), string.Join(", ", r.Run.Instruments.Select(i => i.Name)), r.Parts.ToString(CultureInfo.InvariantCulture), ResultsPage.Digits(r.Seconds)]));
        page.Table(["proxy by itself", "s"], alone.Where(a => a.Seconds > 0).OrderByDescending(a => a.Seconds).Select(a => (string[])[a.Proxy.Id, ResultsPage.Digits(a.Seconds)]));
    }

    static List<(Protocol Run, double Seconds, long Parts)> Score(IReadOnlyList<Proxy> proxies, CanonicalModel model, Func<long, CanonicalModel> at, long batch, OrtSettings settings)
    {
        var options = new AuditOptions { Profile = OnnxAuditor.Profile.Full, Batch = batch };
        using var measure = new Measure(model, at, new MeasureSettings(settings, new Dictionary<string, TensorData>(StringComparer.Ordinal), "", null, null, null));
        var plan = new Plan();
        foreach (var protocol in proxies.SelectMany(p => ProxySelection.Protocols(p, options))) plan.Add(protocol);
        var scoring = new Scoring(proxies, options, model, plan);
        var results = new Dictionary<Protocol, ModelMeasurement>();
        var times = new List<(Protocol, double, long)>();
        foreach (var run in plan.Runs)
        {
            var start = Stopwatch.GetTimestamp();
            results[run] = measure.Run(run, CancellationToken.None);
            scoring.After(results);
            times.Add((run, Stopwatch.GetElapsedTime(start).TotalSeconds, measure.LastParts));
        }
        return times;
    }
}
