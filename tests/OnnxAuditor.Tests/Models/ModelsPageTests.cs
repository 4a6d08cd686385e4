using System.Text.Json;
using System.Text.RegularExpressions;
using OnnxAuditor.Tests.Commands;
using Xunit;

namespace OnnxAuditor.Tests.Models;

/// <summary>What models/README.md says an audit should find in each model, an audit finds.</summary>
public partial class ModelsPageTests
{
    public static TheoryData<string, string> Rows
    {
        get
        {
            var rows = new TheoryData<string, string>();
            foreach (var line in File.ReadLines(Checkout.Path("models", "README.md")))
                if (Row().Match(line) is { Success: true } row) rows.Add(row.Groups["file"].Value, row.Groups["finding"].Value);
            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void An_audit_finds_what_the_page_says(string file, string finding)
    {
        var (_, output, error) = CommandRun.Of("audit", Checkout.Path("models", file), "--format", "json");
        Assert.True(output.Length > 0, error);
        using var json = JsonDocument.Parse(output);
        var found = json.RootElement.GetProperty("models")[0].GetProperty("findings").EnumerateArray()
            .ToLookup(f => f.GetProperty("severity").GetString()!, f => f.GetProperty("ruleId").GetString()!, StringComparer.Ordinal);
        string[] expected = [.. RuleId().Matches(finding).Select(m => m.Value)];
        Assert.Subset(found.SelectMany(f => f).ToHashSet(StringComparer.Ordinal), expected.ToHashSet(StringComparer.Ordinal));
        Assert.Subset(expected.ToHashSet(StringComparer.Ordinal), found["error"].ToHashSet(StringComparer.Ordinal));
    }

    [Fact]
    public void The_page_has_a_row_for_every_model() => Assert.Equal(Directory.GetFiles(Checkout.Path("models"), "*.onnx").Length, Rows.Count);

    [GeneratedRegex(@"^\| `(?<file>[\w.]+)` \|.*\| (?<finding>[^|]+) \|$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Row();

    [GeneratedRegex(@"\b[A-Z]{3}[0-9]{3}\b", RegexOptions.None, 1000)]
    private static partial Regex RuleId();
}
