using OnnxAuditor.Reports;
using Xunit;

namespace OnnxAuditor.Tests.Rules;

/// <summary>What a whole audit says of the networks in models/, most of which are sick on purpose. All were drawn, none was trained, which TRN026 says of each.</summary>
public class CommittedModelTests
{
    [Theory]
    [InlineData("conditional_encoder", "TRN006 TRN026")]
    [InlineData("dead_relu_mlp", "ACT001! TRN026 WGT015")]
    [InlineData("deep_sigmoid_mlp", "ACT005 GRD001! TRN026 WGT009")]
    [InlineData("detached_branch", "TRN012! TRN026")]
    [InlineData("exploding_mlp", "ACT003 TRN026 WGT009")]
    [InlineData("external_mlp", "TRN026")]
    [InlineData("lstm_tagger", "TRN026")]
    [InlineData("nan_weight_cnn", "WGT001!")]
    [InlineData("residual_cnn", "TRN026")]
    [InlineData("transformer", "TRN026")]
    [InlineData("zero_init_mlp", "TRN027! WGT003!")]
    public void Each_has_the_findings_it_was_made_for(string model, string expected)
    {
        var found = Findings(model).Where(f => f.Severity != Severity.Info).GroupBy(f => f.RuleId, StringComparer.Ordinal)
            .Select(g => g.Key + (g.Any(f => f.Severity == Severity.Error) ? "!" : "")).Order(StringComparer.Ordinal);
        Assert.Equal(expected, string.Join(' ', found));
    }

    [Fact]
    public void Two_audits_find_the_same() => Assert.Equal(Findings("dead_relu_mlp").Select(Text), Findings("dead_relu_mlp").Select(Text));

    static string Text(Finding f) => $"{f} {string.Join(',', f.OtherPlaces)}";

    static IReadOnlyList<Finding> Findings(string model) =>
        Audit.Run(Checkout.Path("models", model + ".onnx"), new AuditOptions { Proxies = [], Threads = 1 }, null, TestContext.Current.CancellationToken).Findings;
}
