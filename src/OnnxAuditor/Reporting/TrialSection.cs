using OnnxAuditor.Reports;

namespace OnnxAuditor.Reporting;

/// <summary>What a Markdown report says of the trial trainings of a model.</summary>
/// <param name="text">Where to write.</param>
/// <param name="model">The model.</param>
/// <param name="chartFile">The file of a chart; null for a report without charts.</param>
sealed class TrialSection(MarkdownBuilder text, ModelReport model, Func<DepthChart, string>? chartFile)
{
    const int Shown = 5;

    IEnumerable<TrialReport> Made => model.Trials.Where(t => t.Outcome is not null);

    /// <summary>Writes the section; nothing where no trial was asked for.</summary>
    /// <param name="isShort">Whether the chart is folded away.</param>
    public void Write(bool isShort)
    {
        if (model.Trials.Count == 0) return;
        text.Heading("Trial training");
        text.Block("Up to so many steps on one batch, on ONNX Runtime, at the best learning rate of a range test. A network that cannot learn one batch by heart will not learn a data set.");
        text.Table(
            ["weights", "BatchNormalization", "outcome", "loss, first → last", "steps", "to a tenth, steps", "learning rate", "largest stable rate", "noise scale, samples"], model.Trials.Select(Row));
        text.List(model.Trials.Select(t => $"**{MarkdownText.Prose(TrialChart.Name(t))}** ({MarkdownText.Prose(t.Optimizer)}, batch {t.Batch}): {MarkdownText.Sentence(t.Unavailable is { } why ? $"not available: {why}" : t.Because)}"
            + (t is { Outcome: not null, NoiseScaleUnavailable: { } noise } ? $" Noise scale not available: {MarkdownText.Sentence(noise)}" : "")));
        Chart(isShort);
        foreach (var trial in Made) Still(trial);
        foreach (var trial in Made.Where(t => t.UpdateRatios.Count > 0)) Updates(trial);
        foreach (var trial in Made.Where(t => t.Range.Count > 0)) RangeTest(trial);
    }

    /// <summary>What the glossary says of the words of this section.</summary>
    public static IEnumerable<string> Terms(ModelReport model) => model.Trials.Count == 0 ? [] :
    [
        "**Overfits, slow, stalls, diverges**: the loss falls to a tenth of its beginning and of what outputs that ignore the inputs could reach; it falls below 95 % of the latter, but not to a tenth; it does not; no learning rate keeps it finite and lets it fall.",
        "**Largest stable rate**: the highest learning rate of the range test up to which, at every rate, the loss stayed finite and did not end higher than it began (after Smith 2017, arXiv 1506.01186; here each rate starts anew).",
        "**Noise scale**: the simple gradient noise scale tr Σ / |G|² (McCandlish et al. 2018, arXiv 1812.06162) from the gradients of the batch's single samples at the first weights: batches much smaller are mostly noise, much larger ones waste samples.",
        "**Update over weight**: the length of a step's change of a parameter over the parameter's length, the median over the steps looked at. Around 1e-3 is usual; much less means that the layer hardly learns.",
    ];

    static string[] Row(TrialReport t) =>
    [
        TrialChart.Weights(t), t.NormStatistics, t.Outcome is { } outcome ? $"**{TrialJson.Word(outcome)}**" : "not available", t.Losses.Count == 0 ? "–" : $"{NumberFormat.Value(t.Losses[0])} → {NumberFormat.Value(t.Losses[^1])}",
        NumberFormat.Count(t.Steps), t.StepsToTenth is { } steps ? NumberFormat.Count(steps) : "not reached", Number(t.LearningRate), Number(t.MaxStableLearningRate), Number(t.NoiseScale),
    ];

    static string Number(double? value) => value is { } v ? NumberFormat.Value(v) : "–";

    void Chart(bool isShort)
    {
        if (chartFile is null) return;
        foreach (var chart in TrialChart.Of(model).Where(c => c.IsDrawn))
        {
            var image = $"![{chart.Heading}]({chartFile(chart)})";
            if (isShort) text.Folded("Loss curves", t => t.Block(image));
            else text.Block(image);
        }
    }

    void Still(TrialReport trial)
    {
        if (trial.NeverMoved.Count > 0) text.Block($"Never moved from {TrialChart.Name(trial)}: {Names(trial.NeverMoved.Select(MarkdownText.Name), trial.NeverMoved.Count)}.");
        if (trial.HalfMoved.Count > 0) text.Block($"Moved by half or less from {TrialChart.Name(trial)}: {Names(trial.HalfMoved.Select(h => $"{MarkdownText.Name(h.Name)} ({NumberFormat.Percent(h.Share)} of its elements stayed)"), trial.HalfMoved.Count)}.");
    }

    static string Names(IEnumerable<string> names, int count) => string.Join(", ", names.Take(Shown)) + (count > Shown ? $" and {NumberFormat.Count(count - Shown, "more", "more")}" : "");

    void Updates(TrialReport trial) => text.Folded($"Update over weight by parameter, {TrialChart.Name(trial)}", t =>
        t.Table(["parameter", "update over weight #"], trial.UpdateRatios.Select(u => (string[])[MarkdownText.Name(u.Name), NumberFormat.Value(u.Ratio)])));

    void RangeTest(TrialReport trial) => text.Folded($"Range test of learning rates, {TrialChart.Name(trial)}", t =>
        t.Table(["learning rate #", "loss after the steps #"], trial.Range.Select(r => (string[])[NumberFormat.Value(r.Rate), r.Loss is { } loss ? NumberFormat.Value(loss) : "not finite"])));
}
