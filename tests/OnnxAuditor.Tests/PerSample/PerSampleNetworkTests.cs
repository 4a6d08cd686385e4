using GraphRewriter.PerSample;
using GraphRewriter.Serialization;
using Xunit;

namespace OnnxAuditor.Tests.PerSample;

/// <summary>Gradients of single samples of whole networks, as <see cref="PerSampleCheck"/> holds them.</summary>
public sealed class PerSampleNetworkTests
{
    public static TheoryData<string> Committed => [.. new DirectoryInfo(Checkout.Path("models")).GetFiles("*.onnx").Select(f => f.Name).Where(n => n is not ("exploding_mlp.onnx" or "nan_weight_cnn.onnx")).Order(StringComparer.Ordinal)];

    public static TheoryData<string> Torch => [.. SharedFiles.Models("torch")];

    /// <summary>Those whose samples are small.</summary>
    public static TheoryData<string> Small => ["real/byte_bilstm.onnx", "real/gpt2_tiny_fused.onnx", "real/mnist_cnn.onnx", "real/silero_vad_v5.onnx"];

    public static TheoryData<string> Large => [.. SharedFiles.Models("real").Except(Small.Select(s => s.Data)).Except([Magika])];

    const string Magika = "real/magika_v3_3.onnx";

    [Theory]
    [MemberData(nameof(Committed))]
    public void A_committed_network_gives_each_sample_its_own_gradient(string file) => Check(Checkout.Path("models", file), SampleStatistics.Frozen);

    [Theory]
    [MemberData(nameof(Torch))]
    public void A_PyTorch_network_gives_each_sample_its_own_gradient(string file) => Check(SharedFiles.Require("models", file), SampleStatistics.Frozen);

    [Theory]
    [MemberData(nameof(Small))]
    public void A_published_network_gives_each_sample_its_own_gradient(string file) => Check(SharedFiles.Require("models", file), SampleStatistics.Frozen);

    // In float32 a gradient of a sample alone is 4e-4 of the largest from the one in float64, as its layer norms stand behind sums over a whole file.
    [Fact]
    public void A_network_that_float32_computes_to_three_digits_gives_each_sample_its_own_gradient_in_float64() => Check(SharedFiles.Require("models", Magika), SampleStatistics.Frozen, wide: true);

    [Theory(Explicit = true)]
    [MemberData(nameof(Large))]
    public void A_large_published_network_gives_each_sample_its_own_gradient(string file) => Check(SharedFiles.Require("models", file), SampleStatistics.Frozen);

    [Theory]
    [InlineData("residual_cnn.onnx")]
    public void A_sample_can_be_normalised_by_its_own_statistics(string file) => Check(Checkout.Path("models", file), SampleStatistics.Alone);

    [Theory]
    [InlineData("torch/torch_mobilenet_v3.onnx")]
    [InlineData("torch/torch_unet.onnx")]
    public void A_PyTorch_network_can_be_normalised_by_each_sample_s_own_statistics(string file) => Check(SharedFiles.Require("models", file), SampleStatistics.Alone);

    static void Check(string path, SampleStatistics statistics, bool wide = false)
    {
        using var file = OnnxReader.Read(path);
        PerSampleCheck.Run(file.Model, statistics, wide);
    }
}
