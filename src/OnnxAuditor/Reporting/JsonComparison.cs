using System.Text.Json;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Reporting;

/// <summary>The part of a JSON report that a comparison adds. Models are named by their place in the report, from 0.</summary>
static class JsonComparison
{
    /// <summary>Writes the comparison's properties.</summary>
    public static void Write(Utf8JsonWriter json, ComparisonResult comparison)
    {
        JsonReport.Texts(json, "conclusion", comparison.Conclusion);
        JsonReport.Texts(json, "objections", comparison.Objections);
        if (comparison.Ranking is { } ranking) json.Object("ranking", () => Ranking(json, ranking));
        else json.WriteNull("ranking");
        json.Array("proxies", comparison.Proxies, p =>
        {
            json.WriteString("id", p.Id);
            json.WriteBoolean("higherIsBetter", p.HigherIsBetter);
            json.Array("scores", p.Scores, s =>
            {
                JsonReport.Number(json, "value", s.Value);
                JsonReport.Number(json, "low", s.Low);
                JsonReport.Number(json, "high", s.High);
                json.WriteString("reason", s.Reason);
            });
            Numbers(json, "ranks", p.Ranks);
            json.WriteString("note", p.Note);
        });
        json.Array("findings", comparison.Findings, f =>
        {
            json.WriteString("ruleId", f.RuleId);
            json.WriteString("severity", MarkdownReport.Word(f.Severity));
            Numbers(json, "places", f.Places.Select(p => (double?)p));
        });
        json.Array("changes", comparison.Changes, c => Change(json, c));
    }

    static void Ranking(Utf8JsonWriter json, RankAggregate ranking)
    {
        Numbers(json, "order", ranking.Order.Select(o => (double?)o));
        Numbers(json, "meanRanks", ranking.MeanRanks.Select(r => (double?)r));
        JsonReport.Number(json, "concordance", ranking.Concordance);
        JsonReport.Texts(json, "ballots", ranking.Ballots);
        json.Array("wins", ranking.Wins.OrderBy(w => w.Key), w =>
        {
            json.WriteNumber("ahead", w.Key.Ahead);
            json.WriteNumber("behind", w.Key.Behind);
            json.WriteNumber("proxies", w.Value);
        });
    }

    static void Change(Utf8JsonWriter json, VersionChange change)
    {
        json.WriteNumber("from", change.From);
        json.WriteNumber("to", change.To);
        json.WriteNumber("unchanged", change.Unchanged);
        json.Array("tensors", change.Tensors, t =>
        {
            json.WriteString("kind", t.Kind.ToString().ToLowerInvariant());
            json.WriteString("before", t.Before?.Name);
            json.WriteString("after", t.After?.Name);
            JsonReport.Number(json, "distance", t.Distance);
            json.WriteString("rounding", t.Rounding);
        });
        json.Array("operators", change.Operators, o =>
        {
            json.WriteString("op", o.Op);
            json.WriteNumber("before", o.Before);
            json.WriteNumber("after", o.After);
        });
        JsonReport.Texts(json, "new", change.New.Select(f => f.Fingerprint));
        JsonReport.Texts(json, "fixed", change.Fixed.Select(f => f.Fingerprint));
        json.WriteNumber("kept", change.Kept);
    }

    static void Numbers(Utf8JsonWriter json, string name, IEnumerable<double?> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
        {
            if (value is { } v && double.IsFinite(v)) json.WriteNumberValue(v);
            else json.WriteNullValue();
        }
        json.WriteEndArray();
    }
}
