using GraphRewriter.Ir;
using OnnxAuditor.Reports;
using OnnxAuditor.Rules;
using Xunit;

namespace OnnxAuditor.Tests.Rules;

public class RuleEngineTests
{
    [Fact]
    public void Observations_of_one_severity_become_one_finding_with_the_worst_place_first()
    {
        var rule = Rule("TST001", Severity.Warning, [Seen("small", 1), Seen("large", 9), Seen("middle", 5), Seen("worse", 3) with { Severity = Severity.Error }]);
        var findings = RuleEngine.Run(RuleCases.Plain(), [rule]).Findings;
        Assert.Equal([(Severity.Error, "worse", 1), (Severity.Warning, "large", 3)], findings.Select(f => (f.Severity, f.Where, f.Count)));
        Assert.Equal(["middle", "small"], findings[1].OtherPlaces);
    }

    [Fact]
    public void At_most_five_further_places_are_named()
    {
        var rule = Rule("TST001", Severity.Warning, [.. Enumerable.Range(0, 1000).Select(i => Seen($"n{i}", 1000 - i))]);
        var finding = Assert.Single(RuleEngine.Run(RuleCases.Plain(), [rule]).Findings);
        Assert.Equal(1000, finding.Count);
        Assert.Equal(["n1", "n2", "n3", "n4", "n5"], finding.OtherPlaces);
    }

    [Fact]
    public void Findings_are_ordered_worst_first_then_as_registered()
    {
        var rules = new[] { Rule("TST003", Severity.Info, [Seen("a", 0)]), Rule("TST002", Severity.Warning, [Seen("b", 0)]), Rule("TST001", Severity.Warning, [Seen("c", 0)]), Rule("TST004", Severity.Error, [Seen("d", 0)]) };
        Assert.Equal(["TST004", "TST002", "TST001", "TST003"], RuleEngine.Run(RuleCases.Plain(), rules).Findings.Select(f => f.RuleId));
    }

    [Fact]
    public void A_cause_suppresses_its_consequences_and_says_so()
    {
        var rules = new[]
        {
            Rule("ACT010", Severity.Error, [Seen("origin", 0)]), Rule("ACT001", Severity.Warning, [Seen("a", 0)]), Rule("GRD001", Severity.Error, [Seen("b", 0)]), Rule("WGT003", Severity.Error, [Seen("c", 0)]),
        };
        var result = RuleEngine.Run(RuleCases.Plain(), rules);
        Assert.Equal(["ACT010", "WGT003"], result.Findings.Select(f => f.RuleId));
        Assert.Contains(result.Notes, n => n.StartsWith("ACT001, GRD001: left out where ACT010 says it", StringComparison.Ordinal));
    }

    [Fact]
    public void A_cause_that_was_suppressed_suppresses_nothing()
    {
        var rules = new[] { Rule("WGT001", Severity.Error, [Seen("w", 0)]), Rule("ACT010", Severity.Error, [Seen("n", 0)]), Rule("TRN015", Severity.Error, [Seen("p", 0)]) };
        var result = RuleEngine.Run(RuleCases.Plain(), rules);
        Assert.Equal(["WGT001"], result.Findings.Select(f => f.RuleId));
        Assert.DoesNotContain(result.Notes, n => n.Contains("ACT010 says it", StringComparison.Ordinal));
    }

    [Fact]
    public void A_milder_observation_than_the_rule_s_own_severity_suppresses_nothing()
    {
        var rules = new[] { Rule("TRN029", Severity.Error, [Seen("priors", 0) with { Severity = Severity.Info }]), Rule("TRN019", Severity.Warning, [Seen("x", 0)]) };
        Assert.Equal(["TRN019", "TRN029"], RuleEngine.Run(RuleCases.Plain(), rules).Findings.Select(f => f.RuleId));
    }

    [Fact]
    public void Some_consequences_are_suppressed_at_the_place_of_the_cause_alone()
    {
        var rules = new[] { Rule("WGT003", Severity.Warning, [Seen("zero", 0)]), Rule("WGT011", Severity.Warning, [Seen("zero", 0), Seen("thin", 0)]) };
        Assert.Equal([("WGT003", "zero"), ("WGT011", "thin")], RuleEngine.Run(RuleCases.Plain(), rules).Findings.Select(f => (f.RuleId, f.Where)));
    }

