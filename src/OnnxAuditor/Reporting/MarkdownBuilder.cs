using System.Text;

namespace OnnxAuditor.Reporting;

/// <summary>Collects the lines of a Markdown text. Blocks are set apart by one blank line; what is added is Markdown already, see <see cref="MarkdownText"/>.</summary>
/// <param name="level">The level of a section's heading; inner headings count from it.</param>
sealed class MarkdownBuilder(int level)
{
    readonly StringBuilder text = new();

    /// <summary>Adds a heading, <paramref name="inner"/> levels below that of a section.</summary>
    public void Heading(string heading, int inner = 0) => Block($"{new string('#', level + inner)} {heading}");

    /// <summary>Adds a block: a paragraph, or lines that belong together.</summary>
    public void Block(string block)
    {
        if (text.Length > 0) text.Append('\n');
        text.Append(block).Append('\n');
    }

    /// <summary>Adds a list of items; further lines of an item are indented by its writer.</summary>
    public void List(IEnumerable<string> items)
    {
        var lines = string.Join('\n', items.Select(i => $"- {i}"));
        if (lines.Length > 0) Block(lines);
    }

    /// <summary>Adds a table; columns whose heading ends in '#' hold numbers and are set to the right. Nothing for no rows.</summary>
    public void Table(IReadOnlyList<string> headings, IEnumerable<IReadOnlyList<string>> rows)
    {
        var lines = rows.Select(Row).ToList();
        if (lines.Count == 0) return;
        Block(string.Join('\n', [Row([.. headings.Select(h => h.TrimEnd('#').TrimEnd())]), Row([.. headings.Select(h => h.EndsWith('#') ? "--:" : "---")]), .. lines]));
    }

    /// <summary>Adds what a reader opens if interested.</summary>
    public void Folded(string summary, Action<MarkdownBuilder> inner)
    {
        Block($"<details><summary>{summary}</summary>");
        inner(this);
        Block("</details>");
    }

    /// <inheritdoc/>
    public override string ToString() => text.ToString();

    static string Row(IReadOnlyList<string> cells) => $"| {string.Join(" | ", cells)} |";
}
