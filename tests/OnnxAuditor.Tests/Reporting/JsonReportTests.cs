using System.Text.Json;
using System.Text.Json.Nodes;
using NJsonSchema;
using OnnxAuditor.Reporting;
using OnnxAuditor.Reports;
using Xunit;

namespace OnnxAuditor.Tests.Reporting;

public class JsonReportTests
{
    [Fact]
    public void A_sick_model_has_a_full_report() =>
        Snapshot.Match("sick.json", JsonReport.Write(SampleReports.Of(SampleReports.Sick with { Layers = [.. SampleReports.Sick.Layers.Skip(6).Take(2)] })));

    static AuditReport Sample(string name) => name switch
    {
        "sick" => SampleReports.Of(SampleReports.Sick),
        "healthy" => SampleReports.Of(SampleReports.Healthy),
        "unreadable" => SampleReports.Of(SampleReports.Unreadable),
        "over budget" => SampleReports.Of(SampleReports.OverBudget),
        "hostile" => SampleReports.Of(HostileNames.Model),
        "gated" => SampleReports.Of(SampleReports.Sick with { Gates = [new("macs < 1", 302_080, false, null), new("zen > 1", null, false, "the proxy was not computed")] }) with { Notes = ["list, line 1: nothing"] },
        _ => SampleReports.Of(SampleReports.Sick, SampleReports.Healthy, SampleReports.Unreadable, SampleReports.OverBudget, HostileNames.Model),
    };

    public static TheoryData<string> Samples => ["sick", "healthy", "unreadable", "over budget", "hostile", "gated", "all"];

    [Theory]
    [MemberData(nameof(Samples))]
    public async Task A_report_is_as_the_schema_says(string sample)
    {
        var report = Sample(sample);
        Assert.Empty(await Validate(JsonReport.Write(report)));
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void A_report_is_read_back_whole(string sample)
    {
        var report = Sample(sample);
        var text = JsonReport.Write(report);
        var read = ReadJsonReport.Read(text);
        // Half a surrogate pair has no UTF-8: it is written as the replacement character, escaped, and read back as that character.
        Assert.Equal(text.Replace("\\uFFFD", "\uFFFD", StringComparison.Ordinal), JsonReport.Write(read));
        if (sample is not ("hostile" or "all")) Assert.Equal(MarkdownReport.Write(report, SampleReports.Glossary), MarkdownReport.Write(read, SampleReports.Glossary));
    }

    [Theory]
    [InlineData("", "it is no JSON")]
    [InlineData("[1]", "no report of onnx-auditor")]
    [InlineData("{\"schemaVersion\": \"7\"}", "its schema version is 7, this program reads 1")]
    [InlineData("{\"schemaVersion\": \"1\", \"tool\": {\"name\": \"x\", \"version\": \"1\"}, \"models\": [{}]}", "it is no whole report")]
    [InlineData("{\"schemaVersion\": \"1\", \"tool\": 3, \"models\": []}", "it is no whole report")]
    public void What_is_no_report_is_told(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<FormatException>(() => ReadJsonReport.Read(text)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("/schemaVersion", "2")]
    [InlineData("/models/0/verdict", "fine")]
    [InlineData("/models/0/sha256", "xyz")]
    [InlineData("/models/0/coverage/nodes", -1)]
    [InlineData("/models/0/proxies/0/value", "12")]
    [InlineData("/models/0/findings/0/ruleId", "nonsense")]
    [InlineData("/models/0/layers/0/activation/rms", "high")]
    [InlineData("/models/0/layers/0/activation/zeroFraction", 1.5)]
    [InlineData("/models/0/trial/outcome", "fine")]
    [InlineData("/models/0/trials/0/steps", "2")]
    [InlineData("/models/0/unknown", 1)]
    [InlineData("/models/0/measurement/seed", 0.5)]
    [InlineData("/models/0/tensors/0/name", null)]
    public async Task The_check_against_the_schema_sees_what_is_wrong(string path, object? value)
    {
        var root = JsonNode.Parse(JsonReport.Write(SampleReports.Of(SampleReports.Sick)))!;
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var node = parts[..^1].Aggregate(root, (n, part) => n is JsonArray ? n[int.Parse(part)]! : n[part]!);
        node[parts[^1]] = value is null ? null : JsonSerializer.SerializeToNode(value);
        Assert.NotEmpty(await Validate(root.ToJsonString()));
    }

    [Fact]
    public async Task A_field_that_is_missing_is_seen()
    {
        var root = JsonNode.Parse(JsonReport.Write(SampleReports.Of(SampleReports.Sick)))!;
        root["models"]![0]!.AsObject().Remove("verdict");
        Assert.NotEmpty(await Validate(root.ToJsonString()));
    }

    [Fact]
    public void What_is_not_finite_is_null()
    {
        var model = SampleReports.Healthy with
        {
            Layers = [new("l", "Conv", "1", 0, new(double.NaN, double.PositiveInfinity, double.NegativeInfinity, 0, null, 0, null), null)],
        };
        using var json = JsonDocument.Parse(JsonReport.Write(SampleReports.Of(model)));
        var activation = json.RootElement.GetProperty("models")[0].GetProperty("layers")[0].GetProperty("activation");
        Assert.All(["mean", "std", "rms"], name => Assert.Equal(JsonValueKind.Null, activation.GetProperty(name).ValueKind));
    }

    [Fact]
    public void A_number_reads_back_to_the_same_bits()
    {
        var value = Math.PI / 3e7;
        var model = SampleReports.Healthy with { Tensors = [new("w", "1", "weight", true, value, null)] };
        using var json = JsonDocument.Parse(JsonReport.Write(SampleReports.Of(model)));
        Assert.Equal(value, json.RootElement.GetProperty("models")[0].GetProperty("tensors")[0].GetProperty("norm").GetDouble());
    }

    [Fact]
    public void The_verdict_of_an_unreadable_model_has_a_reason()
    {
        using var json = JsonDocument.Parse(JsonReport.Write(SampleReports.Of(SampleReports.Unreadable with { VerdictReason = "" })));
        Assert.Contains("LFS", json.RootElement.GetProperty("models")[0].GetProperty("verdictReason").GetString(), StringComparison.Ordinal);
    }

    static async Task<IReadOnlyCollection<string>> Validate(string report)
    {
        var text = await File.ReadAllTextAsync(Checkout.Path("docs", "report.schema.json"), TestContext.Current.CancellationToken);
        // The library knows the older name of the place for definitions; it means the same.
        var schema = await JsonSchema.FromJsonAsync(text.Replace("$defs", "definitions", StringComparison.Ordinal), TestContext.Current.CancellationToken);
        return [.. schema.Validate(report).Select(e => e.ToString())];
    }
}
