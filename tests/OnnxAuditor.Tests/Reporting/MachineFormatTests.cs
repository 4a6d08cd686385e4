using System.Text.Json.Nodes;
using System.Xml.Linq;
using NJsonSchema;
using OnnxAuditor.Reporting;
using OnnxAuditor.Reports;
using Xunit;

namespace OnnxAuditor.Tests.Reporting;

/// <summary>SARIF, JUnit and GitHub's annotations.</summary>
public class MachineFormatTests
{
    /// <summary>The environment variable that names the schema of SARIF 2.1.0, which is not part of the project.</summary>
    const string SchemaVariable = "ONNX_AUDITOR_SARIF_SCHEMA";

    static readonly GateResult[] Gates = [new("macs < 1", 302_080, false, null), new("zen > 1", null, false, "the proxy was not computed"), new("bytes > 1", 5, true, null)];

    static AuditReport Everything => SampleReports.Of(SampleReports.Sick with { Gates = Gates }, SampleReports.Healthy, SampleReports.Unreadable, SampleReports.OverBudget, HostileNames.Model);

    static JsonNode Sarif(AuditReport report) => JsonNode.Parse(SarifReport.Write(report, SampleReports.Glossary))!;

    [Fact]
    public async Task Sarif_is_as_its_schema_says()
    {
        var path = Environment.GetEnvironmentVariable(SchemaVariable);
        Assert.SkipWhen(string.IsNullOrEmpty(path), $"{SchemaVariable} does not name the schema of SARIF 2.1.0.");
        var schema = await JsonSchema.FromJsonAsync(await File.ReadAllTextAsync(path!, TestContext.Current.CancellationToken), TestContext.Current.CancellationToken);
        Assert.Empty(schema.Validate(SarifReport.Write(Everything, SampleReports.Glossary)));
        Assert.NotEmpty(schema.Validate(SarifReport.Write(Everything, SampleReports.Glossary).Replace("\"level\": \"error\"", "\"level\": \"fatal\"", StringComparison.Ordinal)));
    }

    [Fact]
    public void Sarif_has_a_rule_and_a_place_for_each_result()
    {
        var run = Sarif(Everything)["runs"]![0]!;
        var rules = run["tool"]!["driver"]!["rules"]!.AsArray().Select(r => r!["id"]!.GetValue<string>()).ToList();
        var results = run["results"]!.AsArray();
        Assert.Equal(Everything.Models.Sum(m => m.Findings.Count + m.Gates.Count(g => !g.Passed)), results.Count);
        Assert.Equal(["gate", "gate"], results.TakeLast(2).Select(r => r!["ruleId"]!.GetValue<string>()));
        Assert.All(results.SkipLast(2), r => Assert.NotNull(r!["locations"]![0]!["logicalLocations"]![0]!["fullyQualifiedName"]));
        Assert.All(results, r =>
        {
            Assert.Equal(r!["ruleId"]!.GetValue<string>(), rules[r["ruleIndex"]!.GetValue<int>()]);
            var place = r["locations"]![0]!;
            Assert.Equal(1, place["physicalLocation"]!["region"]!["startLine"]!.GetValue<int>());
            Assert.False(Uri.TryCreate(place["physicalLocation"]!["artifactLocation"]!["uri"]!.GetValue<string>(), UriKind.Absolute, out _));
        });
        Assert.Equal(["error", "warning", "warning", "note"], results.Take(4).Select(r => r!["level"]!.GetValue<string>()));
    }

    [Fact]
    public void Sarif_keeps_fingerprints_suppressions_and_what_was_not_analysed()
    {
        var report = SampleReports.Of(SampleReports.Sick, SampleReports.Unreadable);
        var run = Sarif(report)["runs"]![0]!;
        var suppressed = run["results"]!.AsArray().Where(r => r!["suppressions"] is not null).ToList();
        Assert.Equal("WGT003", Assert.Single(suppressed)!["ruleId"]!.GetValue<string>());
        Assert.Equal("2f1c8a77b0d4e911", run["results"]![0]!["partialFingerprints"]!["onnxAuditor/v1"]!.GetValue<string>());
        var invocation = run["invocations"]![0]!;
        Assert.False(invocation["executionSuccessful"]!.GetValue<bool>());
        var notes = invocation["toolExecutionNotifications"]!.AsArray().Select(n => n!["message"]!["text"]!.GetValue<string>()).ToList();
        Assert.Contains(notes, n => n.Contains("/head/ArgMax", StringComparison.Ordinal));
        Assert.Contains(invocation["toolExecutionNotifications"]!.AsArray(), n => n!["level"]!.GetValue<string>() == "error");
    }

    [Fact]
    public void JUnit_counts_what_fails_and_skips_what_is_suppressed()
    {
        var suites = XDocument.Parse(JUnitReport.Write(Everything)).Root!.Elements("testsuite").ToList();
        Assert.Equal(Everything.Models.Count, suites.Count);
        Assert.All(suites, s =>
        {
            Assert.Equal((int)s.Attribute("tests")!, s.Elements("testcase").Count());
            Assert.Equal((int)s.Attribute("failures")!, s.Elements("testcase").Count(c => c.Element("failure") is not null));
            Assert.Equal((int)s.Attribute("errors")!, s.Elements("testcase").Count(c => c.Element("error") is not null));
            Assert.Equal((int)s.Attribute("skipped")!, s.Elements("testcase").Count(c => c.Element("skipped") is not null));
        });
        Assert.Equal((8, 4, 0, 1), ((int)suites[0].Attribute("tests")!, (int)suites[0].Attribute("failures")!, (int)suites[0].Attribute("errors")!, (int)suites[0].Attribute("skipped")!));
        Assert.Equal("1", suites[2].Attribute("errors")!.Value);
        Assert.Contains("8 more places", suites[0].Elements("testcase").Single(c => (string)c.Attribute("name")! == "GRD001").Element("failure")!.Value, StringComparison.Ordinal);
    }

    [Fact]
    public void Annotations_are_one_line_each_whatever_names_hold()
    {
        foreach (var name in HostileNames.All)
        {
            var report = SampleReports.Of(HostileNames.Everywhere(name));
            var lines = GitHubReport.Write(report).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal(report.Models.Sum(m => m.Findings.Count(f => !f.Suppressed) + ((m.Unreadable ?? m.BudgetExceeded) is null ? 0 : 1)), lines.Length);
            Assert.All(lines, l => Assert.Matches("^::(error|warning|notice) file=[^,:]*,title=[^,:]*::", l));
            // What is read back is XML and JSON whatever the names are.
            XDocument.Parse(JUnitReport.Write(report));
            Sarif(report);
        }
    }

    [Fact]
    public void Annotations_leave_out_what_is_suppressed_and_say_what_could_not_be_read()
    {
        var text = GitHubReport.Write(SampleReports.Of(SampleReports.Sick, SampleReports.Unreadable));
        Assert.StartsWith("::error file=vendor/sick_mlp.onnx,title=GRD001::/layers.0/Gemm (9 places)", text, StringComparison.Ordinal);
        Assert.DoesNotContain("WGT003", text, StringComparison.Ordinal);
        Assert.Contains("title=not audited", text, StringComparison.Ordinal);
        Assert.Contains("| `vendor/sick_mlp.onnx` | not trainable | 1 | 1 |", GitHubReport.Summary(SampleReports.Of(SampleReports.Sick)), StringComparison.Ordinal);
    }
}
