using System.Collections.Concurrent;
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

    /// <summary>Draws of inputs and targets that are tried until one stands at no kink.</summary>
    const int Draws = 8;

    static readonly ConcurrentDictionary<string, Lazy<AgreementPage.Row>> Rows = new(StringComparer.Ordinal);

    static IEnumerable<string> All => SharedFiles.Models("torch").Concat(SharedFiles.Models("real"));

    public static TheoryData<string> QuickNetworks => [.. Quick];

    public static TheoryData<string> OtherNetworks => [.. All.Where(n => !LeftOut.ContainsKey(n) && !Quick.Contains(n, StringComparer.Ordinal))];

    [Theory]
    [MemberData(nameof(QuickNetworks))]
    public void Our_gradients_are_those_of_autograd(string network) => AssertAgrees(network);

    [Theory(Explicit = true)]
    [MemberData(nameof(OtherNetworks))]
    public void Our_gradients_are_those_of_autograd_in_larger_networks(string network) => AssertAgrees(network);

    [Fact(Explicit = true)]
    public void The_page_in_docs_is_that_of_the_networks()
    {
        SharedFiles.Require(["models", .. Quick[0].Split('/')]);
        var page = AgreementPage.Of([.. All.Where(n => !LeftOut.ContainsKey(n)).Select(Checked)], LeftOut);
        if (Environment.GetEnvironmentVariable("UPDATE_DOCS") is "1") File.WriteAllText(Checkout.Path("docs", "agreement.md"), page);
        AgreementPage.AssertTells(page, File.ReadAllText(Checkout.Path("docs", "agreement.md")));
    }

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
        var row = Checked(network);
        output.WriteLine($"{row}");
        // Where a ReLU stands at zero to within rounding, rounding decides gradients: only a draw without one says that all are right.
        Assert.True(row.AtKinks * 10 <= row.Gradients, $"{row}");
    }

    static AgreementPage.Row Checked(string network) => Rows.GetOrAdd(network, n => new Lazy<AgreementPage.Row>(() => Run(n))).Value;

    /// <summary>The first draw in which at most a tenth of the gradients stands at kinks, else the last; in none may anything be in error.</summary>
    static AgreementPage.Row Run(string network)
    {
        using var file = OnnxReader.Read(SharedFiles.Require(["models", .. network.Split('/')]));
        var canonical = Canonicalizer.Run(file.Model, new CanonicalOptions());
        AgreementPage.Row row;
        var seed = 0;
        do
        {
            var found = CrossCheck.Run(file.Model, canonical, Settings(canonical, seed), TestContext.Current.CancellationToken);
            Assert.True(found.Failure is null, found.Failure);
            Assert.Null(found.GradientsSkipped);
            Assert.NotEmpty(found.Gradients);
            Assert.DoesNotContain(found.Outputs.Concat(found.Layers).Concat(found.Gradients), t => t.Agreement == Agreement.Differs);
            row = AgreementPage.Row.Of(network, found, seed);
        }
        while (row.AtKinks * 10 > row.Gradients && ++seed < Draws);
        return row;
    }

    static CrossCheckSettings Settings(CanonicalModel canonical, long seed = 0)
    {
        var protocol = new Protocol(WeightSource.Shipped, NormStatistics.Frozen, InputLaw.Auto, canonical.Batch.Size, seed, Probes.None) { Loss = LossKind.Auto };
        return new CrossCheckSettings(protocol, new OrtSettings(), new TorchSettings(), new Dictionary<string, TensorData>(StringComparer.Ordinal), "", null, null);
    }
}
