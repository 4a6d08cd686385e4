using System.CommandLine;
using OnnxAuditor.Commands;
using OnnxAuditor.Reports;
using OnnxAuditor.Tests.Reporting;
using Xunit;

namespace OnnxAuditor.Tests.Commands;

public class ModelRunsTests
{
    static RunResult Run(int jobs, Func<string, ModelReport> one)
    {
        var (options, policy) = (new AuditOptionSet(), new PolicyOptionSet());
        var command = new Command("test");
        foreach (var option in options.All.Concat(policy.All)) command.Add(option);
        ModelPath[] paths = [.. Enumerable.Range(0, 6).Select(i => new ModelPath($"nowhere/{i}.onnx", $"{i}.onnx"))];
        return ModelRuns.All(paths, new ModelSettings(command.Parse([]), options, policy), jobs, (path, _) => one(path.File), TestContext.Current.CancellationToken);
    }

    [Theory]
    [InlineData(5, "memory ran out")]
    [InlineData(4, "it ended with exit code 139")]
    public void A_model_whose_process_ends_is_a_finding_and_the_others_are_audited(int code, string reason)
    {
        var run = Run(2, file => file.Contains('3', StringComparison.Ordinal) ? throw new AuditProcessException((ExitCode)code, reason) : SampleReports.Healthy with { Path = file });
        Assert.Equal((ExitCode)code, run.Code);
        Assert.Equal(["0.onnx", "1.onnx", "2.onnx", "3.onnx", "4.onnx", "5.onnx"], run.Report.Models.Select(m => m.Path));
        var finding = Assert.Single(run.Report.Models[3].Findings);
        Assert.Equal(("ONX008", Severity.Error), (finding.RuleId, finding.Severity));
        Assert.Contains(reason, finding.Message, StringComparison.Ordinal);
        Assert.Equal(Verdict.Undetermined, run.Report.Models[3].Verdict);
        Assert.Equal($"3.onnx: {reason}", Assert.Single(run.Complaints));
        Assert.All(run.Report.Models.Where((_, i) => i != 3), m => Assert.Equal(Verdict.Trainable, m.Verdict));
    }

    [Fact]
    public void Reports_stand_in_the_order_of_the_paths_whichever_ended_first()
    {
        var run = Run(6, file =>
        {
            Thread.Sleep(10 * ('9' - file[^6]));
            return SampleReports.Healthy with { Path = file };
        });
        Assert.Equal(["0.onnx", "1.onnx", "2.onnx", "3.onnx", "4.onnx", "5.onnx"], run.Report.Models.Select(m => m.Path));
        Assert.Equal(ExitCode.Clean, run.Code);
    }
}
