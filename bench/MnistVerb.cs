using System.CommandLine;
using System.Globalization;
using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using GraphRewriter.Training;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Execution.Torch;
using OnnxAuditor.Measurement;
using OnnxAuditor.Numerics;
using OnnxAuditor.Training;

namespace Bench;

/// <summary>Trains a network from scratch on the digits of MNIST, on ONNX Runtime, through the graph of <c>rewrite --train-step</c>; the first steps are held against libtorch.</summary>
static class MnistVerb
{
    const int Batch = 100, ComparedSteps = 50, TestBatch = 1000;
    const float Rate = 1e-3f;
    const string OptimizerName = "adam";

    /// <summary>The verb.</summary>
    public static Command Create()
    {
        var models = VerbOptions.Models();
        var threads = VerbOptions.Threads();
        var epochs = new Option<int>("--epochs") { Description = "Passes over the training images.", DefaultValueFactory = _ => 2 };
        var page = VerbOptions.Page();
        var command = new Command("mnist", "Trains mnist_cnn from scratch on MNIST through the exported training step, and compares the first losses with libtorch.") { models, threads, epochs, page };
        command.SetAction(parsed =>
        {
            TorchLibrary.Require();
            var settings = new OrtSettings(Threads: parsed.GetValue(threads));
            var count = parsed.GetValue(epochs);
            var result = new ResultsPage("MNIST from scratch", string.Create(CultureInfo.InvariantCulture, $"mnist --epochs {count} --page"));
            result.Line($"The weights of the file are drawn anew (PyTorch's law, seed 0) and trained on ONNX Runtime through the training step that `rewrite --train-step {OptimizerName} --norm-stats batch` writes, batch {Batch}, learning rate {Rate.ToString(CultureInfo.InvariantCulture)},");
            result.Line("images in a seeded order. Digits are the original files, which `models/fetch.sh` brings. The test images are classified by the file's own graph with the trained weights and running statistics.");
            result.Line($"*Worst loss* is the largest relative difference of the first {ComparedSteps} losses from those of libtorch ({TorchLibrary.Version}): autograd and torch.optim on the same weights and batches.");
            result.Line();
            var rows = new List<string[]>();
            foreach (var path in Networks.Find(parsed.GetValue(models)!, ["real/mnist_cnn.onnx"], parsed.InvocationConfiguration.Error)) rows.Add(Row(path, settings, count, parsed.InvocationConfiguration.Error));
            result.Table(["network", "steps", "first loss", "mean loss of the last 100 steps", $"worst loss, first {ComparedSteps} steps", "test accuracy"], rows);
            result.Write(parsed.InvocationConfiguration.Output, parsed.GetValue(page) ? "mnist.md" : null);
            return 0;
        });
        return command;
    }

    static string[] Row(string path, OrtSettings settings, int epochs, TextWriter log)
    {
        var (train, test) = (MnistData.Read("train"), MnistData.Read("t10k"));
        var model = Step.Read(path, Batch);
        var input = model.Model.Graph.Inputs.Single(i => i.Data is null).Name;
        var protocol = new Protocol(WeightSource.Reinitialized, NormStatistics.Batch, InputLaw.Auto, Batch, 0, Probes.None);
        var weights = DrawWeights.Under(protocol, model.Parameters);
        var graph = TrainGraph.Build(model, new TrainGraphOptions(Optimizers.Named(OptimizerName), NormStatistics.Batch), weights);
        var target = graph.Loss.Terms.Single().Target!.Name;
        using var torch = new TorchTraining(model, NormStatistics.Batch, OptimizerName, weights, settings.Threads);
        OrtStepper? stepper = null;
        var (losses, worst) = (new List<double>(), 0.0);
        for (var epoch = 0; epoch < epochs; epoch++)
        {
            var order = Shuffled(train.Count, epoch);
            for (var at = 0; at + Batch <= order.Length; at += Batch)
            {
                var (images, labels) = train.Batch(order[at..(at + Batch)]);
                if (stepper is null) stepper = graph.Start(settings, new Dictionary<string, TensorData>(StringComparer.Ordinal) { [input] = images, [target] = labels });
                stepper.Feed(input, images);
                stepper.Feed(target, labels);
                losses.Add(stepper.Step(Rate));
                if (losses.Count > ComparedSteps) continue;
                var expected = torch.Step(new Dictionary<string, TensorData>(StringComparer.Ordinal) { [input] = images, [torch.Targets[0]] = labels }, Rate);
                worst = Math.Max(worst, Math.Abs(losses[^1] - expected) / Math.Abs(expected));
            }
            log.WriteLine(string.Create(CultureInfo.InvariantCulture, $"epoch {epoch + 1}: {losses.Count} steps, loss {losses.TakeLast(100).Average():0.0000}"));
        }
        var accuracy = Accuracy(path, model, graph, stepper!, test, settings);
        stepper!.Dispose();
        return [Path.GetFileNameWithoutExtension(path), losses.Count.ToString(CultureInfo.InvariantCulture), ResultsPage.Digits(losses[0]), losses.TakeLast(100).Average().ToString("0.0000", CultureInfo.InvariantCulture),
            worst.ToString("0.0e-0", CultureInfo.InvariantCulture), (accuracy * 100).ToString("0.00", CultureInfo.InvariantCulture) + " %"];
    }

    /// <summary>The share of test images whose largest output is their digit.</summary>
    static double Accuracy(string path, CanonicalModel trained, TrainGraph graph, OrtStepper stepper, MnistData test, OrtSettings settings)
    {
        using var file = OnnxReader.Read(path);
        var model = Canonicalizer.Run(file.Model, new CanonicalOptions { Batch = TestBatch, ComputeInFloat32 = true });
        var final = graph.Step.Carried.Index().Where(c => c.Item.Kind is CarriedKind.Parameter or CarriedKind.Statistic).ToDictionary(c => c.Item.Input.Name, c => stepper.Copy(c.Index), StringComparer.Ordinal);
        var changed = 0;
        foreach (var initializer in model.Model.Graph.Initializers)
        {
            if (!final.TryGetValue(initializer.Name, out var data)) continue;
            initializer.Data = data;
            changed++;
        }
        if (changed != trained.Parameters.Count) throw new InvalidOperationException($"{changed} of {trained.Parameters.Count} parameters and statistics were found again.");
        using var executor = new OrtExecutor(model.Model, settings);
        var right = 0;
        for (var at = 0; at + TestBatch <= test.Count; at += TestBatch)
        {
            var (images, labels) = test.Batch([.. Enumerable.Range(at, TestBatch)]);
            var scores = executor.Run(new Dictionary<string, TensorData>(StringComparer.Ordinal) { [model.Model.Graph.Inputs.Single(i => i.Data is null).Name] = images }, [model.Model.Graph.Outputs[0].Name])[0].ToFloats();
            var (digits, classes) = (labels.ToInt64s(), scores.Length / TestBatch);
            for (var i = 0; i < TestBatch; i++)
                if (Enumerable.Range(0, classes).MaxBy(c => scores[i * classes + c]) == digits[i]) right++;
        }
        return (double)right / test.Count;
    }

    static int[] Shuffled(int count, int epoch)
    {
        var random = new SeededRandom(epoch, "mnist/order");
        var order = Enumerable.Range(0, count).ToArray();
        for (var i = count - 1; i > 0; i--)
        {
            var j = (int)random.Integer(i + 1);
            (order[i], order[j]) = (order[j], order[i]);
        }
        return order;
    }
}
