using System.Text.RegularExpressions;
using OnnxAuditor.Reporting;
using OnnxAuditor.Reports;
using Xunit;

namespace OnnxAuditor.Tests.Reporting;

public partial class MarkdownReportTests
{
    [Fact]
    public void A_sick_model_has_a_full_report() => Snapshot.Match("sick.md", MarkdownReport.Write(SampleReports.Of(SampleReports.Sick), SampleReports.Glossary, "report"));

    [Fact]
    public void A_healthy_model_has_a_short_report()
    {
        var text = MarkdownReport.Write(SampleReports.Of(SampleReports.Healthy), SampleReports.Glossary);
        Snapshot.Match("healthy.md", text);
        var unfolded = Folded().Replace(text, "");
        Assert.True(unfolded.Split('\n').Length <= 90, $"{unfolded.Split('\n').Length} lines");
    }

    [Fact]
    public void Several_models_have_a_summary_and_a_section_each() =>
        Snapshot.Match("several.md", MarkdownReport.Write(SampleReports.Of(SampleReports.Unreadable, SampleReports.OverBudget, SampleReports.Sick with { Layers = [], Proxies = [] }), SampleReports.Glossary));

    [Fact]
    public void The_sections_stand_in_the_order_that_readers_know()
    {
        var text = MarkdownReport.Write(SampleReports.Of(SampleReports.Sick), SampleReports.Glossary);
        Assert.StartsWith("---\nmodel: \"vendor/sick_mlp.onnx\"\nsha256: ", text, StringComparison.Ordinal);
        var headings = SectionHeading().Matches(text).Select(m => m.Groups["text"].Value).ToList();
        Assert.Equal(["Top findings", "Model", "How it was measured", "Proxies", "Signal through depth", "Layers", "Trial training", "All findings", "Glossary"], headings);
        Assert.Contains("**Not trainable** · coverage 79.73 %", text[..text.IndexOf("## ", StringComparison.Ordinal)], StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_report_gives_the_same_text() =>
        Assert.Equal(MarkdownReport.Write(SampleReports.Of(SampleReports.Sick), SampleReports.Glossary), MarkdownReport.Write(SampleReports.Of(SampleReports.Sick), SampleReports.Glossary));

    [Fact]
    public void Every_link_inside_the_report_has_its_anchor()
    {
        foreach (var report in new[] { SampleReports.Of(SampleReports.Sick), SampleReports.Of(SampleReports.Healthy, SampleReports.Sick) })
        {
            var text = MarkdownReport.Write(report, SampleReports.Glossary);
            var links = Link().Matches(text).Select(m => m.Groups["id"].Value).ToList();
            Assert.NotEmpty(links);
            Assert.All(links, id => Assert.Contains($"<a id=\"{id}\">", text, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void An_anchor_stands_once()
    {
        var text = MarkdownReport.Write(SampleReports.Of(SampleReports.Sick, SampleReports.Sick with { Path = "b.onnx" }), SampleReports.Glossary);
        var ids = AnchorElement().Matches(text).Select(m => m.Value).ToList();
        Assert.Equal(ids.Distinct(StringComparer.Ordinal).Count(), ids.Count);
    }

    [Fact]
    public void A_suppressed_finding_is_listed_but_is_no_top_finding()
    {
        var text = MarkdownReport.Write(SampleReports.Of(SampleReports.Sick), SampleReports.Glossary);
        var top = text[text.IndexOf("## Top findings", StringComparison.Ordinal)..text.IndexOf("## Model", StringComparison.Ordinal)];
        Assert.DoesNotContain("WGT003", top, StringComparison.Ordinal);
        Assert.Contains("suppressed warning", text, StringComparison.Ordinal);
    }

    [Fact]
    public void The_layers_stand_worst_first()
    {
        var table = new LayerTable(SampleReports.Sick.Layers);
        Assert.Equal("/layers.0/Gemm", table.WorstFirst[0].Name);
        var dead = table.WorstFirst.Take(2 * LayerTable.Worst - 4).Select(l => l.Name);
        Assert.Contains("/layers.7/Sigmoid", dead, StringComparer.Ordinal);
    }

    [Fact]
    public void A_layer_without_finite_signal_is_the_worst()
    {
        var bad = new LayerRow("bad", "Conv", "1", 0, new(double.NaN, double.NaN, double.NaN, 0, null, double.NaN, null), null);
        Assert.Equal("bad", new LayerTable([.. SampleReports.Sick.Layers, bad]).WorstFirst[0].Name);
    }

    [GeneratedRegex("<details>.*?</details>", RegexOptions.Singleline, 1000)]
    private static partial Regex Folded();

    [GeneratedRegex("^## (<a id=\"[^\"]*\"></a>)?(?<text>.*)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex SectionHeading();

    [GeneratedRegex(@"\]\(#(?<id>[^)]+)\)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Link();

    [GeneratedRegex("<a id=\"[^\"]*\">", RegexOptions.None, 1000)]
    private static partial Regex AnchorElement();
}
