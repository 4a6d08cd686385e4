using OnnxAuditor.Reports;
using OnnxAuditor.Rules;
using Xunit;

namespace OnnxAuditor.Tests.Rules;

public class RuleTests
{
    public static TheoryData<int> Cases => [.. Enumerable.Range(0, RuleCases.All.Length)];

    public static TheoryData<string> Ids => [.. RuleRegistry.All.Select(r => r.Id)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_rule_finds_its_condition(int index)
    {
        var each = RuleCases.All[index];
        var result = RuleEngine.Run(each.Fires(), RuleRegistry.Select([each.Id], []));
        var found = result.Findings.Where(f => f.Severity == each.Severity).ToList();
        Assert.True(found.Count == 1, $"{each}: found {string.Join("; ", result.Findings.Select(f => $"{f.Severity} {f.Where}: {f.Message}"))}");
        Assert.All(result.Findings, AssertComplete);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_rule_says_nothing_of_a_model_without_its_condition(int index)
    {
        var each = RuleCases.All[index];
        var result = RuleEngine.Run(each.Silent(), RuleRegistry.Select([each.Id], []));
        Assert.True(result.Findings.Count == 0, $"{each}: found {string.Join("; ", result.Findings.Select(f => $"{f.Severity} {f.Where}: {f.Message}"))}");
    }

    /// <summary>ONX008 is found where there is no model to look at; the tests of the runs over models have it.</summary>
    [Fact]
    public void Every_rule_has_a_case() =>
        Assert.Equal(RuleRegistry.All.Select(r => r.Id).Where(id => id is not "ONX008").Order(StringComparer.Ordinal), RuleCases.All.Select(c => c.Id).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));

    [Fact]
    public void A_healthy_network_has_no_findings()
    {
        var result = RuleEngine.Run(RuleCases.Plain(), RuleRegistry.All);
        Assert.Empty(result.Findings);
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void The_page_of_a_rule_is_complete(string id)
    {
        var rule = RuleRegistry.ById[id];
        Assert.Matches("^(TRN|WGT|ACT|GRD|ONX|NUM|SEC|PRF)[0-9]{3}$", rule.Id);
        Assert.Matches("^[A-Z][A-Za-z0-9]+$", rule.Name);
        Assert.DoesNotContain('.', rule.Title);
        var text = rule.Text;
        Assert.All(
            [text.WhatItFinds, text.WhyItMatters, text.HowItIsComputed, text.Threshold, text.Example, text.Remedy, text.WhenToIgnore, text.References],
            part => Assert.True(part.Trim().Length >= 5 && part == part.Trim(), $"{id}: '{part}'"));
        Assert.All(rule.Thresholds, t =>
        {
            Assert.StartsWith(id + ".", t.Key, StringComparison.Ordinal);
            Assert.True(double.IsFinite(t.Default) && t.Meaning.Length > 0, t.Key);
        });
    }

    [Fact]
    public void Names_and_thresholds_are_distinct()
    {
        Assert.Distinct(RuleRegistry.All.Select(r => r.Name), StringComparer.Ordinal);
        Assert.Distinct(RuleRegistry.All.SelectMany(r => r.Thresholds).Select(t => t.Key), StringComparer.Ordinal);
    }

    [Fact]
    public void A_threshold_can_be_changed()
    {
        var rules = RuleRegistry.Select(["TRN005"], []);
        var context = RuleCases.All.First(c => c.Id == "TRN005").Fires();
        Assert.Single(RuleEngine.Run(context, rules).Findings);
        Assert.Empty(RuleEngine.Run(context with { Limits = new Dictionary<string, double>(StringComparer.Ordinal) { ["TRN005.elements"] = 1000 } }, rules).Findings);
    }

    static void AssertComplete(Finding finding)
    {
        Assert.True(finding.Where.Length > 0 && finding.Measured.Length > 0 && finding.Threshold.Length > 0 && finding.Remedy.Length > 0, finding.ToString());
        Assert.EndsWith(".", finding.Message, StringComparison.Ordinal);
        Assert.Matches("^[0-9a-f]{16}$", finding.Fingerprint);
        Assert.True(finding.Count >= 1 && finding.OtherPlaces.Count <= 5, finding.ToString());
    }
}