    [Fact]
    public void A_configured_severity_replaces_the_rule_s()
    {
        var severities = new Dictionary<string, Severity>(StringComparer.Ordinal) { ["TST001"] = Severity.Info };
        Assert.Equal(Severity.Info, Assert.Single(RuleEngine.Run(RuleCases.Plain(), [Rule("TST001", Severity.Error, [Seen("a", 0)])], severities).Findings).Severity);
    }

    [Fact]
    public void What_was_not_measured_is_noted()
    {
        var notes = RuleEngine.Run(RuleCases.Plain(), RuleRegistry.Select(["ACT", "GRD"], [])).Notes;
        Assert.Contains("ACT001, ACT002, ACT003, ACT004, ACT005, ACT006, ACT008, ACT009, ACT010, ACT011, ACT014, ACT007, ACT013, ACT015, GRD001, GRD002, GRD003, GRD006, GRD009, GRD012, GRD014: not measured, no pass was run on the shipped weights.", notes);
        var failed = RuleCases.Healthy().Measured((_, _) => new Made([], []));
        failed = failed with { Shipped = failed.Shipped! with { Failure = "out of memory" } };
        Assert.Contains(RuleEngine.Run(failed, RuleRegistry.Select(["ACT"], [])).Notes, n => n.EndsWith("the run on the shipped weights failed.", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(new string[0], new string[0], "TRN012", true)]
    [InlineData(new[] { "WGT" }, new string[0], "TRN012", false)]
    [InlineData(new[] { "TRN" }, new[] { "TRN012" }, "TRN012", false)]
    [InlineData(new[] { "TRN012" }, new[] { "TRN" }, "TRN012", true)]
    [InlineData(new[] { "TRN012" }, new[] { "TRN012" }, "TRN012", false)]
    [InlineData(new[] { "trn012" }, new string[0], "TRN012", true)]
    public void The_longest_prefix_decides_whether_a_rule_runs(string[] select, string[] ignore, string id, bool runs) =>
        Assert.Equal(runs, RuleRegistry.Select(select, ignore).Any(r => r.Id == id));

    [Fact]
    public void A_prefix_without_rules_is_told() => Assert.False(RuleRegistry.Names("XYZ") || !RuleRegistry.Names("TRN"));

    [Theory]
    [InlineData(ModelProblem.Unreadable, "ONX001")]
    [InlineData(ModelProblem.InvalidGraph, "ONX002")]
    [InlineData(ModelProblem.ExternalData, "ONX003")]
    [InlineData(ModelProblem.Budget, "SEC002")]
    public void A_file_that_cannot_be_read_has_a_finding(ModelProblem problem, string id)
    {
        var finding = RuleEngine.Unreadable("models/a.onnx", new ModelException(problem, "'models/a.onnx' is a git-LFS pointer."));
        Assert.Equal((id, Severity.Error, "models/a.onnx"), (finding.RuleId, finding.Severity, finding.Where));
        Assert.NotEqual("", finding.Remedy);
    }

    [Fact]
    public void Rules_never_change_the_model()
    {
        var context = RuleCases.DeepCnn(norm: false, spread: 0.5).Context();
        var before = Text(context.Model.Graph);
        RuleEngine.Run(context, RuleRegistry.All);
        Assert.Equal(before, Text(context.Model.Graph));
    }

    static string Text(Graph graph) => string.Join('\n', graph.AllNodes().Select(n => $"{n} {string.Join(',', n.Inputs)} {string.Join(',', n.Outputs)}"));

    static Rule Rule(string id, Severity severity, Observation[] observations) =>
        new(id, "Test", "A test", severity, RuleCost.Scan, new RuleText("", "", "", "", "", "", "", ""), _ => observations);

    static Observation Seen(string where, double badness) => new(where, "Seen.", "1", "0", badness) { Remedy = "None." };
}
