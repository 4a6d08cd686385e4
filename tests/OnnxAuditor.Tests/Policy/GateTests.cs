using OnnxAuditor.Policy;
using OnnxAuditor.Reports;
using OnnxAuditor.Tests.Reporting;
using Xunit;

namespace OnnxAuditor.Tests.Policy;

public class GateTests
{
    [Theory]
    [InlineData("intrain >= 12.3", true, 12.34567)]
    [InlineData("intrain>12.5", false, 12.34567)]
    [InlineData("intrain.rank<=3.5", true, 3.5)]
    [InlineData("coverage.parameters >= 0.99", false, 241_610.0 / 303_050)]
    [InlineData("coverage.parameters >= 79%", true, 241_610.0 / 303_050)]
    [InlineData("coverage.nodes < 1", true, 35.0 / 36)]
    [InlineData("parameters <= 0.5M", true, 303_050.0)]
    [InlineData("parameters.tied == 1280", true, 1280.0)]
    [InlineData("macs != 302080", false, 302_080.0)]
    [InlineData("bytes < 1.1MiB", false, 1_234_567.0)]
    [InlineData("findings.error == 0", false, 1.0)]
    [InlineData("findings.warning <= 1", true, 1.0)]
    public void A_condition_is_held_against_the_report(string condition, bool passes, double value)
    {
        var result = Gate.Parse(condition).Judge(SampleReports.Sick);
        Assert.Equal((condition, passes, null), (result.Expression, result.Passed, result.Reason));
        Assert.Equal(value, result.Value!.Value, 12);
    }

    [Theory]
    [InlineData("epsilon >= 0", "node /head/ArgMax (ArgMax, opset 21) gives no float output")]
    [InlineData("zen >= 0", "the proxy was not computed")]
    [InlineData("intrain.width >= 0", "it has the components rank, stability")]
    public void A_number_that_is_not_there_fails_with_its_reason(string condition, string reason) =>
        Assert.Equal(new GateResult(condition, null, false, reason), Gate.Parse(condition).Judge(SampleReports.Sick));

    [Fact]
    public void A_model_that_was_not_read_fails_every_gate() => Assert.Equal("the model was not read", Gate.Parse("bytes > 0").Judge(SampleReports.Unreadable).Reason);

    [Theory]
    [InlineData("intrain", "is no gate")]
    [InlineData("intrain >= much", "is no gate")]
    [InlineData("intrain => 3", "is no gate")]
    [InlineData("intrain >= 3 apples", "is no gate")]
    [InlineData("intrian >= 3", "did you mean 'intrain'?")]
    [InlineData("coverage.params >= 3", "did you mean 'coverage.parameters'?")]
    public void What_is_no_condition_is_told(string text, string expected) => Assert.Contains(expected, Assert.Throws<UsageException>(() => Gate.Parse(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_gate_knows_what_it_needs()
    {
        Assert.True(Gate.Parse("macs < 1G").IsStatic);
        Assert.True(Gate.Parse("parameters < 1G").IsStatic);
        Assert.False(Gate.Parse("coverage.parameters > 0").IsStatic);
        Assert.Equal("zen", Gate.Parse("zen.layers > 0").ProxyId);
        Assert.Null(Gate.Parse("coverage.nodes > 0").ProxyId);
    }
}
