namespace OnnxAuditor.Rules;

/// <summary>Turns of phrase that messages share.</summary>
static class Phrase
{
    /// <summary>A text of foreign origin as the end of a sentence: on one line, with a full stop, cut where it is long.</summary>
    public static string Line(string text, int length = 200)
    {
        var line = text.ReplaceLineEndings(" ").TrimEnd('.');
        return line.Length <= length ? line + "." : line[..length] + "…";
    }

    /// <summary>Names joined by commas, cut after a few: "a, b, c and 4 more".</summary>
    public static string List(IReadOnlyCollection<string> names, int shown = 3) =>
        string.Join(", ", names.Take(shown)) + (names.Count > shown ? $" and {names.Count - shown} more" : "");
}
