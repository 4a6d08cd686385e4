using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Reporting;

/// <summary>
/// The report as SARIF 2.1.0 (OASIS standard): a run of all models, a result a finding. Places inside of a model are logical locations, as its file has no lines. Written here, as the
/// SARIF SDK depends on a package that is no longer published.
/// </summary>
static class SarifReport
{
    const string Schema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json";

    /// <summary>The name under which fingerprints stand; the number changes when their making does.</summary>
    const string FingerprintKey = "onnxAuditor/v1";

    static readonly JsonWriterOptions Options = new() { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.Create(UnicodeRanges.All) };

    /// <summary>Writes the report. Equal reports give equal texts.</summary>
    public static string Write(AuditReport report, Glossary glossary)
    {
        var ids = report.Models.SelectMany(m => m.Findings).Select(f => f.RuleId).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            json.WriteString("$schema", Schema);
            json.WriteString("version", "2.1.0");
            json.WriteStartArray("runs");
            json.WriteStartObject();
            Object(json, "tool", () => Object(json, "driver", () =>
            {
                json.WriteString("name", report.Tool.Name);
                json.WriteString("version", report.Tool.Version);
                Array(json, "rules", ids, id => Rule(json, id, glossary));
            }));
            Array(json, "invocations", [report], r =>
            {
                json.WriteBoolean("executionSuccessful", r.Models.All(m => Obstacle(m) is null));
                Array(json, "toolExecutionNotifications", r.Models.SelectMany(m => Notifications(m).Select(n => (m, n))), x => Notification(json, x.m, x.n.Level, x.n.Text));
            });
            Array(json, "results", report.Models.SelectMany(m => m.Findings.Select(f => (m, f))), x => Result(json, x.m, x.f, ids.IndexOf(x.f.RuleId)));
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan) + "\n";
    }

    static string? Obstacle(ModelReport model) => model.Unreadable ?? model.BudgetExceeded;

    static void Rule(Utf8JsonWriter json, string id, Glossary glossary)
    {
        json.WriteString("id", id);
        if (!glossary.Rules.TryGetValue(id, out var entry)) return;
        Text(json, "shortDescription", entry.Title);
        Text(json, "fullDescription", entry.WhyItMatters);
        Object(json, "help", () =>
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
        Array(json, "locations", f.OtherPlaces.Prepend(f.Where), place =>
        {
            Physical(json, model, withLine: true);
            Array(json, "logicalLocations", [place], p => json.WriteString("fullyQualifiedName", MarkdownText.Visible(p)));
        });
        Object(json, "partialFingerprints", () => json.WriteString(FingerprintKey, f.Fingerprint));
        if (f.Suppressed) Array(json, "suppressions", ["external"], kind => json.WriteString("kind", kind));
        Object(json, "properties", () =>
        {
            json.WriteString("measured", f.Measured);
            json.WriteString("threshold", f.Threshold);
            json.WriteString("confidence", f.Confidence switch { Confidence.Certain => "certain", Confidence.Likely => "likely", _ => "hint" });
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
        Array(json, "locations", [model], m => Physical(json, m, withLine: false));
    }

    static void Physical(Utf8JsonWriter json, ModelReport model, bool withLine) => Object(json, "physicalLocation", () =>
    {
        Object(json, "artifactLocation", () => json.WriteString("uri", string.Join('/', model.Path.Split('/').Select(Uri.EscapeDataString))));
        if (withLine) Object(json, "region", () => json.WriteNumber("startLine", 1));
    });

    static void Text(Utf8JsonWriter json, string name, string text) => Object(json, name, () => json.WriteString("text", MarkdownText.Visible(text.ReplaceLineEndings(" "))));

    static void Object(Utf8JsonWriter json, string name, Action content)
    {
        json.WriteStartObject(name);
        content();
        json.WriteEndObject();
    }

    static void Array<T>(Utf8JsonWriter json, string name, IEnumerable<T> items, Action<T> content)
    {
        json.WriteStartArray(name);
        foreach (var item in items)
        {
            json.WriteStartObject();
            content(item);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
