namespace OnnxAuditor.Reporting;

/// <summary>What a report tells its reader of the rules and proxies that it names; an id without an entry is shown as it is.</summary>
/// <param name="Rules">Rules by id.</param>
/// <param name="Proxies">Proxies by id.</param>
sealed record Glossary(IReadOnlyDictionary<string, RuleEntry> Rules, IReadOnlyDictionary<string, ProxyEntry> Proxies)
{
    /// <summary>No entries.</summary>
    public static Glossary Empty { get; } = new(new Dictionary<string, RuleEntry>(StringComparer.Ordinal), new Dictionary<string, ProxyEntry>(StringComparer.Ordinal));
}

/// <summary>A rule in the glossary; the texts are Markdown of our own.</summary>
/// <param name="Title">The condition in plain words.</param>
/// <param name="WhyItMatters">Why it matters.</param>
/// <param name="Threshold">The threshold and its source.</param>
/// <param name="References">Sources.</param>
sealed record RuleEntry(string Title, string WhyItMatters, string Threshold, string References);

/// <summary>A proxy in the glossary; the texts are Markdown of our own.</summary>
/// <param name="Title">The name as published.</param>
/// <param name="Summary">What it measures.</param>
/// <param name="Source">The paper, and where we differ from it.</param>
sealed record ProxyEntry(string Title, string Summary, string Source);
