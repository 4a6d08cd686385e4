using GraphRewriter.Gradients;
using GraphRewriter.Inference;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using OnnxAuditor.Execution.Torch;
using Xunit;

namespace OnnxAuditor.Tests.Execution.Torch;

/// <summary>Runs a small model on both engines: its outputs, and the gradients of their sum by its float inputs and constants, by our rules on ONNX Runtime and by autograd on Torch.</summary>
static class BothEngines
{
    /// <summary>Of the largest entry; both compute in float32.</summary>
    const double Tolerance = 1e-5;

    /// <summary>Compares the engines and returns Torch's outputs by name.</summary>
    /// <param name="text">The model; see <see cref="TextGraph"/>.</param>
    /// <param name="feeds">Contents of inputs; the others are drawn.</param>
    public static Dictionary<string, TensorData> Agree(string text, params (string Name, TensorData Data)[] feeds) => Agree(text, withGradients: true, feeds);

    /// <summary>The same, with or without the gradients.</summary>
    public static Dictionary<string, TensorData> Agree(string text, bool withGradients, params (string Name, TensorData Data)[] feeds)
    {
        var model = TextGraph.Parse(text);
        var given = feeds.ToDictionary(f => f.Name, f => f.Data, StringComparer.Ordinal);
        var random = new Random(5);
        foreach (var input in model.Graph.Inputs) given.TryAdd(input.Name, OrtReference.Seeded(input.Type, input.Shape!.ToArray(), random));
        ShapeInference.Infer(model.Graph);
        var outputs = model.Graph.Outputs.ToList();
        var expected = OrtReference.Run(OnnxWriter.ToBytes(model), given);
        var leaves = model.Graph.Inputs.Concat(model.Graph.Initializers).Where(v => v.IsFloat && v.Shape!.ElementCount > 0).ToList();

        using var executor = new TorchExecutor(model);
        using var pass = executor.Forward(given, outputs, leaves, TestContext.Current.CancellationToken);
        using var everything = TorchSharp.torch.NewDisposeScope();
        var found = outputs.ToDictionary(o => o.Name, o => TorchTensors.Fetch(pass[o], o.Type), StringComparer.Ordinal);
        Assert.All(expected, e => AssertClose(e.Key, e.Value, found[e.Key]));
        if (!withGradients) return found;
        var sum = outputs.Where(o => o.IsFloat).Select(o => pass[o].sum()).Aggregate((a, b) => a + b);
        var gradients = TorchPass.Gradients(sum, [.. leaves.Select(l => pass[l])]).Zip(leaves).Where(g => g.First is not null).ToDictionary(g => g.Second.Name, g => TorchTensors.Fetch(g.First!, ElementType.Float32), StringComparer.Ordinal);

        var ours = OurGradients(model, leaves, given);
        Assert.All(ours, g => AssertClose($"gradient of {g.Key}", g.Value, gradients.GetValueOrDefault(g.Key) ?? TensorData.FromFloats([.. g.Value.Dims], new float[g.Value.Count])));
        Assert.All(gradients.Keys.Except(ours.Keys), name => Assert.All(gradients[name].ToFloats(), v => Assert.Equal(0, v)));
        return found;
    }

    static Dictionary<string, TensorData> OurGradients(Model model, List<Value> leaves, Dictionary<string, TensorData> feeds)
    {
        var result = Differentiate.Run(model.Graph, AttachLoss.Run(model.Graph, null, LossKind.Sum).Loss, leaves);
        Assert.Empty(result.Blocked);
        var reached = leaves.Where(result.Gradients.ContainsKey).ToList();
        model.Graph.Outputs.Clear();
        model.Graph.Outputs.AddRange(reached.Select(l => result.Gradients[l]).Distinct());
        var values = OrtReference.Run(OnnxWriter.ToBytes(model), feeds);
        return reached.ToDictionary(l => l.Name, l => values[result.Gradients[l].Name], StringComparer.Ordinal);
    }

    static void AssertClose(string what, TensorData expected, TensorData found)
    {
        var difference = OrtReference.RelativeDifference(expected, found);
        Assert.True(difference <= Tolerance, $"{what}: {found} {string.Join(' ', found.ToDoubles().Take(8))} on Torch, {expected} {string.Join(' ', expected.ToDoubles().Take(8))} on ONNX Runtime.");
    }
}
