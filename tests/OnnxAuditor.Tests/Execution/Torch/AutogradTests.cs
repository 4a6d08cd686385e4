using GraphRewriter.Ir;
using GraphRewriter.Tests;
using GraphRewriter.Tests.Gradients;
using OnnxAuditor.Execution.Torch;
using TorchSharp;
using Xunit;

namespace OnnxAuditor.Tests.Execution.Torch;

/// <summary>
/// The samples of the gradient rules on both engines: what an operator computes, and its gradients, once by autograd on Torch and once by our rule on ONNX Runtime. Neither
/// side knows of the other: where they agree both are right, at kinks and ties too, where finite differences tell nothing.
/// </summary>
public class AutogradTests
{
    /// <summary>Of the largest entry; both sides compute in float32.</summary>
    const double Tolerance = 1e-4;

    public static TheoryData<string> Samples => [.. OpSamples.All.Where(s => !s.IsRandom).Select(s => s.Id)];

    [Theory]
    [MemberData(nameof(Samples))]
    public void Autograd_gives_the_gradients_of_our_rules(string id)
    {
        var sample = OpSamples.ById[id];
        var graph = new Sampled(sample);
        var absent = graph.Forward.Model.Graph.AllNodes().Select(n => n.OpType).Where(op => !TorchOps.ByOp.ContainsKey(op)).Distinct(StringComparer.Ordinal).ToList();
        Assert.SkipUnless(absent.Count == 0, $"Torch does not have {string.Join(", ", absent)}.");

        var expected = graph.OnOrt();
        var found = graph.OnTorch(expected);

        Assert.Equal(expected.Keys, found.Keys);
        Assert.All(expected, e => Assert.True(Difference(e.Value, found[e.Key]) <= Tolerance, $"{id}, {e.Key}: {Text(found[e.Key])} on Torch, {Text(e.Value)} by our rule."));
    }

    static double Difference(TensorData expected, TensorData found)
    {
        if (expected.Type != found.Type || !expected.Dims.SequenceEqual(found.Dims)) return double.PositiveInfinity;
        var (a, b) = (expected.ToDoubles(), found.ToDoubles());
        var largest = a.Where(double.IsFinite).Select(Math.Abs).Append(1e-30).Max();
        return a.Zip(b, (x, y) => x.Equals(y) ? 0 : Math.Abs(x - y) / largest).Select(d => double.IsNaN(d) ? double.PositiveInfinity : d).Append(0).Max();
    }

    static string Text(TensorData data) => $"{data} {string.Join(' ', data.ToDoubles().Take(24))}";

    /// <summary>A sample with its values and cotangents: y0, y1, … are the outputs, g0, g1, … the gradients of the inputs.</summary>
    sealed class Sampled
    {
        readonly OpSample sample;
        readonly double[]?[] values;
        readonly Dictionary<string, TensorData> feeds = new(StringComparer.Ordinal);

        public Sampled(OpSample sample)
        {
            this.sample = sample;
            values = new GradientCheck(sample).Values;
            Forward = new SampleGraph(sample, values, ElementType.Float32);
            for (var i = 0; i < values.Length; i++)
                if (sample.Inputs[i] is { IsConstant: false } input) feeds[$"x{i}"] = TensorData.FromNumbers(input.IsFloat ? ElementType.Float32 : input.Type, input.Dims, values[i]!);
        }

        public SampleGraph Forward { get; }

        public SortedDictionary<string, TensorData> OnOrt()
        {
            using var forward = new PlainRuntime(Forward.Model);
            var outputs = forward.Run(feeds);
            var random = new Random(1);
            foreach (var (output, k) in Forward.Outputs.Where(o => o.IsFloat).Select((o, k) => (outputs[o.Name], k)))
                feeds[$"c{k}"] = TensorData.FromNumbers(output.Type, [.. output.Dims], [.. Enumerable.Range(0, (int)output.Count).Select(_ => random.Next(1, 9) / 4.0 - 1.125)]);
            var backward = new SampleGraph(sample, values, ElementType.Float32);
            backward.Differentiate();
            using var runtime = new PlainRuntime(backward.Model);
            return new SortedDictionary<string, TensorData>(runtime.Run(feeds), StringComparer.Ordinal);
        }

        public SortedDictionary<string, TensorData> OnTorch(SortedDictionary<string, TensorData> expected)
        {
            using var everything = torch.NewDisposeScope();
            var model = Forward.Model;
            var slots = Forward.Slots.Where(i => expected.ContainsKey($"g{i}")).ToList();
            var leaves = slots.Select(i => model.Graph.Inputs.Concat(model.Graph.Initializers).Single(v => string.Equals(v.Name, $"x{i}", StringComparison.Ordinal))).ToList();
            using var executor = new TorchExecutor(model);
            using var pass = executor.Forward(feeds, [.. Forward.Outputs], leaves, TestContext.Current.CancellationToken);
            var floats = Forward.Outputs.Where(o => o.IsFloat).Select(o => pass[o]).ToList();
            var cotangents = floats.Select((y, k) => torch.tensor(feeds[$"c{k}"].ToDoubles(), y.shape, y.dtype)).ToList();
            var gradients = torch.autograd.grad(floats, [.. leaves.Select(l => pass[l])], cotangents);

            var found = new SortedDictionary<string, TensorData>(StringComparer.Ordinal);
            foreach (var output in Forward.Outputs) found[output.Name] = TorchTensors.Fetch(pass[output], output.Type);
            foreach (var (slot, gradient) in slots.Zip(gradients)) found[$"g{slot}"] = TorchTensors.Fetch(gradient, ElementType.Float32);
            return found;
        }
    }
}
