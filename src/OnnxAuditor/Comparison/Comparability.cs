using OnnxAuditor.Reports;

namespace OnnxAuditor.Comparison;

/// <summary>Whether scores of models may be held against each other at all.</summary>
static class Comparability
{
    /// <summary>Coverage below which a score speaks of a part of the model, and a difference of coverages from which on of different parts.</summary>
    const double EnoughCoverage = 0.95, CoverageGap = 0.05;

    /// <summary>The reasons against ranking the models; empty for none. Each is held against the first model.</summary>
    public static IReadOnlyList<string> Objections(IReadOnlyList<ModelReport> models)
    {
        var objections = new List<string>();
        for (var i = 0; i < models.Count; i++)
        {
            var letter = ComparisonResult.Letter(i);
            if (models[i].Unreadable is not null) objections.Add($"{letter} could not be read.");
            else if (models[i].BudgetExceeded is not null) objections.Add($"A budget ended the audit of {letter}.");
            else if (models[i].Measurement is null) objections.Add($"{letter} was not run: {models[i].VerdictReason.TrimEnd('.')}.");
        }
        if (objections.Count > 0) return objections;
        for (var i = 1; i < models.Count; i++) objections.AddRange(Pair(models[0], models[i], "A", ComparisonResult.Letter(i)));
        objections.AddRange(Coverage(models));
        return objections;
    }

    static IEnumerable<string> Pair(ModelReport a, ModelReport b, string nameA, string nameB)
    {
        var (inputsA, inputsB) = (Signatures(a.Measurement!.Inputs), Signatures(b.Measurement!.Inputs));
        if (!inputsA.SequenceEqual(inputsB, StringComparer.Ordinal))
            yield return $"They take different inputs: {nameA} {List(inputsA)}, {nameB} {List(inputsB)} a sample. Scores grow with the size of the input; give both one by `--shape` where the models allow it.";
        if (!Task(a).Equals(Task(b), StringComparison.Ordinal)) yield return $"They are for different tasks: {nameA} has {Task(a)}, {nameB} has {Task(b)}.";
        if (Protocol(a.Measurement) is var pa && Protocol(b.Measurement) is var pb && !pa.Equals(pb, StringComparison.Ordinal)) yield return $"They were measured differently: {nameA} with {pa}, {nameB} with {pb}.";
    }

    static IEnumerable<string> Coverage(IReadOnlyList<ModelReport> models)
    {
        var shares = models.Select(m => m.Coverage.ParameterShare ?? 0).ToList();
        for (var i = 0; i < models.Count; i++)
            if (shares[i] < EnoughCoverage) yield return $"Gradients reach {NumberFormat.Percent(shares[i])} of the parameters of {ComparisonResult.Letter(i)} only: its scores speak of a part of it.";
        if (shares.Max() - shares.Min() > CoverageGap && shares.Min() >= EnoughCoverage) yield return "Gradients reach different shares of the models.";
    }

    /// <summary>Type and shape of each input without the batch. Names differ from exporter to exporter and do not count.</summary>
    static List<string> Signatures(IReadOnlyList<InputRow> inputs) => [.. inputs.Select(i => $"{i.Type} {Sample(i.Shape)}").Order(StringComparer.Ordinal)];

    static string Task(ModelReport model)
    {
        var outputs = model.Outputs.Where(o => o.Type.StartsWith("float", StringComparison.Ordinal) || o.Type.StartsWith("bfloat", StringComparison.Ordinal)).ToList();
        return $"{NumberFormat.Count(outputs.Count, "output")} ({List([.. outputs.Select(o => Sample(o.Shape))])}) and {Loss(model.Measurement!.Loss)}";
    }

    /// <summary>The kind of loss: what stands before its targets.</summary>
    static string Loss(string text) => text.Split([" against ", " between ", ","], StringSplitOptions.None)[0] is { Length: > 0 } kind ? kind : "no loss";

    static string Protocol(MeasurementInfo m) => $"{m.Engine} on {m.Device}, batch {m.Batch}, seed {m.Seed}, {m.Weights} weights ({m.Init}), {m.NormStatistics} statistics";

    static string Sample(string shape) => shape.IndexOf('×', StringComparison.Ordinal) is >= 0 and var at ? shape[(at + 1)..] : "a number";

    static string List(List<string> items) => items.Count == 0 ? "none" : string.Join(", ", items.GroupBy(i => i, StringComparer.Ordinal).Select(g => g.Count() > 1 ? $"{g.Count()} of {g.Key}" : g.Key));
}
