using OnnxAuditor.Commands;
using OnnxAuditor.Comparison;
using OnnxAuditor.Reports;
using OnnxAuditor.Tests.Reporting;
using Xunit;

namespace OnnxAuditor.Tests.Commands;

public class TerminalSummaryTests
{
    static string Summary(AuditReport report, bool hasColor = false)
    {
        using var error = new StringWriter { NewLine = "\n" };
        TerminalSummary.Write(TerminalSummary.Console(new Terminal(TextWriter.Null, error, Stream.Null, IsInteractive: true), hasColor), report);
        return error.ToString();
    }

    [Fact]
    public void Verdict_worst_findings_gates_and_scores_are_shown()
    {
        var text = Summary(SampleReports.Of(SampleReports.Sick with { Gates = [new("macs < 1", 302_080, false, null)] }));
        Assert.Contains("not trainable", text, StringComparison.Ordinal);
        Assert.Contains("GRD001", text, StringComparison.Ordinal);
        Assert.Contains("TRN012", text, StringComparison.Ordinal);
        Assert.DoesNotContain("WGT003", text, StringComparison.Ordinal);
        Assert.DoesNotContain("TRN024", text, StringComparison.Ordinal);
        Assert.Contains("failed macs < 1", text, StringComparison.Ordinal);
        Assert.Contains("12.35", text, StringComparison.Ordinal);
        Assert.Contains("1 proxy without a score", text, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', text);
    }

    [Fact]
    public void Several_models_are_a_table_and_a_comparison_has_its_conclusion()
    {
        ModelReport[] models = [SampleReports.Sick, SampleReports.Healthy];
        Assert.Contains("models/residual_cnn.onnx", Summary(SampleReports.Of(models)), StringComparison.Ordinal);
        Assert.Contains("not ranked", Summary(SampleReports.Of(models) with { Comparison = Compare.Of(models) }), StringComparison.Ordinal);
    }

    [Fact]
    public void Hostile_names_do_nothing()
    {
        var text = Summary(SampleReports.Of(HostileNames.Model));
        Assert.DoesNotContain("\u001b[31m", text, StringComparison.Ordinal);
        Assert.NotEmpty(text);
    }
}
