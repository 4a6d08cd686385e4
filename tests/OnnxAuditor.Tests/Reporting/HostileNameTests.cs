using Markdig;
using Markdig.Extensions.Tables;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;
using OnnxAuditor.Reporting;
using Xunit;

namespace OnnxAuditor.Tests.Reporting;

/// <summary>What a model is called changes what is read, never the structure of the page.</summary>
public class HostileNameTests
{
    static readonly MarkdownPipeline Pipeline = new MarkdownPipelineBuilder().UsePipeTables().UseYamlFrontMatter().Build();

    public static TheoryData<int> Names => [.. Enumerable.Range(0, HostileNames.All.Length)];

    /// <summary>Without the blank ones: what has no text has no line in the report.</summary>
    public static TheoryData<int> Texts => [.. Enumerable.Range(0, HostileNames.All.Length).Where(i => HostileNames.All[i].Trim(' ').Length > 0)];

    [Theory]
    [MemberData(nameof(Texts))]
    public void The_structure_of_the_report_is_that_of_a_harmless_one(int index)
    {
        var harmless = Structure(MarkdownReport.Write(SampleReports.Of(HostileNames.Everywhere("harmless")), SampleReports.Glossary));
        var hostile = Structure(MarkdownReport.Write(SampleReports.Of(HostileNames.Everywhere(HostileNames.All[index])), SampleReports.Glossary));
        Assert.Equal(harmless, hostile);
    }

    [Theory]
    [MemberData(nameof(Texts))]
    public void The_page_has_the_elements_of_a_harmless_one(int index)
    {
        var harmless = Elements(HtmlReport.Write(SampleReports.Of(HostileNames.Everywhere("harmless")), SampleReports.Glossary));
        var hostile = Elements(HtmlReport.Write(SampleReports.Of(HostileNames.Everywhere(HostileNames.All[index])), SampleReports.Glossary));
        Assert.Equal(harmless, hostile);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_name_is_short_and_holds_no_control_character(int index)
    {
        var text = MarkdownText.Name(HostileNames.All[index]);
        Assert.InRange(text.Length, 1, 600);
        Assert.DoesNotContain(text, char.IsControl);
        Assert.DoesNotContain('\u202E', text);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_name_is_read_as_it_is_written(int index)
    {
        var name = HostileNames.All[index];
        var expected = MarkdownText.Cut(MarkdownText.Visible(name), 80);
        if (string.IsNullOrWhiteSpace(expected)) return;
        var paragraph = Markdown.Parse($"x {MarkdownText.Name(name)} x", Pipeline).OfType<ParagraphBlock>().Single();
        var read = string.Concat(paragraph.Inline!.Descendants().Select(i => i switch { LiteralInline l => l.Content.ToString(), CodeInline c => c.Content, HtmlEntityInline e => e.Transcoded.ToString(), _ => "" }));
        Assert.Equal($"x {expected} x", read);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Prose_is_read_as_it_is_written(int index)
    {
        var text = HostileNames.All[index].Replace("`", "'", StringComparison.Ordinal);
        var expected = MarkdownText.Cut(MarkdownText.Visible(text), 600).Trim();
        if (expected.Length == 0) return;
        foreach (var source in new[] { MarkdownText.Prose(expected), $"- {MarkdownText.Prose(expected)}" })
        {
            var paragraph = Markdown.Parse(source, Pipeline).Descendants<ParagraphBlock>().Single();
            var read = string.Concat(paragraph.Inline!.Descendants().Select(i => i switch { LiteralInline l => l.Content.ToString(), CodeInline c => c.Content, HtmlEntityInline e => e.Transcoded.ToString(), _ => "" }));
            Assert.Equal(expected, read);
        }
    }

    [Fact]
    public void A_long_name_keeps_both_ends()
    {
        var cut = MarkdownText.Cut("first" + new string('x', 10_000) + "last", 80);
        Assert.Equal(80, cut.Length);
        Assert.StartsWith("first", cut, StringComparison.Ordinal);
        Assert.EndsWith("last", cut, StringComparison.Ordinal);
    }

    [Fact]
    public void Front_matter_stays_front_matter()
    {
        foreach (var name in HostileNames.All)
        {
            var lines = MarkdownReport.Write(SampleReports.Of(HostileNames.Everywhere(name)), Glossary.Empty).Split('\n');
            Assert.Equal("---", lines[0]);
            Assert.Equal("---", lines[5]);
            Assert.StartsWith("model: \"folder/", lines[1], StringComparison.Ordinal);
        }
    }

    /// <summary>Kinds of blocks and inlines in order, without what merely says how a text was escaped.</summary>
    static string Structure(string markdown)
    {
        var kinds = Markdown.Parse(markdown, Pipeline).Descendants()
            .Where(n => n is Block or LinkInline or EmphasisInline or AutolinkInline or LineBreakInline)
            .Select(n => n switch { HeadingBlock h => $"h{h.Level}", TableRow r => $"row{r.Count}", _ => n.GetType().Name });
        return string.Join('\n', kinds);
    }

    /// <summary>The names of the elements in order, code apart.</summary>
    static string Elements(string html)
    {
        var names = new List<string>();
        for (var at = html.IndexOf('<', StringComparison.Ordinal); at >= 0; at = html.IndexOf('<', at + 1))
        {
            var end = html.IndexOfAny(['>', ' ', '\n'], at);
            names.Add(html[at..end]);
        }
        // What stands between backticks is shown as code, and code may become plain text when it is cut.
        return string.Join('\n', names.Where(n => n is not ("<code" or "</code")));
    }
}
