using System.Net;
using System.Text;
using Markdig;
using Markdig.Renderers.Html;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Reporting;

/// <summary>The report as one HTML file: the Markdown report rendered, its charts and style inside, no script, nothing loaded from anywhere.</summary>
static class HtmlReport
{
    const string ChartPrefix = "chart";

    static readonly MarkdownPipeline Pipeline = new MarkdownPipelineBuilder().UsePipeTables().UseYamlFrontMatter().Build();

    /// <summary>Writes the page. Equal reports give equal texts.</summary>
    public static string Write(AuditReport report, Glossary glossary)
    {
        var document = Markdown.Parse(MarkdownReport.Write(report, glossary, ChartPrefix), Pipeline);
        InlineCharts(document, report);
        var contents = Contents(document);
        var title = report.Comparison is not null ? $"Comparison of {report.Models.Count} models" : report.Models is [var only] ? $"Trainability of {MarkdownText.Visible(only.Path)}" : $"Trainability of {report.Models.Count} models";
        return $"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>{WebUtility.HtmlEncode(title)}</title>
            <style>
            {Style}
            </style>
            </head>
            <body>
            <nav aria-label="Contents">
            {contents}</nav>
            <main>
            {document.ToHtml(Pipeline)}</main>
            </body>
            </html>

            """.ReplaceLineEndings("\n");
    }

    /// <summary>Puts the drawings where the Markdown names their files.</summary>
    static void InlineCharts(MarkdownDocument document, AuditReport report)
    {
        var charts = DepthCharts.Files(report, ChartPrefix).ToDictionary(f => Uri.EscapeDataString(f.Name), f => f, StringComparer.Ordinal);
        foreach (var image in document.Descendants<LinkInline>().Where(l => l.IsImage).ToList())
        {
            if (!charts.TryGetValue(image.Url ?? "", out var file)) throw new InvalidOperationException($"The report shows an image '{image.Url}' that is no chart of it.");
            // Several models have charts of the same name: the clip paths of all must differ.
            var svg = file.Svg().Replace($"{file.Slug}-clip", file.Name.Replace('.', '-'), StringComparison.Ordinal);
            image.ReplaceBy(new HtmlInline($"<span class=\"chart\" role=\"img\" aria-label=\"{WebUtility.HtmlEncode(file.Title)}\">{svg}</span>"), copyChildren: false);
        }
    }

    /// <summary>The list of sections, each a link; gives the headings their ids.</summary>
    static string Contents(MarkdownDocument document)
    {
        var list = new StringBuilder("<ul>\n");
        var number = 0;
        foreach (var heading in document.OfType<HeadingBlock>().Where(h => h.Level is 2 or 3))
        {
            var id = $"section-{++number}";
            heading.GetAttributes().Id = id;
            var text = new StringBuilder();
            foreach (var inline in heading.Inline!.Descendants())
                text.Append(inline switch { LiteralInline l => l.Content.ToString(), CodeInline c => c.Content, HtmlEntityInline e => e.Transcoded.ToString(), _ => "" });
            list.Append($"<li class=\"level-{heading.Level}\"><a href=\"#{id}\">{WebUtility.HtmlEncode(text.ToString())}</a></li>\n");
        }
        return list.Append("</ul>\n").ToString();
    }

    const string Style = """
        :root { --ink: #1f2328; --paper: #ffffff; --soft: #59636e; --line: #d1d9e0; --shade: #f6f8fa; --link: #0969da; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --soft: #9198a1; --line: #3d444d; --shade: #161b22; --link: #58a6ff; } }
        * { box-sizing: border-box; }
        body { margin: 0; color: var(--ink); background: var(--paper); font: 16px/1.55 system-ui, sans-serif; }
        main { max-width: 72rem; margin: 0 auto; padding: 1rem 1.25rem 4rem; overflow-wrap: break-word; }
        nav { border-bottom: 1px solid var(--line); background: var(--shade); padding: .5rem 1.25rem; font-size: .875rem; }
        nav ul { max-width: 72rem; margin: 0 auto; padding: 0; list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1rem; }
        nav .level-3 { display: none; }
        a { color: var(--link); }
        h1, h2, h3, h4 { line-height: 1.25; margin: 1.75em 0 .6em; scroll-margin-top: 1rem; }
        h1 { font-size: 1.6rem; margin-top: .8em; } h2 { font-size: 1.3rem; border-bottom: 1px solid var(--line); padding-bottom: .25em; } h3 { font-size: 1.1rem; }
        table { display: block; margin: 1em 0; width: max-content; max-width: 100%; overflow-x: auto; border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
        th, td { border: 1px solid var(--line); padding: .3em .6em; text-align: left; vertical-align: top; }
        thead tr:not(:has(th:not(:empty))) { display: none; }
        th { background: var(--shade); }
        code { font: .875em ui-monospace, monospace; background: var(--shade); padding: .1em .3em; border-radius: 4px; overflow-wrap: anywhere; }
        td:has(> code) { min-width: 13em; }
        td[style*="right"] { white-space: nowrap; }
        details { margin: 1em 0; border: 1px solid var(--line); border-radius: 6px; padding: .5em .8em; }
        summary { cursor: pointer; color: var(--soft); }
        li { margin: .2em 0; }
        .chart { display: block; margin: .5em 0; max-width: 54rem; }
        .chart svg { display: block; width: 100%; height: auto; }
        .chart text { fill: var(--soft); }
        @media (max-width: 40rem) { main { padding: .5rem .9rem 3rem; } nav { padding: .5rem .9rem; } body { font-size: 15px; } }
        @media print { nav { display: none; } }
        """;
}
