using OnnxAuditor.Proxies;
using OnnxAuditor.Reporting;
using OnnxAuditor.Reports;
using OnnxAuditor.Rules;

namespace OnnxAuditor.Commands;

/// <summary>A format that reports are written in.</summary>
/// <param name="Name">Its name for <c>--format</c>.</param>
/// <param name="Extension">The end of file names that asks for it; null for a format that is no file.</param>
/// <param name="Write">Writes a report; the second argument is the file name without extension, null on standard output.</param>
sealed record ReportFormat(string Name, string? Extension, Func<AuditReport, string?, string> Write)
{
    /// <summary>What reports say of rules and proxies.</summary>
    public static Glossary Glossary { get; } = new(
        RuleRegistry.All.ToDictionary(r => r.Id, r => new RuleEntry(r.Title, r.Text.WhyItMatters, r.Text.Threshold, r.Text.References), StringComparer.Ordinal),
        ProxyRegistry.All.ToDictionary(p => p.Id, p => new ProxyEntry(p.Title, p.Text.Summary, p.Text.Source), StringComparer.Ordinal));

    /// <summary>The formats.</summary>
    public static readonly ReportFormat[] All =
    [
        new("md", ".md", (report, name) => MarkdownReport.Write(report, Glossary, name)),
        new("html", ".html", (report, _) => HtmlReport.Write(report, Glossary)),
        new("json", ".json", (report, _) => JsonReport.Write(report)),
        new("sarif", ".sarif", (report, _) => SarifReport.Write(report, Glossary)),
        new("junit", ".junit.xml", (report, _) => JUnitReport.Write(report)),
        new("text", null, (report, _) => TextReport.Write(report)),
        new("github", null, (report, _) => GitHubReport.Write(report)),
    ];

    /// <summary>The format of that name.</summary>
    public static ReportFormat ByName(string name) => Array.Find(All, f => f.Name.Equals(name, StringComparison.Ordinal)) ?? throw new UsageException($"There is no format '{name}'.");

    /// <summary>The format that a file's extension asks for, or the one given for files whose extension asks for none.</summary>
    /// <exception cref="UsageException">Neither tells.</exception>
    public static ReportFormat ByFile(string path, ReportFormat? otherwise) => Array.Find(All, f => f.Extension is { } end && path.EndsWith(end, StringComparison.OrdinalIgnoreCase)) ?? otherwise
        ?? throw new UsageException($"'{path}' does not say which format to write: end it in {string.Join(", ", All.Select(f => f.Extension).OfType<string>())}, or give --format.");
}
