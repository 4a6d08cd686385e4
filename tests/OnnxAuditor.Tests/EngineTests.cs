using OnnxAuditor.Execution.Torch;
using OnnxAuditor.Reports;
using Xunit;

namespace OnnxAuditor.Tests;

/// <summary>Whole audits on Torch, and with both engines held against each other.</summary>
public sealed class EngineTests
{
    static ModelReport Audited(string model, AuditOptions options)
    {
        if (TorchLibrary.Unavailable is { } why) Assert.Skip(why);
        return Audit.Run(Checkout.Path("models", model), options with { Batch = 4, Threads = 1 }, null, TestContext.Current.CancellationToken);
    }

    [Fact]
    public void Both_engines_give_the_same_report_but_for_rounding()
    {
        var (first, second) = (Audited("residual_cnn.onnx", new AuditOptions()), Audited("residual_cnn.onnx", new AuditOptions { OnTorch = true }));
        Assert.StartsWith("TorchSharp", second.Measurement!.Engine, StringComparison.Ordinal);
        Assert.Equal(first.Findings.Select(f => f.RuleId), second.Findings.Select(f => f.RuleId));
        // ZiCo divides by the difference of two gradients: the entries that differ least, down to rounding, carry its sum.
        foreach (var (a, b) in first.Proxies.Zip(second.Proxies)) Assert.Equal(a.Value!.Value, b.Value!.Value, (a.Id is "zico" ? 0.05 : 1e-3) * Math.Abs(a.Value.Value));
        foreach (var (a, b) in first.Layers.Zip(second.Layers)) Assert.Equal(a.Activation!.Rms, b.Activation!.Rms, 1e-4 * a.Activation.Rms);
    }

    [Theory]
    [InlineData("residual_cnn.onnx")]
    [InlineData("transformer.onnx")]
    [InlineData("lstm_tagger.onnx")]
    public void A_cross_check_says_how_far_the_engines_differ(string model)
    {
        var report = Audited(model, new AuditOptions { CrossCheck = true });
        Assert.Contains(report.Notes, n => n.StartsWith("Cross-check: ", StringComparison.Ordinal) && n.Contains("gradients differ by at most", StringComparison.Ordinal));
        Assert.DoesNotContain(report.Findings, f => f.RuleId is "NUM003" or "NUM004");
    }
}
