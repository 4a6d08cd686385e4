using System.Text.RegularExpressions;
using System.Xml.Linq;
using OnnxAuditor.Comparison;
using OnnxAuditor.Reporting;
using OnnxAuditor.Reports;
using Xunit;

namespace OnnxAuditor.Tests.Reporting;

public partial class HtmlReportTests
{
    static readonly AuditReport Both = SampleReports.Of(SampleReports.Sick, SampleReports.Healthy);

    [Fact]
    public void The_page_loads_nothing_and_runs_nothing()
    {
        var html = HtmlReport.Write(SampleReports.Of(SampleReports.Sick), SampleReports.Glossary);
        Assert.DoesNotContain("<script", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("<link", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("<img", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("@import", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("url(http", html, StringComparison.OrdinalIgnoreCase);
        Assert.All(Loaded().Matches(html), m => Assert.StartsWith("#", m.Groups["target"].Value, StringComparison.Ordinal));
        Assert.Contains("Content-Security-Policy\" content=\"default-src 'none'", html, StringComparison.Ordinal);
    }

    [Fact]
    public void The_charts_are_inside()
    {
        var html = HtmlReport.Write(Both, SampleReports.Glossary);
        Assert.Equal(DepthCharts.Files(Both, "chart").Count, Drawing().Count(html));
    }

    [Fact]
    public void An_id_stands_once_and_every_link_has_its_target()
    {
        var html = HtmlReport.Write(Both, SampleReports.Glossary);
        var ids = ElementId().Matches(html).Select(m => m.Groups["id"].Value).ToList();
        Assert.Equal(ids.Distinct(StringComparer.Ordinal).Count(), ids.Count);
        Assert.Empty(Loaded().Matches(html).Select(m => m.Groups["target"].Value[1..]).Except(ids, StringComparer.Ordinal));
        Assert.Empty(Reference().Matches(html).Select(m => m.Groups["id"].Value).Except(ids, StringComparer.Ordinal));
    }

    [Fact]
    public void The_same_report_gives_the_same_page() => Assert.Equal(HtmlReport.Write(Both, SampleReports.Glossary), HtmlReport.Write(Both, SampleReports.Glossary));

    [Fact]
    public void A_chart_is_well_formed_and_names_no_address_but_the_namespaces()
    {
        foreach (var chart in DepthCharts.Files(Both, "r").Concat(DepthCharts.Files(Both with { Comparison = Compare.Of(Both.Models) }, "r")))
        {
            var svg = chart.Svg();
            Assert.Equal("svg", XDocument.Parse(svg).Root!.Name.LocalName);
            Assert.DoesNotContain('\r', svg);
            Assert.All(Address().Matches(svg), m => Assert.StartsWith("http://www.w3.org/", m.Value, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void A_chart_breaks_at_a_zero_of_a_logarithmic_axis()
    {
        var layers = Enumerable.Range(0, 9).Select(i => new LayerRow($"l{i}", "Conv", "1", 0, new(0, 1, i == 4 ? 0 : 1 + i, 0, null, 1, null), null)).ToList();
        var chart = Assert.Single(DepthChart.Of(SampleReports.Sick with { Layers = layers }));
        Assert.Equal(9, chart.Points.Count);
        Assert.DoesNotContain("NaN", DepthCharts.Svg(chart), StringComparison.Ordinal);
    }

    [Fact]
    public void A_sparkline_shows_direction_and_flatness()
    {
        static DepthChart Chart(IEnumerable<double> values) => new("s", "t", "u", "", ChartScale.Decades, [.. values.Select((v, i) => new DepthPoint(i + 1, "l", v))]);
        var falling = Sparkline.Of(Chart(Enumerable.Range(0, 8).Select(i => Math.Pow(10, -i))));
        Assert.Equal("█▇▆▅▄▃▂▁", falling);
        Assert.Equal("▅▅▅▅", Sparkline.Of(Chart([1, 1.01, 0.99, 1.02])));
        Assert.Equal(32, Sparkline.Of(Chart(Enumerable.Range(1, 1000).Select(i => (double)i))).Length);
        Assert.Equal('▁', Sparkline.Of(Chart([0, 1, 10]))[0]);
    }

    [GeneratedRegex("""\s(?:src|href|srcset|data|action|poster)\s*=\s*["'](?<target>[^"']*)["']""", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Loaded();

    [GeneratedRegex("""\sid="(?<id>[^"]*)["]""", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex ElementId();

    [GeneratedRegex(@"url\(#(?<id>[^)]*)\)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Reference();

    [GeneratedRegex("""https?://[^"'\s<]*""", RegexOptions.None, 1000)]
    private static partial Regex Address();

    [GeneratedRegex("<svg ", RegexOptions.None, 1000)]
    private static partial Regex Drawing();
}
