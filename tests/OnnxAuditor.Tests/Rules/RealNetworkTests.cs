using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using OnnxAuditor.Reports;
using OnnxAuditor.Rules;
using Xunit;

namespace OnnxAuditor.Tests.Rules;

/// <summary>
/// What the rules that need no run say of published networks. Every finding of severity warning or error was checked by hand; docs/findings.md has the judgement. A new one is either true,
/// and joins this table and the page, or a false alarm.
/// </summary>
public class RealNetworkTests
{
    [Theory]
    [InlineData("real/byte_bilstm.onnx", "")]
    [InlineData("real/dnsmos_v8.onnx", "")]
    [InlineData("real/fastestdet.onnx", "TRN001 TRN019")]
    [InlineData("real/gpt2_tiny_fused.onnx", "TRN010 TRN017 TRN026")]
    [InlineData("real/magika_v3_3.onnx", "")]
    [InlineData("real/mnist_cnn.onnx", "")]
    [InlineData("real/ppocr_cls.onnx", "TRN005")]
    [InlineData("real/ppocr_det.onnx", "TRN001 TRN005 WGT002")]
    [InlineData("real/ppocr_rec.onnx", "TRN005 WGT002 WGT006")]
    [InlineData("real/silero_vad_16k_op15.onnx", "TRN021")]
    [InlineData("real/silero_vad_op18_ifless.onnx", "")]
    [InlineData("real/silero_vad_v5.onnx", "TRN006")]
    [InlineData("real/speech_embedding.onnx", "")]
    [InlineData("real/squeezenet_fp16.onnx", "TRN030")]
    [InlineData("real/style_candy.onnx", "TRN030")]
    [InlineData("real/super_resolution.onnx", "")]
    [InlineData("real/superres_prepost.onnx", "SEC003 TRN011! TRN012! TRN023")]
    [InlineData("real/ultraface_rfb.onnx", "")]
    [InlineData("real/ultraface_rfb_folded.onnx", "TRN001 TRN019")]
    [InlineData("torch/torch_encoder.onnx", "TRN017 TRN026")]
    [InlineData("torch/torch_gpt.onnx", "TRN026")]
    [InlineData("torch/torch_mobilenet_v3.onnx", "TRN003 TRN026")]
    [InlineData("torch/torch_shufflenet.onnx", "TRN003 TRN026")]
    [InlineData("torch/torch_tagger.onnx", "TRN026")]
    [InlineData("torch/torch_unet.onnx", "TRN026")]
    [InlineData("torch/torch_vit_tiny.onnx", "TRN026")]
    [InlineData("lint/zero_nodes.onnx", "TRN029!")]
    [InlineData("lint/empty.onnx", "TRN029!")]
    [InlineData("lint/constant_fold_bloater.onnx", "TRN029!")]
    [InlineData("lint/custom_op_node.onnx", "ONX002 SEC003 TRN011! TRN019")]
    [InlineData("lint/light_resnet50.onnx", "TRN019 TRN027! TRN030")]
    [InlineData("lint/ext_weights.onnx", "ONX003!")]
    [InlineData("lint/scan.onnx", "TRN019 TRN021")]
    public void Warnings_and_errors_are_those_that_were_judged_true(string model, string expected)
    {
        var result = Scan(model);
        var found = result.Findings.Where(f => f.Severity != Severity.Info).GroupBy(f => f.RuleId, StringComparer.Ordinal)
            .Select(g => g.Key + (g.Any(f => f.Severity == Severity.Error) ? "!" : "")).Order(StringComparer.Ordinal);
        Assert.Equal(expected, string.Join(' ', found));
    }

    [Theory]
    [InlineData("real/mnist_cnn.onnx", "TRN024")]
    [InlineData("real/silero_vad_v5.onnx", "TRN022")]
    [InlineData("real/silero_vad_op18_ifless.onnx", "TRN021")]
    [InlineData("torch/torch_gpt.onnx", "TRN018")]
    [InlineData("real/squeezenet_fp16.onnx", "WGT017")]
    [InlineData("real/ppocr_rec.onnx", "WGT010")]
    [InlineData("real/ppocr_det.onnx", "WGT013")]
    [InlineData("real/silero_vad_v5.onnx", "WGT012")]
    [InlineData("torch/torch_vit_tiny.onnx", "TRN020")]
    [InlineData("lint/cleanable.onnx", "TRN016")]
    public void An_info_says_what_is_worth_knowing(string model, string rule) =>
        Assert.Contains(Scan(model).Findings, f => f.RuleId == rule && f.Severity == Severity.Info);

    [Fact]
    public void A_fused_operator_is_grouped_into_one_finding()
    {
        var finding = Assert.Single(Scan("real/gpt2_tiny_fused.onnx").Findings, f => f.RuleId == "TRN010");
        Assert.Equal(21, finding.Count);
        Assert.Equal(5, finding.OtherPlaces.Count);
    }

    static RuleResult Scan(string model)
    {
        using var file = OnnxReader.Read(SharedFiles.Require(["models", .. model.Split('/')]));
        CanonicalModel? canonical = null;
        try
        {
            canonical = Canonicalizer.Run(file.Model, new CanonicalOptions());
        }
        catch (ModelException e) when (e.Problem == ModelProblem.InvalidGraph)
        {
            // Files of lint/ that have no canonical form: rules look at them as they are.
        }
        return RuleEngine.Run(new RuleContext(file, canonical, null), [.. RuleRegistry.All.Where(r => r.Cost is RuleCost.Scan or RuleCost.Spectral)]);
    }
}
