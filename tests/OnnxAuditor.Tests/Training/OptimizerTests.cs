using GraphRewriter.Emission;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using GraphRewriter.Training;
using OnnxAuditor.Execution.Torch;
using TorchSharp;
using Xunit;
using Parameter = TorchSharp.Modules.Parameter;

namespace OnnxAuditor.Tests.Training;

/// <summary>Each optimiser against torch.optim, on the same weights and gradients.</summary>
public class OptimizerTests
{
    const int Rows = 7, Columns = 5, Steps = 12;

    public static TheoryData<string> Names => [.. Optimizers.All.Select(o => o.Name)];

    /// <summary>The loss is Σ w·c, so that c, which is fed, is the gradient of w: what is compared is the update alone.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void A_step_is_that_of_torch_on_the_same_weights_and_gradients(string name)
    {
        TorchLibrary.Require();
        var random = new Random(3);
        float[] Draw(double scale) => [.. Enumerable.Range(0, Rows * Columns).Select(_ => (float)(scale * (2 * random.NextDouble() - 1)))];
        var start = Draw(1);
        var optimizer = Optimizers.Named(name);
        var (model, step) = LinearStep(optimizer, start);
        using var session = OrtReference.Open(OnnxWriter.ToBytes(model));
        var carried = step.Carried.ToDictionary(c => c.Input.Name, c => c.Initial, StringComparer.Ordinal);
        using var parameter = new Parameter(torch.tensor(start, Rows, Columns));
        using var reference = Bench.TorchTraining.Optimizer(name, [parameter], 0.05);
        for (var i = 0; i < Steps; i++)
        {
            // Gradients of very different sizes: Adam's denominator is then far from and near to its epsilon.
            var gradient = Draw(Math.Pow(10, -(i % 6)));
            var rate = i < 6 ? 0.05 : 0.02;
            var feeds = new Dictionary<string, TensorData>(carried, StringComparer.Ordinal)
            {
                ["c"] = TensorData.FromFloats([Rows, Columns], gradient),
                [step.LearningRate.Name] = TensorData.FromFloats([], [(float)rate]),
            };
            var given = OrtReference.Run(session, feeds);
            foreach (var c in step.Carried) carried[c.Input.Name] = given[c.Output.Name];
            foreach (var group in reference.ParamGroups) group.LearningRate = rate;
            parameter.grad = torch.tensor(gradient, Rows, Columns);
            reference.step();
            var expected = parameter.data<float>().ToArray();
            var actual = carried["w"].ToFloats();
            var distance = Math.Sqrt(expected.Zip(actual, (e, a) => Math.Pow(e - a, 2)).Sum());
            var moved = Math.Sqrt(expected.Zip(start, (e, s) => Math.Pow(e - s, 2)).Sum());
            Assert.True(distance <= 1e-6 * moved, $"step {i}: {distance / moved} of the way from the start");
        }
        Assert.Equal(optimizer.CountsSteps ? Steps : 0, carried.TryGetValue("step", out var count) ? count.ToInt64s()[0] : 0);
    }

    [Fact]
    public void Adam_keeps_the_precision_of_its_first_correction()
    {
        // In float32, 1 − 0.999 has an error of 2e-5 of itself, which would be that of the first step.
        var start = Enumerable.Repeat(0f, Rows * Columns).ToArray();
        var (model, step) = LinearStep(Optimizers.Named("adam"), start);
        var feeds = step.Carried.ToDictionary(c => c.Input.Name, c => c.Initial, StringComparer.Ordinal);
        feeds["c"] = TensorData.FromFloats([Rows, Columns], [.. Enumerable.Repeat(0.25f, Rows * Columns)]);
        feeds[step.LearningRate.Name] = TensorData.FromFloats([], [1]);
        Assert.All(OrtReference.Run(OnnxWriter.ToBytes(model), feeds)["new/w"].ToFloats(), w => Assert.Equal(-1, w, 1e-6f));
    }

    static (Model Model, TrainStepResult Step) LinearStep(Optimizer optimizer, float[] start)
    {
        var graph = new Graph { Name = "linear" };
        var c = new Value("c", ElementType.Float32, Shape.Of(Rows, Columns));
        graph.Inputs.Add(c);
        var w = graph.AddInitializer("w", TensorData.FromFloats([Rows, Columns], start));
        var names = new NameScope(graph);
        var tape = new Tape(names);
        var loss = tape.ReduceAll("ReduceSum", tape.Mul(w, c));
        tape.AppendTo(graph);
        var step = TrainStep.Emit(graph, loss, [("w", w)], optimizer, [], names);
        var model = new Model(graph);
        model.Opsets[""] = Model.CanonicalOpset;
        return (model, step);
    }
}
