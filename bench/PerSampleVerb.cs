using System.CommandLine;
using System.Globalization;
using GraphRewriter.Canonicalization;
using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using GraphRewriter.PerSample;
using GraphRewriter.Serialization;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Measurement;
using OnnxAuditor.Numerics;

namespace Bench;

/// <summary>What gradients of single samples cost, and their Gram matrix, against the gradient of the batch.</summary>
static class PerSampleVerb
{
    /// <summary>The verb.</summary>
    public static Command Create()
    {
        var models = VerbOptions.Models();
        var rounds = VerbOptions.Rounds(15);
        var threads = VerbOptions.Threads();
        var batch = new Option<long>("--batch") { Description = "Samples a pass.", DefaultValueFactory = _ => 64 };
        var page = VerbOptions.Page();
        var command = new Command("per-sample", "Compares gradients of single samples, and their Gram matrix, with the gradient of the batch.") { models, rounds, threads, batch, page };
        command.SetAction(parsed =>
        {
            var (count, size) = (parsed.GetValue(rounds), parsed.GetValue(batch));
            var settings = new OrtSettings(Threads: parsed.GetValue(threads));
            var result = new ResultsPage("What gradients of single samples cost", string.Create(CultureInfo.InvariantCulture, $"per-sample --rounds {count} --threads {settings.Threads} --batch {size} --page"));
            result.Line("*Batch* is forward, loss and backward with the gradient of every parameter as an output. *Single samples* gives as many gradients of each parameter as there are samples,");
            result.Line("*Gram matrix* the products of those gradients alone.");
            result.Line(string.Create(CultureInfo.InvariantCulture, $"Shipped weights, frozen statistics, {settings.Threads} threads, {count} rounds in turns; times are medians, ratios medians of the rounds' ratios. *By processor* compares processor times of all threads."));
            result.Line();
            var given = parsed.GetValue(models)!;
            var paths = given.Length > 0 ? given : [Path.Combine(Networks.Checkout, "models", "residual_cnn.onnx"), .. Networks.Find([], ["torch/torch_shufflenet.onnx", "torch/torch_encoder.onnx", "torch/torch_vit_tiny.onnx"], parsed.InvocationConfiguration.Error)];
            result.Table(["network", "samples", "batch, ms", "single samples / batch", "by processor", "Gram matrix / batch", "by processor"], paths.Select(path => Row(path, size, settings, count)));
            result.Write(parsed.InvocationConfiguration.Output, parsed.GetValue(page) ? "per-sample.md" : null);
            return 0;
        });
        return command;
    }

    static string[] Row(string path, long batch, OrtSettings settings, int rounds)
    {
        using var file = OnnxReader.Read(path);
        using var together = new Pass(file.Model, batch, settings, (graph, _, loss, parameters, names) => Differentiate.Run(graph, loss, parameters, names).Gradients.Where(g => parameters.Contains(g.Key)).Select(g => g.Value));
        using var single = new Pass(file.Model, batch, settings, (graph, samples, loss, parameters, names) => PerSampleGradients.Run(graph, samples, loss, true, parameters, names).Gradients.Values);
        using var gram = new Pass(file.Model, batch, settings, (graph, samples, loss, parameters, names) => [PerSampleGradients.Gram(graph, samples, loss, true, parameters, names).Matrix!]);
        var (each, products) = (Interleaved.Compare(together.Run, single.Run, rounds), Interleaved.Compare(together.Run, gram.Run, rounds));
        return
        [
            Path.GetFileNameWithoutExtension(path), batch.ToString(CultureInfo.InvariantCulture), ResultsPage.Milliseconds(each.First),
            ResultsPage.Digits(each.Ratio), ResultsPage.Digits(each.ProcessorRatio), ResultsPage.Digits(products.Ratio), ResultsPage.Digits(products.ProcessorRatio),
        ];
    }

    delegate IEnumerable<Value> Emit(Graph graph, SampleAxes samples, Value loss, Value[] parameters, NameScope names);

    /// <summary>A graph with some outputs in a session, and its feeds.</summary>
    sealed class Pass : IDisposable
    {
        readonly OrtExecutor executor;
        readonly Dictionary<string, TensorData> feeds;
        readonly string[] outputs;

        public Pass(Model source, long batch, OrtSettings settings, Emit emit)
        {
            var canonical = Canonicalizer.Run(source, new CanonicalOptions { Batch = batch });
            var graph = canonical.Model.Graph;
            var samples = PrepareSamples.Run(canonical.Model, canonical.Batch, SampleStatistics.Frozen, out var objection) ?? throw new ModelException(ModelProblem.Unsupported, objection!);
            var names = new NameScope(graph);
            var loss = AttachLoss.Run(graph, names: names);
            Value[] parameters = [.. canonical.Parameters.Where(p => p.Trainable).Select(p => p.Value)];
            var results = emit(graph, samples, loss.Loss, parameters, names).Distinct().ToList();
            var protocol = new Protocol(WeightSource.Shipped, NormStatistics.Frozen, InputLaw.Auto, batch, 0, Probes.None);
            feeds = MakeInputs.For(canonical, protocol, 1, new Dictionary<string, TensorData>(StringComparer.Ordinal), "").ToDictionary(i => i.Key, i => i.Value.Data, StringComparer.Ordinal);
            foreach (var term in loss.Terms) feeds[term.Target!.Name] = Targets(term);
            graph.Outputs.Clear();
            graph.Outputs.AddRange(results);
            RemoveDeadCode.Apply(graph);
            outputs = [.. results.Select(r => r.Name)];
            executor = new OrtExecutor(canonical.Model, settings);
        }

        public void Run() => executor.Run(feeds, outputs);

        public void Dispose() => executor.Dispose();

        static TensorData Targets(LossTerm term)
        {
            var random = new SeededRandom(0, term.Target!.Name);
            var classes = term.Kind == LossKind.CrossEntropy ? term.AttachedTo.Shape![term.ClassAxis].Size : 2;
            double[] values = [.. Enumerable.Range(0, (int)term.Target.Shape!.ElementCount).Select(_ => term.Kind == LossKind.Mse ? random.Normal() : random.Integer(Math.Max(1, classes)))];
            return TensorData.FromNumbers(term.Target.Type, term.Target.Shape.ToArray(), values);
        }
    }
}
