using System.Globalization;
using System.Text.RegularExpressions;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Policy;

/// <summary>
/// Findings that a team has decided to live with, by fingerprint: one a line, with "# reason" behind it and "exp:2027-01-01" in the reason or before it where the decision ends on a day. An entry is in force up to and
/// including that day. Lines that begin with '#' are remarks.
/// </summary>
/// <param name="Source">Where the list stands, as reports name it.</param>
/// <param name="Entries">The entries.</param>
sealed partial record IgnoreList(string Source, IReadOnlyList<IgnoreEntry> Entries)
{
    /// <summary>The name of the file, looked for beside the model and in the folders above.</summary>
    public const string FileName = ".onnx-auditor-ignore";

    /// <summary>The key of a model's metadata that holds such a list; entries may also be set apart by semicolons there.</summary>
    public const string MetadataKey = "onnx-auditor.ignore";

    readonly HashSet<IgnoreEntry> used = [];

    /// <summary>The day on which entries expire or not: that of SOURCE_DATE_EPOCH where it is set, so that a report can be made again, else today in UTC.</summary>
    public static DateOnly Today { get; } = DateOnly.FromDateTime(
        long.TryParse(Environment.GetEnvironmentVariable("SOURCE_DATE_EPOCH"), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? DateTimeOffset.FromUnixTimeSeconds(seconds).UtcDateTime : DateTime.UtcNow);

    /// <summary>Reads a list.</summary>
    /// <exception cref="UsageException">A line is no entry.</exception>
    public static IgnoreList Parse(string text, string source)
    {
        var entries = new List<IgnoreEntry>();
        var lines = text.Split(['\n', ';']);
        for (var i = 0; i < lines.Length; i++)
        {
            var line = lines[i].Trim();
            if (line.Length == 0 || line[0] == '#') continue;
            var match = Form().Match(line);
            if (!match.Success) throw new UsageException($"{source}, line {i + 1}: '{line}' is no entry: write a fingerprint of 16 hexadecimal digits, then '# reason', with 'exp:2027-01-01' where it ends on a day.");
            var expires = (DateOnly?)null;
            if (match.Groups["date"] is { Success: true, Value: var date })
                expires = DateOnly.TryParseExact(date, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) ? day : throw new UsageException($"{source}, line {i + 1}: '{date}' is no day; 2027-01-01 would be.");
            entries.Add(new IgnoreEntry(match.Groups["fingerprint"].Value.ToLowerInvariant(), Expiry().Replace(match.Groups["reason"].Value, "").Trim(), expires, i + 1));
        }
        return new IgnoreList(source, entries);
    }

    /// <summary>The report with the findings of the list suppressed; what was used is remembered for <see cref="Complaints"/>.</summary>
    public ModelReport Apply(ModelReport report, DateOnly today) => report with { Findings = [.. report.Findings.Select(f => Apply(f, today))] };

    /// <summary>What is wrong with the list: entries that have expired, and those that fit nothing.</summary>
    /// <param name="today">The day.</param>
    /// <param name="isWhole">Whether the run saw every model that the list is for; else nothing is said of entries that fit nothing. Asked once, and only where there are any.</param>
    public IEnumerable<string> Complaints(DateOnly today, Func<bool>? isWhole = null)
    {
        var saw = new Lazy<bool>(isWhole ?? (() => true));
        foreach (var entry in Entries)
        {
            if (entry.HasExpired(today)) yield return $"{Source}, line {entry.Line}: {entry.Fingerprint} expired on {entry.Expires!.Value.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)} and suppresses nothing any more.";
            else if (!used.Contains(entry) && saw.Value) yield return $"{Source}, line {entry.Line}: {entry.Fingerprint} fits no finding of this run.";
        }
    }

    Finding Apply(Finding finding, DateOnly today)
    {
        if (Entries.FirstOrDefault(e => e.Fingerprint.Equals(finding.Fingerprint, StringComparison.Ordinal) && !e.HasExpired(today)) is not { } entry) return finding;
        used.Add(entry);
        return finding.Suppressed ? finding : finding with { SuppressedBy = entry.Reason.Length > 0 ? $"{Source}: {entry.Reason}" : Source };
    }

    [GeneratedRegex(@"^(?<fingerprint>[0-9a-fA-F]{16})(?:\s+exp:(?<date>\S+))?\s*(?:\#\s*(?<reason>.*?(?:exp:(?<date>\S+).*?)?))?$", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Form();

    [GeneratedRegex(@"\s*exp:\S+", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Expiry();
}

/// <summary>An entry of an ignore list.</summary>
/// <param name="Fingerprint">The finding's fingerprint.</param>
/// <param name="Reason">Why; empty where nothing is said.</param>
/// <param name="Expires">The last day on which it is in force; null for no end.</param>
/// <param name="Line">Its line, from 1.</param>
sealed record IgnoreEntry(string Fingerprint, string Reason, DateOnly? Expires, int Line)
{
    /// <summary>Whether its last day is over.</summary>
    public bool HasExpired(DateOnly today) => Expires is { } day && today > day;
}
