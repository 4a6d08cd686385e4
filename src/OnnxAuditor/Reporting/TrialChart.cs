using OnnxAuditor.Reports;

namespace OnnxAuditor.Reporting;

/// <summary>The losses of trial trainings as curves of one chart.</summary>
static class TrialChart
{
    /// <summary>The chart, where at least one trial made a step.</summary>
    public static IEnumerable<DepthChart> Of(ModelReport model)
    {
        var curves = model.Trials.Select(t => (Name: Name(t), Points: (IReadOnlyList<DepthPoint>)Points(t))).Where(c => c.Points.Count > 1).ToList();
        if (curves.Count == 0) yield break;
        yield return new DepthChart("trial-loss", "Loss", "of the batch", "", ChartScale.Decades, curves[0].Points)
        {
            Through = "during the trial",
            Axis = "step, the loss before it",
            Curve = curves.Count > 1 ? curves[0].Name : "",
            Others = [.. curves.Skip(1)],
        };
    }

    /// <summary>A trial in a few words.</summary>
    public static string Name(TrialReport t) => $"{Weights(t)}, {t.NormStatistics} statistics";

    /// <summary>The weights that a trial began with, in words.</summary>
    public static string Weights(TrialReport t) => t.Weights.Equals("reinit", StringComparison.Ordinal) ? "re-initialised" : t.Weights;

    static List<DepthPoint> Points(TrialReport trial)
    {
        var points = new List<DepthPoint>();
        for (var i = 0; i < trial.Losses.Count; i++) if (double.IsFinite(trial.Losses[i])) points.Add(new DepthPoint(i + 1, "", trial.Losses[i]));
        return points;
    }
}
