using System.Text.Json;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Reporting;

/// <summary>Trial trainings for machines: <c>trial</c> is the first of them, <c>trials</c> are all.</summary>
static class TrialJson
{
    /// <summary>Writes both fields; nothing where no trial was made.</summary>
    public static void Write(Utf8JsonWriter json, IReadOnlyList<TrialReport> trials)
    {
        if (trials.Count == 0) return;
        json.Object("trial", () => Trial(json, trials[0]));
        json.Array("trials", trials, t => Trial(json, t));
    }

    /// <summary>The word for an outcome.</summary>
    public static string Word(TrialOutcome outcome) => outcome switch
    {
        TrialOutcome.Overfits => "overfits",
        TrialOutcome.Slow => "slow",
        TrialOutcome.Stalls => "stalls",
        _ => "diverges",
    };

    static void Trial(Utf8JsonWriter json, TrialReport t)
    {
        json.WriteString("outcome", t.Outcome is { } outcome ? Word(outcome) : null);
        json.WriteString("reason", t.Unavailable ?? t.Because);
        json.WriteString("weights", t.Weights);
        json.WriteString("normStatistics", t.NormStatistics);
        json.WriteString("optimizer", t.Optimizer);
        json.WriteNumber("batch", t.Batch);
        Number(json, "learningRate", t.LearningRate);
        json.WriteNumber("steps", t.Steps);
        json.WriteStartArray("losses");
        foreach (var loss in t.Losses) Number(json, loss);
        json.WriteEndArray();
        Number(json, "stepsToTenth", t.StepsToTenth);
        Number(json, "maxStableLearningRate", t.MaxStableLearningRate);
        json.WriteStartArray("neverMoved");
        foreach (var name in t.NeverMoved) json.WriteStringValue(name);
        json.WriteEndArray();
        json.Array("halfMoved", t.HalfMoved, u =>
        {
            json.WriteString("name", u.Name);
            json.WriteNumber("unmovedShare", u.Share);
        });
        Number(json, "constantLoss", t.ConstantLoss);
        json.WriteBoolean("madeUpTargets", t.HasMadeUpTargets);
        Number(json, "noiseScale", t.NoiseScale);
        json.WriteString("noiseScaleReason", t.NoiseScaleUnavailable);
        json.Array("rangeTest", t.Range, r =>
        {
            Number(json, "learningRate", r.Rate);
            Number(json, "loss", r.Loss);
        });
        json.Array("updateRatios", t.UpdateRatios, u =>
        {
            json.WriteString("name", u.Name);
            Number(json, "ratio", u.Ratio);
        });
    }

    static void Number(Utf8JsonWriter json, string name, double? value)
    {
        json.WritePropertyName(name);
        Number(json, value);
    }

    static void Number(Utf8JsonWriter json, double? value)
    {
        if (value is { } v && double.IsFinite(v)) json.WriteNumberValue(v);
        else json.WriteNullValue();
    }
}
