using System.Globalization;
using System.Text;

namespace OnnxAuditor.Reporting;

/// <summary>
/// Text that comes from a model, made harmless: whatever a name holds, it stays inside its table cell, starts no markup and shows its control characters.
/// </summary>
static class MarkdownText
{
    const int LongestName = 80;
    const int LongestProse = 600;

    /// <summary>A name as code: a code span, or a code element with character references where the name holds what would end a span or a table cell.</summary>
    public static string Name(string name)
    {
        var text = Cut(Visible(name), LongestName);
        if (string.IsNullOrWhiteSpace(text)) return "(no name)";
        var plain = text.IndexOfAny(['`', '|', '<', '>', '&', '\\']) < 0 && text[0] != ' ' && text[^1] != ' ';
        return plain ? $"`{text}`" : $"<code>{References(text)}</code>";
    }

    /// <summary>A sentence that may hold names: what stands between two backticks becomes code, everything else is escaped.</summary>
    public static string Prose(string text)
    {
        text = Cut(Visible(text), LongestProse);
        var result = new StringBuilder();
        for (var at = 0; at < text.Length;)
        {
            var open = text.IndexOf('`', at);
            var close = open < 0 ? -1 : text.IndexOf('`', open + 1);
            if (close < 0 || close == open + 1)
            {
                var end = close < 0 ? text.Length : close + 1;
                Escape(result, text.AsSpan(at, end - at));
                at = end;
                continue;
            }
            Escape(result, text.AsSpan(at, open - at));
            result.Append(Name(text[(open + 1)..close]));
            at = close + 1;
        }
        return result.ToString();
    }

    /// <summary><see cref="Prose"/> on one line that ends with a full stop; empty for empty text.</summary>
    public static string Sentence(string text)
    {
        text = text.ReplaceLineEndings(" ").Trim(' ');
        if (text.Length == 0) return "";
        return text[^1] is '.' or '!' or '?' or ':' ? Prose(text) : $"{Prose(text)}.";
    }

    /// <summary>A double-quoted YAML scalar, which is also a JSON string of ASCII characters and what else prints.</summary>
    public static string Yaml(string text)
    {
        var result = new StringBuilder("\"");
        foreach (var c in Visible(text))
        {
            if (c is '"' or '\\') result.Append('\\');
            result.Append(c);
        }
        return result.Append('"').ToString();
    }

    /// <summary>The text with control, format and unpaired surrogate characters written as \uXXXX, so that they show and do nothing.</summary>
    public static string Visible(string text)
    {
        if (text.All(c => c is >= ' ' and < '\x7f')) return text;
        var result = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                result.Append(text[i]).Append(text[++i]);
                continue;
            }
            var hidden = char.GetUnicodeCategory(text[i]) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned;
            if (hidden) result.Append(CultureInfo.InvariantCulture, $"\\u{(int)text[i]:X4}");
            else result.Append(text[i]);
        }
        return result.ToString();
    }

    /// <summary>The text cut to a length, the middle left out: the ends of node names tell them apart.</summary>
    public static string Cut(string text, int longest)
    {
        if (text.Length <= longest) return text;
        var head = longest * 2 / 3;
        var tail = longest - head - 1;
        if (char.IsHighSurrogate(text[head - 1])) head--;
        var start = text.Length - tail;
        if (char.IsLowSurrogate(text[start])) start++;
        return $"{text[..head]}…{text[start..]}";
    }

    /// <summary>Escapes what would begin markup. Underscores inside words begin none, and names are full of them.</summary>
    static void Escape(StringBuilder result, ReadOnlySpan<char> text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            var insideWord = i > 0 && i + 1 < text.Length && char.IsLetterOrDigit(text[i - 1]) && char.IsLetterOrDigit(text[i + 1]);
            var atStart = result.Length == 0 && (c is '#' or '+' or '-' or '=' or ':' || char.IsAsciiDigit(c) && StartsList(text));
            switch (c)
            {
                case '&' when !StandsAlone(text, i): result.Append("&amp;"); break;
                case '<' when !StandsAlone(text, i): result.Append("&lt;"); break;
                case '>' when result.Length == 0: result.Append("&gt;"); break;
                case '\\' or '`' or '*' or '[' or ']' or '|' or '~' or '$' or '!':
                case '_' when !insideWord:
                    result.Append('\\').Append(c);
                    break;
                default:
                    if (atStart) result.Append(CultureInfo.InvariantCulture, $"&#{(int)c};");
                    else result.Append(c);
                    break;
            }
        }
    }

    /// <summary>Whether a space or a digit follows, as in "a &lt; 1": no element and no character reference begins so.</summary>
    static bool StandsAlone(ReadOnlySpan<char> text, int index) => index + 1 < text.Length && (text[index + 1] is ' ' or '=' || char.IsAsciiDigit(text[index + 1]));

    /// <summary>Whether digits, a dot or parenthesis and a space begin the text: an ordered list.</summary>
    static bool StartsList(ReadOnlySpan<char> text)
    {
        var end = text.IndexOfAnyExceptInRange('0', '9');
        return end > 0 && end + 1 < text.Length && text[end] is '.' or ')' && text[end + 1] == ' ';
    }

    /// <summary>The text with every ASCII punctuation mark as a character reference: nothing in it is markup to Markdown or HTML.</summary>
    static string References(string text)
    {
        var result = new StringBuilder(text.Length * 2);
        foreach (var c in text)
        {
            if (char.IsAscii(c) && (char.IsPunctuation(c) || char.IsSymbol(c)) && c is not ('/' or '.' or '-' or ',' or ':')) result.Append(CultureInfo.InvariantCulture, $"&#{(int)c};");
            else result.Append(c);
        }
        return result.ToString();
    }
}
