namespace OnnxAuditor;

/// <summary>Finds what the user may have meant.</summary>
static class Nearest
{
    /// <summary>The candidate with the fewest edits from what was written, case apart; null where even that one is a different word.</summary>
    public static string? Of(string written, IEnumerable<string> candidates)
    {
        var best = candidates.Select(c => (Candidate: c, Distance: Distance(written.ToUpperInvariant(), c.ToUpperInvariant()))).OrderBy(c => c.Distance).ThenBy(c => c.Candidate, StringComparer.Ordinal).FirstOrDefault();
        return best.Candidate is not null && best.Distance <= Math.Max(2, written.Length / 2) ? best.Candidate : null;
    }

    /// <summary>"; did you mean 'fast'?", or nothing.</summary>
    public static string Suggestion(string written, IEnumerable<string> candidates) => Of(written, candidates) is { } near ? $"; did you mean '{near}'?" : "";

    /// <summary>The Levenshtein distance: insertions, deletions and replacements, one each.</summary>
    static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var above = row[j];
                row[j] = Math.Min(Math.Min(above, row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }
        return row[^1];
    }
}
