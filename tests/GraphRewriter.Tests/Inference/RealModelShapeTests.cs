using GraphRewriter.Inference;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using Xunit;

namespace GraphRewriter.Tests.Inference;

/// <summary>Every tensor inside whole networks: what inference says of it against what ONNX Runtime makes of it.</summary>
[Trait("Category", "Long")]
public sealed class RealModelShapeTests
{
    /// <summary>Sizes for networks that do not run with every free dimension 2.</summary>
    static readonly Dictionary<string, long[]> Shapes = new(StringComparer.Ordinal)
    {
        ["ppocr_det/x"] = [1, 3, 64, 96],
        ["silero_vad_16k_op15/input"] = [2, 512],
        ["silero_vad_16k_op15/state"] = [2, 2, 128],
        ["silero_vad_op18_ifless/input"] = [2, 512],
        ["silero_vad_op18_ifless/state"] = [2, 2, 128],
    };

    // Left out: vendors' operators, which inference does not know, and operators whose older version reads its arguments elsewhere (Slice below opset 10, Dropout's mask).
    static readonly string[] LeftOut = ["gpt2_tiny_fused", "ppocr_cls", "ppocr_rec", "silero_vad_v5", "squeezenet_fp16", "style_candy", "superres_prepost"];

    // A theory without rows is an error: where the networks are absent, one row says so.
    public static TheoryData<string> Networks =>
        SharedFiles.Root is null ? [""] : [.. SharedFiles.Models("torch").Concat(SharedFiles.Models("real")).Where(n => !LeftOut.Contains(Path.GetFileNameWithoutExtension(n), StringComparer.Ordinal))];

    [Theory]
    [MemberData(nameof(Networks))]
    public void Whole_networks_are_inferred_as_they_run(string network)
    {
        using var file = OnnxReader.Read(SharedFiles.Require(["models", .. network.Split('/')]));
        var graph = file.Model.Graph;
        var name = Path.GetFileNameWithoutExtension(network);
        var random = new Random(1);
        var feeds = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        foreach (var input in graph.Inputs.Where(i => i.Data is null))
        {
            input.Shape = Shapes.TryGetValue($"{name}/{input.Name}", out var dims) ? Shape.Of(dims) : new Shape(input.Shape!.Select(d => d.IsKnown ? d : (Dim)2));
            feeds[input.Name] = OrtReference.Seeded(input.Type, input.Shape.ToArray(), random);
        }
        ShapeInference.Forget(graph);
        ShapeInference.Infer(graph);
        var inner = graph.Nodes.SelectMany(n => n.Outputs).OfType<Value>().Where(v => v.Type != ElementType.Undefined).ToDictionary(v => v.Name, StringComparer.Ordinal);
        var actual = Run(file.Model, inner.Values, feeds);
        foreach (var (key, data) in actual)
        {
            if (!inner.TryGetValue(key, out var value)) continue;
            var where = $"{network}: inferred {value}, actual {data}, {value.Producer}";
            Assert.True(value.Type == data.Type, where);
            Assert.True(value.Shape is { } shape && shape.Rank == data.Dims.Count && shape.Zip(data.Dims).All(d => !d.First.IsKnown || d.First.Size == d.Second), where);
            if (value.Evaluated is { } known) Assert.True(OrtReference.RelativeDifference(data, known) < 1e-6, where);
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{network}: {actual.Count} tensors, {inner.Values.Count(v => v.Shape is { IsStatic: true })} of static shape, {inner.Values.Count(v => v.Evaluated is not null)} evaluated");
    }

    static Dictionary<string, TensorData> Run(Model model, IEnumerable<Value> wanted, Dictionary<string, TensorData> feeds)
    {
        var copies = new Dictionary<Value, Value>();
        var copy = model.Copy(copies);
        copy.Graph.Outputs.Clear();
        foreach (var value in wanted)
        {
            var output = copies[value];
            output.Shape = null;
            copy.Graph.Outputs.Add(output);
        }
        ShapeInference.Forget(copy.Graph);
        copy.Graph.Annotated.Clear();
        return OrtReference.Run(OnnxWriter.ToBytes(copy), feeds, optimize: false);
    }
}
