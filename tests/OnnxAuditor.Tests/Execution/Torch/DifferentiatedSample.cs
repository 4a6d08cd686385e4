using GraphRewriter.Ir;
using GraphRewriter.Tests;
using GraphRewriter.Tests.Gradients;
using OnnxAuditor.Execution.Torch;
using TorchSharp;
using Xunit;

namespace OnnxAuditor.Tests.Execution.Torch;

/// <summary>
/// A sample run by both engines, in float32. Results go by the names of <see cref="SampleGraph"/>: y0, y1, … are the outputs, g0, g1, … the gradients of the inputs for
/// random cotangents, h0, h1, … the gradients of those.
/// </summary>
sealed class DifferentiatedSample
{
    readonly OpSample sample;
    readonly double[]?[] values;
    readonly SampleGraph forward;
    readonly Dictionary<string, TensorData> feeds = new(StringComparer.Ordinal);
    readonly Random random = new(1);

    public DifferentiatedSample(OpSample sample)
    {
        this.sample = sample;
        values = new GradientCheck(sample).Values;
        forward = new SampleGraph(sample, values, ElementType.Float32);
        for (var i = 0; i < values.Length; i++)
            if (sample.Inputs[i] is { IsConstant: false } input) feeds[$"x{i}"] = TensorData.FromNumbers(input.IsFloat ? ElementType.Float32 : input.Type, input.Dims, values[i]!);
    }

    /// <summary>Outputs and gradients by our rules, on ONNX Runtime. A second gradient that is zero by rule is there as zeros.</summary>
    public SortedDictionary<string, TensorData> OnOrt(bool twice)
    {
        var results = Run(forward.Model);
        var floats = forward.Outputs.Where(o => o.IsFloat).ToList();
        for (var k = 0; k < floats.Count; k++) feeds[$"c{k}"] = Cotangent(results[floats[k].Name]);
        var graph = new SampleGraph(sample, values, ElementType.Float32);
        var first = graph.Differentiate();
        results = Run(graph.Model);
        if (!twice) return results;
        foreach (var i in first) feeds[$"w{i}"] = Cotangent(results[$"g{i}"]);
        graph.DifferentiateAgain(first);
        results = Run(graph.Model);
        foreach (var i in first) results.TryAdd($"h{i}", TensorData.FromNumbers(ElementType.Float32, sample.Inputs[i]!.Dims, new double[results[$"g{i}"].Count]));
        return results;
    }

    /// <summary>The same on Torch, by autograd, for the cotangents that <see cref="OnOrt"/> drew.</summary>
    public SortedDictionary<string, TensorData> OnTorch(bool twice)
    {
        using var everything = torch.NewDisposeScope();
        var graph = forward.Model.Graph;
        var leaves = forward.Slots.Select(i => (Slot: i, Value: graph.Inputs.Concat(graph.Initializers).Single(v => string.Equals(v.Name, $"x{i}", StringComparison.Ordinal)))).ToList();
        using var executor = new TorchExecutor(forward.Model);
        using var pass = executor.Forward(feeds, [.. forward.Outputs], [.. leaves.Select(l => l.Value)], TestContext.Current.CancellationToken);
        var inputs = leaves.Select(l => pass[l.Value]).ToList();
        var outputs = forward.Outputs.Where(o => o.IsFloat).Select(o => pass[o]).ToList();

        var results = new SortedDictionary<string, TensorData>(StringComparer.Ordinal);
        foreach (var output in forward.Outputs) results[output.Name] = TorchTensors.Fetch(pass[output], output.Type);
        var gradients = Differentiate(outputs, inputs, [.. outputs.Select((y, k) => Tensor(feeds[$"c{k}"], y.dtype))], twice);
        for (var k = 0; k < leaves.Count; k++) results[$"g{leaves[k].Slot}"] = TorchTensors.Fetch(gradients[k], ElementType.Float32);
        if (!twice) return results;
        var second = Differentiate(gradients, inputs, [.. leaves.Select(l => Tensor(feeds[$"w{l.Slot}"], torch.ScalarType.Float32))], again: false);
        for (var k = 0; k < leaves.Count; k++) results[$"h{leaves[k].Slot}"] = TorchTensors.Fetch(second[k], ElementType.Float32);
        return results;
    }

    /// <summary>Gradients of those outputs that depend on an input at all; zeros for an input that none depends on.</summary>
    static List<torch.Tensor> Differentiate(IReadOnlyList<torch.Tensor> outputs, List<torch.Tensor> inputs, IReadOnlyList<torch.Tensor> cotangents, bool again)
    {
        var pairs = outputs.Zip(cotangents).Where(p => p.First.requires_grad).ToList();
        // An exception inside torch.autograd.grad, as where an operator has no second derivative, would end the process; backward hands it on.
        if (pairs.Count > 0) torch.autograd.backward([.. pairs.Select(p => p.First)], [.. pairs.Select(p => p.Second)], retain_graph: again, create_graph: again, inputs: inputs);
        var gradients = inputs.ConvertAll(x => x.grad ?? torch.zeros_like(x));
        foreach (var x in inputs) x.grad = null;
        return gradients;
    }

    static torch.Tensor Tensor(TensorData data, torch.ScalarType type) => torch.tensor(data.ToDoubles(), [.. data.Dims], type);

    TensorData Cotangent(TensorData of) => TensorData.FromNumbers(of.Type, [.. of.Dims], [.. Enumerable.Range(0, (int)of.Count).Select(_ => random.Next(1, 9) / 4.0 - 1.125)]);

    SortedDictionary<string, TensorData> Run(Model model)
    {
        using var runtime = new PlainRuntime(model);
        return new SortedDictionary<string, TensorData>(runtime.Run(feeds), StringComparer.Ordinal);
    }
}
