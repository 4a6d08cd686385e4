using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using OnnxAuditor.Measurement;
using OnnxAuditor.Reports;
using OnnxAuditor.Rules;
using Xunit;

namespace OnnxAuditor.Tests.Rules;

public class VerdictTests
{
    static readonly Coverage Full = new(10, 10, 1000, 1000, []);

    [Fact]
    public void A_model_that_gradients_reach_and_nothing_speaks_against_is_trainable() => Assert.Equal(Verdict.Trainable, Verdicts.Of([], Full, Run()).Verdict);

    [Theory]
    [InlineData("ONX003", "Error", "Undetermined")]
    [InlineData("SEC001", "Error", "Undetermined")]
    [InlineData("TRN009", "Error", "NotTrainable")]
    [InlineData("TRN027", "Error", "NotTrainable")]
    [InlineData("TRN028", "Info", "NotTrainable")]
    [InlineData("TRN029", "Error", "NotTrainable")]
    [InlineData("TRN029", "Info", "Trainable")]
    [InlineData("WGT001", "Error", "NotTrainable")]
    [InlineData("TRN005", "Warning", "TrainableWithFixes")]
    [InlineData("TRN019", "Warning", "TrainableWithFixes")]
    [InlineData("TRN019", "Info", "Trainable")]
    [InlineData("TRN012", "Error", "TrainableWithFixes")]
    [InlineData("ACT010", "Error", "TrainableWithFixes")]
    [InlineData("WGT010", "Info", "Trainable")]
    [InlineData("WGT002", "Warning", "Trainable")]
    public void A_finding_counts_as_the_table_says(string rule, string severityName, string verdictName)
    {
        var (severity, verdict) = (Enum.Parse<Severity>(severityName), Enum.Parse<Verdict>(verdictName));
        var result = Verdicts.Of([Finding(rule, severity)], Full, Run());
        Assert.Equal(verdict, result.Verdict);
        Assert.EndsWith(".", result.Reason, StringComparison.Ordinal);
        if (verdict != Verdict.Trainable) Assert.Contains(rule, result.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_hint_has_no_part_in_the_verdict() =>
        Assert.Equal(Verdict.Trainable, Verdicts.Of([Finding("TRN001", Severity.Warning) with { Confidence = Confidence.Hint }], Full, Run()).Verdict);

    [Fact]
    public void A_suppressed_finding_still_counts() =>
        Assert.Equal(Verdict.NotTrainable, Verdicts.Of([Finding("WGT001", Severity.Error) with { SuppressedBy = "the baseline" }], Full, Run()).Verdict);

    [Fact]
    public void A_model_without_parameters_is_not_trainable() => Assert.Equal(Verdict.NotTrainable, Verdicts.Of([], new Coverage(3, 3, 0, 0, []), Run()).Verdict);

    [Fact]
    public void Without_a_backward_pass_nothing_is_known()
    {
        Assert.Equal(Verdict.Undetermined, Verdicts.Of([], Full, null).Verdict);
        Assert.Equal(Verdict.Undetermined, Verdicts.Of([], Full, Run() with { Differentiation = null }).Verdict);
        Assert.Equal(Verdict.Undetermined, Verdicts.Of([], Full, Run() with { Failure = "no memory" }).Verdict);
    }

    [Fact]
    public void What_this_program_cannot_differentiate_leaves_the_verdict_open()
    {
        var result = Verdicts.Of([], new Coverage(10, 9, 1000, 600, []), Run(Blocked("Novel", missing: true)));
        Assert.Equal(Verdict.Undetermined, result.Verdict);
        Assert.Contains("Novel", result.Reason, StringComparison.Ordinal);
        Assert.Equal(Verdict.Trainable, Verdicts.Of([], new Coverage(10, 9, 1000, 960, []), Run(Blocked("Novel", missing: true))).Verdict);
    }

    [Fact]
    public void A_model_that_no_gradient_reaches_is_not_trainable() =>
        Assert.Equal(Verdict.NotTrainable, Verdicts.Of([], new Coverage(10, 9, 1000, 0, []), Run(Blocked("ArgMax", missing: false))).Verdict);

    [Fact]
    public void A_model_that_gradients_reach_in_part_needs_a_fix() =>
        Assert.Equal(Verdict.TrainableWithFixes, Verdicts.Of([], new Coverage(10, 9, 1000, 600, []), Run(Blocked("ArgMax", missing: false))).Verdict);

    [Fact]
    public void The_page_on_verdicts_names_every_rule_of_the_table()
    {
        var page = File.ReadAllText(Checkout.Path("docs", "verdict.md"));
        Assert.All(Verdicts.Effects, e => Assert.Contains($"| {e.Rule} | {e.From.ToString().ToLowerInvariant()} | {Words(e.Effect)} |", page, StringComparison.Ordinal));
        Assert.Equal(Verdicts.Effects.Length, page.Split('\n').Count(l => l.StartsWith("| ", StringComparison.Ordinal) && RuleRegistry.ById.ContainsKey(l.Split('|')[1].Trim())));
        Assert.All(Verdicts.Effects, e => Assert.True(RuleRegistry.ById.ContainsKey(e.Rule), e.Rule));
    }

    static string Words(Verdicts.Effect effect) => effect switch
    {
        Verdicts.Effect.Hides => "undetermined",
        Verdicts.Effect.Blocks => "not trainable",
        _ => "fix first",
    };

    static ModelMeasurement Run(params BlockedNode[] blocked) => new(
        new Protocol(WeightSource.Shipped, NormStatistics.Frozen, InputLaw.Auto, 16, 0, Probes.ParameterGradients), [], [], [], 1, new LossText("sum", "y"), new BackwardCoverage(10, blocked), null, null, null);

    static BlockedNode Blocked(string op, bool missing) => new(new Node(op, [], []), "because", missing);

    static Finding Finding(string rule, Severity severity) => new(rule, severity, Confidence.Certain, "x", "Something is wrong.", "1", "0", "Mend it.", "0123456789abcdef");
}
