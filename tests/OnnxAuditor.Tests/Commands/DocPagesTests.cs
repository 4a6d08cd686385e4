using System.Text.Json;
using OnnxAuditor.Commands;
using OnnxAuditor.Proxies;
using OnnxAuditor.Rules;
using Xunit;

namespace OnnxAuditor.Tests.Commands;

public class DocPagesTests
{
    [Fact]
    public void The_pages_in_docs_are_those_of_the_tables()
    {
        var pages = DocPages.All();
        if (Environment.GetEnvironmentVariable("UPDATE_DOCS") is "1") Write(pages);
        var stale = pages.Where(p => !File.Exists(Checkout.Path("docs", p.Key)) || !File.ReadAllText(Checkout.Path("docs", p.Key)).Equals(p.Value, StringComparison.Ordinal)).Select(p => p.Key);
        Assert.Empty(stale);
    }

    [Fact]
    public void No_page_is_left_of_what_is_no_more()
    {
        var pages = DocPages.All();
        var left = new[] { "rules", "proxies" }.SelectMany(f => Directory.EnumerateFiles(Checkout.Path("docs", f)).Select(p => $"{f}/{Path.GetFileName(p)}")).Where(p => !pages.ContainsKey(p));
        Assert.Empty(left);
    }

    public static TheoryData<string> Ids => [.. RuleRegistry.All.Select(r => r.Id), .. ProxyRegistry.All.Select(p => p.Id)];

    [Theory]
    [MemberData(nameof(Ids))]
    public void Every_rule_and_proxy_is_explained(string id)
    {
        var page = ExplainCommand.Page(id);
        Assert.StartsWith("# ", page, StringComparison.Ordinal);
        Assert.True(page.Split("\n## ").Length >= 5, page);
        Assert.Equal(page, ExplainCommand.Page(id.ToLowerInvariant()));
    }

    [Theory]
    [InlineData("rules", "id,name,severity,family")]
    [InlineData("proxies", "id,title,higherIsBetter,cost")]
    [InlineData("operators", "op,domain,since,status,formula,reason,torch")]
    public void A_list_as_json_is_an_array_with_the_agreed_fields(string what, string fields)
    {
        var (code, output, error) = CommandRun.Of("list", what, "--format", "json");
        Assert.Equal((0, ""), (code, error));
        using var json = JsonDocument.Parse(output);
        Assert.NotEmpty(json.RootElement.EnumerateArray());
        Assert.All(json.RootElement.EnumerateArray(), row => Assert.Equal(fields, string.Join(',', row.EnumerateObject().Select(p => p.Name))));
    }

    [Fact]
    public void An_operator_has_a_formula_or_a_reason()
    {
        using var json = JsonDocument.Parse(CommandRun.Of("list", "operators", "--format", "json").Output);
        Assert.All(json.RootElement.EnumerateArray(), row =>
        {
            var isDifferentiable = row.GetProperty("status").GetString() == "differentiable";
            Assert.Equal(isDifferentiable ? JsonValueKind.String : JsonValueKind.Null, row.GetProperty("formula").ValueKind);
            Assert.Equal(isDifferentiable ? JsonValueKind.Null : JsonValueKind.String, row.GetProperty("reason").ValueKind);
            Assert.Contains(row.GetProperty("status").GetString(), (string[])["differentiable", "stop", "pending"], StringComparer.Ordinal);
        });
    }

    [Fact]
    public void A_differentiable_operator_was_checked_against_something_outside()
    {
        var lines = CommandRun.Of("list", "operators").Output.TrimEnd('\n').Split('\n').Where(l => l.Contains("  differentiable", StringComparison.Ordinal)).ToList();
        Assert.Contains(lines, l => l.Contains("  differentiable, linear in data  ", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.Contains("  differentiable, rewritten  ", StringComparison.Ordinal));
        Assert.All(lines, l => Assert.Contains("finite differences ", l, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("rules")]
    [InlineData("proxies")]
    [InlineData("operators")]
    public void A_list_as_text_has_a_line_an_entry(string what)
    {
        using var json = JsonDocument.Parse(CommandRun.Of("list", what, "--format", "json").Output);
        Assert.Equal(json.RootElement.GetArrayLength(), CommandRun.Of("list", what).Output.TrimEnd('\n').Split('\n').Length);
    }

    static void Write(IReadOnlyDictionary<string, string> pages)
    {
        foreach (var (path, text) in pages)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Checkout.Path("docs", path))!);
            File.WriteAllText(Checkout.Path("docs", path), text);
        }
    }
}
