using System.Text.Json;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Reporting;

/// <summary>
/// The report as SARIF 2.1.0 (OASIS standard): a run of all models, a result a finding. Places inside of a model are logical locations, as its file has no lines. Written here, as the
/// SARIF SDK depends on a package that is no longer published.
/// </summary>
static class SarifReport
{
    const string Schema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json";

    /// <summary>What stands for a rule where a gate failed.</summary>
    const string GateRule = "gate";

    /// <summary>The name under which fingerprints stand; the number changes when their making does.</summary>
    const string FingerprintKey = "onnxAuditor/v1";

    /// <summary>Writes the report. Equal reports give equal texts.</summary>
    public static string Write(AuditReport report, Glossary glossary)
    {
        var ids = report.Models.SelectMany(m => m.Findings).Select(f => f.RuleId).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        var gates = report.Models.SelectMany(m => m.Gates.Where(g => !g.Passed).Select(g => (m, g))).ToList();
        return JsonText.Of(json =>
        {
            json.WriteString("$schema", Schema);
            json.WriteString("version", "2.1.0");
            json.Array("runs", [report], r =>
            {
                json.Object("tool", () => json.Object("driver", () =>
                {
                    json.WriteString("name", r.Tool.Name);
                    json.WriteString("version", r.Tool.Version);
                    json.Array("rules", [.. ids, .. gates.Count > 0 ? (string[])[GateRule] : []], id => Rule(json, id, glossary));
                }));
                json.Array("invocations", [r], _ =>
                {
                    json.WriteBoolean("executionSuccessful", r.Models.All(m => Obstacle(m) is null));
                    json.Array("toolExecutionNotifications", r.Models.SelectMany(m => Notifications(m).Select(n => (m, n))), x => Notification(json, x.m, x.n.Level, x.n.Text));
                });
                json.WriteStartArray("results");
                foreach (var (m, f) in r.Models.SelectMany(m => m.Findings.Select(f => (m, f)))) InBraces(json, () => Result(json, m, f, ids.IndexOf(f.RuleId)));
                foreach (var (m, g) in gates) InBraces(json, () => Gate(json, m, g, ids.Count));
                json.WriteEndArray();
            });
        });
    }

    static void InBraces(Utf8JsonWriter json, Action content)
    {
        json.WriteStartObject();
        content();
        json.WriteEndObject();
    }

    static void Gate(Utf8JsonWriter json, ModelReport model, GateResult gate, int rule)
    {
        json.WriteString("ruleId", GateRule);
        json.WriteNumber("ruleIndex", rule);
        json.WriteString("level", "error");
        Text(json, "message", $"The condition {gate.Expression} is not met: {TextReport.Value(gate)}.");
        json.Array("locations", [model], m => Physical(json, m, withLine: true));
        json.Object("partialFingerprints", () => json.WriteString(FingerprintKey, $"{GateRule}/{gate.Expression}"));
    }

    static string? Obstacle(ModelReport model) => model.Unreadable ?? model.BudgetExceeded;

    static void Rule(Utf8JsonWriter json, string id, Glossary glossary)
    {
        json.WriteString("id", id);
        if (id is GateRule) Text(json, "shortDescription", "A condition that was set for the model is not met");
        if (!glossary.Rules.TryGetValue(id, out var entry)) return;
        Text(json, "shortDescription", entry.Title);
        Text(json, "fullDescription", entry.WhyItMatters);
        json.Object("help", () =>
        {
            json.WriteString("text", $"{entry.WhyItMatters}\n\nThreshold: {entry.Threshold}\n\nSource: {entry.References}");
            json.WriteString("markdown", $"{entry.WhyItMatters}\n\n**Threshold:** {entry.Threshold}\n\n**Source:** {entry.References}");
        });
    }

    static void Result(Utf8JsonWriter json, ModelReport model, Finding f, int rule)
    {
        json.WriteString("ruleId", f.RuleId);
        json.WriteNumber("ruleIndex", rule);
        json.WriteString("level", f.Severity switch { Severity.Error => "error", Severity.Warning => "warning", _ => "note" });
        var places = f.Count > 1 ? $" {NumberFormat.Count(f.Count, "place")} in all." : "";
        var remedy = f.Remedy.Length > 0 ? $" What to do: {f.Remedy}" : "";
        Text(json, "message", $"{f.Message.TrimEnd('.')}.{places}{remedy}");
        json.Array("locations", f.OtherPlaces.Prepend(f.Where), place =>
        {
            Physical(json, model, withLine: true);
            json.Array("logicalLocations", [place], p => json.WriteString("fullyQualifiedName", MarkdownText.Visible(p)));
        });
        json.Object("partialFingerprints", () => json.WriteString(FingerprintKey, f.Fingerprint));
        if (f.SuppressedBy is { } why) json.Array("suppressions", [why], text =>
        {
            json.WriteString("kind", "external");
            json.WriteString("justification", MarkdownText.Visible(text));
        });
        json.Object("properties", () =>
        {
            json.WriteString("measured", f.Measured);
            json.WriteString("threshold", f.Threshold);
            json.WriteString("confidence", JsonReport.Word(f.Confidence));
        });
    }

    static IEnumerable<(string Level, string Text)> Notifications(ModelReport model)
    {
        if (Obstacle(model) is { } obstacle) yield return ("error", obstacle);
        foreach (var stop in model.Coverage.Stops) yield return ("note", $"Gradients stop at '{stop.Node}' ({stop.Op}): {stop.Reason}");
        foreach (var note in model.Notes) yield return ("note", note);
    }

    static void Notification(Utf8JsonWriter json, ModelReport model, string level, string text)
    {
        json.WriteString("level", level);
        Text(json, "message", text);
        json.Array("locations", [model], m => Physical(json, m, withLine: false));
    }

    static void Physical(Utf8JsonWriter json, ModelReport model, bool withLine) => json.Object("physicalLocation", () =>
    {
        json.Object("artifactLocation", () => json.WriteString("uri", string.Join('/', model.Path.Split('/').Select(Uri.EscapeDataString))));
        if (withLine) json.Object("region", () => json.WriteNumber("startLine", 1));
    });

    static void Text(Utf8JsonWriter json, string name, string text) => json.Object(name, () => json.WriteString("text", MarkdownText.Visible(text.ReplaceLineEndings(" "))));
}
