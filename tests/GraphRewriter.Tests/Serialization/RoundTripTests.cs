using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using Xunit;

namespace GraphRewriter.Tests.Serialization;

public class RoundTripTests
{
    /// <summary>Shapes of inputs that the models leave open, where 1 would not do.</summary>
    static readonly Dictionary<string, Dictionary<string, long[]>> Shapes = new(StringComparer.Ordinal)
    {
        ["real/byte_bilstm.onnx"] = new(StringComparer.Ordinal) { ["input"] = [2, 12] },
        ["real/gpt2_tiny_fused.onnx"] = new(StringComparer.Ordinal)
        {
            ["input_ids"] = [1, 4],
            ["position_ids"] = [1, 4],
            ["attention_mask"] = [1, 7],
            ["past_0"] = [2, 1, 4, 3, 8],
            ["past_1"] = [2, 1, 4, 3, 8],
            ["past_2"] = [2, 1, 4, 3, 8],
            ["past_3"] = [2, 1, 4, 3, 8],
            ["past_4"] = [2, 1, 4, 3, 8],
        },
        ["real/ppocr_cls.onnx"] = new(StringComparer.Ordinal) { ["x"] = [1, 3, 48, 192] },
        ["real/ppocr_det.onnx"] = new(StringComparer.Ordinal) { ["x"] = [1, 3, 96, 96] },
        ["real/ppocr_rec.onnx"] = new(StringComparer.Ordinal) { ["x"] = [1, 3, 48, 96] },
        ["real/silero_vad_16k_op15.onnx"] = new(StringComparer.Ordinal) { ["input"] = [1, 576] },
        ["real/silero_vad_op18_ifless.onnx"] = new(StringComparer.Ordinal) { ["input"] = [1, 576] },
        ["real/silero_vad_v5.onnx"] = new(StringComparer.Ordinal) { ["input"] = [1, 576] },
    };

    public static TheoryData<string> Networks() => [.. SharedFiles.Models("real").Concat(SharedFiles.Models("torch")).Where(m => m is not "real/superres_prepost.onnx" and not "real/style_candy.onnx")];

    public static TheoryData<string> AllNetworks() => [.. SharedFiles.Models("real").Concat(SharedFiles.Models("torch"))];

    [Theory]
    [MemberData(nameof(Networks))]
    public void What_is_written_gives_the_same_outputs_in_Onnx_Runtime(string name) => CompareOutputs(name);

    [Fact]
    [Trait("Category", "Long")]
    public void What_is_written_of_the_style_network_gives_the_same_outputs_in_Onnx_Runtime() => CompareOutputs("real/style_candy.onnx");

    [Theory]
    [MemberData(nameof(AllNetworks))]
    public void Reading_what_was_written_gives_the_same_model_and_the_same_bytes(string name)
    {
        using var first = OnnxReader.Read(Locate(name));
        var written = OnnxWriter.ToBytes(first.Model);
        using var second = OnnxReader.Read(written, null);

        Assert.Empty(first.Problems);
        Assert.Empty(second.Problems);
        Assert.Empty(GraphChecker.Check(first.Model));
        Assert.Equal(ModelText.Of(first.Model), ModelText.Of(second.Model));
        Assert.Equal(written, OnnxWriter.ToBytes(second.Model));
    }

    static string Locate(string name) => SharedFiles.Require(["models", .. name.Split('/')]);

    static void CompareOutputs(string name)
    {
        var path = Locate(name);
        using var original = OrtReference.Open(path);
        var inputs = OrtReference.SeededInputs(original, seed: 1, Shapes.GetValueOrDefault(name));
        if (inputs.ContainsKey("sr")) inputs["sr"] = TensorData.Scalar(16000L);
        using var file = OnnxReader.Read(path);

        var expected = OrtReference.Run(original, inputs);
        var actual = OrtReference.Run(OnnxWriter.ToBytes(file.Model), inputs);

        Assert.Equal(expected.Keys, actual.Keys);
        Assert.All(expected, e => Assert.InRange(OrtReference.RelativeDifference(e.Value, actual[e.Key]), 0, 1e-6));
        Assert.Contains(expected.Values, v => v.ToDoubles().Any(x => x != 0 && double.IsFinite(x)));
    }
}
