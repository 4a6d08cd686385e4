using System.Text.RegularExpressions;
using OnnxAuditor.Tests.Commands;
using Xunit;

namespace OnnxAuditor.Tests;

/// <summary>The README shows what the program does; UPDATE_DOCS=1 writes the excerpt anew.</summary>
public partial class ReadmeTests
{
    const string Begin = "<!-- report:begin -->\n", End = "<!-- report:end -->";

    static readonly string[] Sections = ["## Proxies", "## Signal through depth"];

    [Fact]
    public void The_excerpt_is_from_the_report_of_the_first_command()
    {
        var path = Checkout.Path("README.md");
        var readme = File.ReadAllText(path);
        var command = FirstCommand().Match(readme);
        Assert.True(command.Success);
        var report = CommandRun.Of("audit", Checkout.Path(command.Groups["model"].Value.Split('/'))).Output;
        var expected = $"{Begin}From the report:\n\n```markdown\n{Excerpt(report)}```\n{End}";
        var (start, end) = (readme.IndexOf(Begin, StringComparison.Ordinal), readme.IndexOf(End, StringComparison.Ordinal) + End.Length);
        if (Environment.GetEnvironmentVariable("UPDATE_DOCS") is "1") File.WriteAllText(path, readme = $"{readme[..start]}{expected}{readme[end..]}");
        // The last digits depend on the processor.
        Assert.Equal(Masked(expected), Masked(readme[start..(readme.IndexOf(End, StringComparison.Ordinal) + End.Length)]));
    }

    [Fact]
    public void The_commands_are_those_that_there_are()
    {
        var readme = File.ReadAllText(Checkout.Path("README.md"));
        var named = CommandRow().Matches(readme[readme.IndexOf("\n## Commands\n", StringComparison.Ordinal)..]).Select(m => m.Groups["name"].Value).Order(StringComparer.Ordinal);
        var there = HelpCommand().Matches(CommandLineTests.Help()).Select(m => m.Groups["name"].Value).Order(StringComparer.Ordinal);
        Assert.Equal(there, named);
    }

    /// <summary>Verdict, top findings, and the first table of some sections.</summary>
    static string Excerpt(string report)
    {
        var title = report.IndexOf("# Trainability", StringComparison.Ordinal);
        var text = report[title..report.IndexOf("## Model\n", StringComparison.Ordinal)];
        foreach (var section in Sections)
        {
            var from = report.IndexOf($"{section}\n", StringComparison.Ordinal);
            var table = report.IndexOf("\n| ", from, StringComparison.Ordinal) + 1;
            text += $"{section}\n\n{report[table..(report.IndexOf("\n\n", table, StringComparison.Ordinal) + 1)]}\n";
        }
        return text.TrimEnd('\n') + "\n";
    }

    static string Masked(string text) => Measured().Replace(text, "#");

    [GeneratedRegex(@"-- audit (?<model>models/\w+\.onnx)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex FirstCommand();

    [GeneratedRegex("^\\| `(?<name>[a-z]+)[ `]", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex CommandRow();

    [GeneratedRegex(@"(?<=Commands:\n(?:  .*\n)*)  (?<name>[a-z]+) ", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex HelpCommand();

    [GeneratedRegex(@"\d[\d.,]*(?:e-?\d+)?|[▁-█]+", RegexOptions.None, 1000)]
    private static partial Regex Measured();
}
