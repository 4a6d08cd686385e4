using System.Text.Json;
using Xunit;

namespace OnnxAuditor.Tests.Architecture;

/// <summary>The notices name every package that the tool brings along.</summary>
public class NoticesTests
{
    [Fact]
    public void Every_package_that_is_shipped_is_in_the_table_with_a_licence_whose_text_is_there()
    {
        using var dependencies = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "onnx-auditor.deps.json")));
        var packages = dependencies.RootElement.GetProperty("libraries").EnumerateObject().Where(l => l.Value.GetProperty("type").GetString() is "package").Select(l => l.Name).ToHashSet(StringComparer.Ordinal);
        var shipped = dependencies.RootElement.GetProperty("targets").EnumerateObject().Single().Value.EnumerateObject()
            .Where(l => packages.Contains(l.Name) && (l.Value.TryGetProperty("runtime", out _) || l.Value.TryGetProperty("runtimeTargets", out _)))
            // libtorch is part of a build, and not of the tool.
            .Select(l => l.Name.Split('/')[0]).Where(n => !n.StartsWith("libtorch-", StringComparison.Ordinal)).ToList();
        var text = File.ReadAllText(Checkout.Path("THIRD-PARTY-NOTICES.md"));
        var rows = text.Split('\n').Where(l => l.StartsWith("| ", StringComparison.Ordinal)).Skip(1).Select(l => l.Trim('|', ' ').Split(" | ")).ToList();
        Assert.Equal(shipped.Order(StringComparer.OrdinalIgnoreCase), rows.SelectMany(r => r[0].Split(", ")).Order(StringComparer.OrdinalIgnoreCase));
        Assert.All(rows, r => Assert.Contains($"\n## {r[1]}", text, StringComparison.Ordinal));
        Assert.All(rows, r => Assert.StartsWith("Copyright ", r[2], StringComparison.Ordinal));
    }
}
