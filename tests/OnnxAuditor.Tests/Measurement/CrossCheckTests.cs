using GraphRewriter.Canonicalization;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Execution.Torch;
using OnnxAuditor.Measurement;
using Xunit;

namespace OnnxAuditor.Tests.Measurement;

/// <summary>Networks on both engines: ONNX Runtime with our gradient graph, Torch with autograd.</summary>
public sealed class CrossCheckTests(ITestOutputHelper output)
{
    /// <summary>Why a network is not checked.</summary>
    static readonly Dictionary<string, string> LeftOut = new(StringComparer.Ordinal)
    {
        ["real/style_candy.onnx"] = "gradients of 9 × 9 kernels on 800 × 800 pixels take ONNX Runtime more than 14 GB",
        ["real/superres_prepost.onnx"] = "it gives the bytes of an image: there is no loss",
    };

    static readonly string[] Quick =
        ["torch/torch_encoder.onnx", "torch/torch_tagger.onnx", "torch/torch_vit_tiny.onnx", "real/gpt2_tiny_fused.onnx", "real/mnist_cnn.onnx", "real/silero_vad_op18_ifless.onnx"];

    public static TheoryData<string> QuickNetworks => [.. Quick];

    public static TheoryData<string> OtherNetworks => [.. SharedFiles.Models("torch").Concat(SharedFiles.Models("real")).Where(n => !LeftOut.ContainsKey(n) && !Quick.Contains(n, StringComparer.Ordinal))];

    [Theory]
    [MemberData(nameof(QuickNetworks))]
    public void Our_gradients_are_those_of_autograd(string network) => AssertAgrees(network);

    [Theory(Explicit = true)]
    [MemberData(nameof(OtherNetworks))]
    public void Our_gradients_are_those_of_autograd_in_larger_networks(string network) => AssertAgrees(network);

    [Fact]
    public void What_an_engine_cannot_run_is_said()
    {
        var model = TextGraph.Parse("""
            opset 21
            opset com.microsoft 1
            input x f32[2,4]
            const w f32[4] = 1
            y = Mul(x, w) ; scale
            z = com.microsoft::NobodyKnowsThis(y) ; odd
            output y
            output z
            """);
        var canonical = Canonicalizer.Run(model, new CanonicalOptions());

        var found = CrossCheck.Run(model, canonical, Settings(canonical), TestContext.Current.CancellationToken);

        Assert.True(found.Failure!.Contains("NobodyKnowsThis", StringComparison.Ordinal), found.Failure);
    }

    void AssertAgrees(string network)
    {
        using var file = OnnxReader.Read(SharedFiles.Require(["models", .. network.Split('/')]));
        var canonical = Canonicalizer.Run(file.Model, new CanonicalOptions());
        var found = CrossCheck.Run(file.Model, canonical, Settings(canonical), TestContext.Current.CancellationToken);

        output.WriteLine($"outputs {Text(found.Outputs)} {found.OutputsSkipped}; layers {Text(found.Layers)}; gradients {Text(found.Gradients)}");
        Assert.True(found.Failure is null, found.Failure);
        Assert.Null(found.GradientsSkipped);
        Assert.NotEmpty(found.Gradients);
        Assert.DoesNotContain(found.Outputs.Concat(found.Layers).Concat(found.Gradients), t => t.Agreement == Agreement.Differs);
        // Kinks are where rounding decides; a network of kinks would say nothing.
        Assert.True(found.Gradients.Count(g => g.Agreement == Agreement.Agrees) * 10 >= found.Gradients.Count * 9, $"{network}: {Text(found.Gradients)}");
    }

    static string Text(IReadOnlyList<ComparedTensor> tensors) =>
        $"{tensors.Count} to {tensors.Select(t => t.Difference).Append(0).Max():G2}, {tensors.Count(t => t.Agreement == Agreement.Kink)} at kinks";

    static CrossCheckSettings Settings(CanonicalModel canonical)
    {
        var protocol = new Protocol(WeightSource.Shipped, NormStatistics.Frozen, InputLaw.Auto, canonical.Batch.Size, 0, Probes.None) { Loss = LossKind.Auto };
        return new CrossCheckSettings(protocol, new OrtSettings(), new TorchSettings(), new Dictionary<string, TensorData>(StringComparer.Ordinal), "", null, null);
    }
}
