using OnnxAuditor.Policy;
using OnnxAuditor.Reports;
using OnnxAuditor.Tests.Reporting;
using Xunit;

namespace OnnxAuditor.Tests.Policy;

public class SuppressionTests
{
    static readonly DateOnly Day = new(2027, 1, 1);

    static IEnumerable<string> SuppressedIn(ModelReport report) => report.Findings.Where(f => f.Suppressed).Select(f => f.RuleId);

    [Fact]
    public void Findings_are_ignored_by_fingerprint_with_the_reason()
    {
        var list = IgnoreList.Parse("# a remark\n\n2F1C8A77B0D4E911  # known, see the model card\n91aa5c07de23f6b8 exp:2027-01-01 # until the new export\n", "list");
        var report = list.Apply(SampleReports.Sick, Day);
        Assert.Equal(["GRD001", "TRN012", "WGT003"], SuppressedIn(report));
        Assert.Equal("list: known, see the model card", report.Findings[0].SuppressedBy);
        Assert.Equal("list: until the new export", report.Findings[1].SuppressedBy);
        Assert.Empty(list.Complaints(Day));
    }

    [Fact]
    public void An_entry_is_over_after_its_last_day_and_says_so()
    {
        var list = IgnoreList.Parse("91aa5c07de23f6b8 # until the new export exp:2027-01-01", "list");
        Assert.Equal("until the new export", list.Entries[0].Reason);
        Assert.Equal(["WGT003"], SuppressedIn(list.Apply(SampleReports.Sick, Day.AddDays(1))));
        Assert.Equal("list, line 1: 91aa5c07de23f6b8 expired on 2027-01-01 and suppresses nothing any more.", Assert.Single(list.Complaints(Day.AddDays(1))));
    }

    [Fact]
    public void An_entry_that_fits_nothing_is_told()
    {
        var list = IgnoreList.Parse("0000000000000000; 2f1c8a77b0d4e911", "list");
        list.Apply(SampleReports.Sick, Day);
        Assert.Equal("list, line 1: 0000000000000000 fits no finding of this run.", Assert.Single(list.Complaints(Day)));
    }

    [Theory]
    [InlineData("2f1c8a77", "no entry")]
    [InlineData("2f1c8a77b0d4e911zz", "no entry")]
    [InlineData("2f1c8a77b0d4e911 because", "no entry")]
    [InlineData("2f1c8a77b0d4e911 exp:tomorrow", "'tomorrow' is no day")]
    public void What_is_no_entry_is_told_with_its_line(string line, string expected)
    {
        var message = Assert.Throws<UsageException>(() => IgnoreList.Parse($"# first\n{line}", "list")).Message;
        Assert.StartsWith("list, line 2: ", message, StringComparison.Ordinal);
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_baseline_suppresses_what_is_known_and_nothing_that_is_new_or_has_grown()
    {
        var before = SampleReports.Sick;
        var baseline = new Baseline("before.json", SampleReports.Of(SampleReports.Healthy, before));
        Assert.Equal(["GRD001", "TRN012", "WGT003", "TRN024"], SuppressedIn(baseline.Apply(before)));
        Assert.Equal("known from before.json", baseline.Apply(before).Findings[0].SuppressedBy);
        Assert.Equal("baseline.json", baseline.Apply(before).Findings[2].SuppressedBy);

        var now = before with { Findings = [before.Findings[0] with { Count = 10 }, before.Findings[1] with { Severity = Severity.Error }, before.Findings[3] with { Fingerprint = "1234567890abcdef" }] };
        Assert.Empty(SuppressedIn(baseline.Apply(now)));
    }

    [Fact]
    public void A_baseline_is_that_of_the_same_model()
    {
        var baseline = new Baseline("before.json", SampleReports.Of(SampleReports.Sick with { Path = "a/sick_mlp.onnx" }, SampleReports.Sick with { Path = "b/sick_mlp.onnx" }));
        Assert.Equal(["WGT003"], SuppressedIn(baseline.Apply(SampleReports.Sick)));
        var moved = new Baseline("before.json", SampleReports.Of(SampleReports.Sick with { Path = "elsewhere/sick_mlp.onnx" }));
        Assert.Equal(4, SuppressedIn(moved.Apply(SampleReports.Sick)).Count());
    }

    [Fact]
    public void What_is_suppressed_fails_nothing_but_stays_in_the_report()
    {
        var policy = new ModelPolicy(Severity.Warning, [Gate.Parse("findings.error == 0")], null, IgnoreList.Parse("2f1c8a77b0d4e911\n91aa5c07de23f6b8", "list"));
        var report = policy.Apply(SampleReports.Sick, Day);
        Assert.Equal(SampleReports.Sick.Findings.Count, report.Findings.Count);
        Assert.True(report.Gates[0].Passed);
        Assert.False(policy.Fails(report));
        Assert.True(policy.Fails(SampleReports.Sick));
        Assert.True((policy with { FailOn = Severity.Info }).Fails(report));
    }

    [Fact]
    public void A_failed_gate_fails_whatever_the_findings()
    {
        var policy = new ModelPolicy(null, [Gate.Parse("bytes < 10")], null, null);
        Assert.True(policy.Fails(policy.Apply(SampleReports.Healthy, Day)));
    }
}
