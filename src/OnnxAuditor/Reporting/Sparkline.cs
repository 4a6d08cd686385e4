using System.Text;

namespace OnnxAuditor.Reporting;

/// <summary>A curve as one line of text: eight block characters from low to high.</summary>
static class Sparkline
{
    const string Blocks = "▁▂▃▄▅▆▇█";
    const int Longest = 32;

    /// <summary>The curve of a chart, neighbouring layers averaged where there are more than fit. Decades below a tenth of one are drawn flat: they are no trend.</summary>
    public static string Of(DepthChart chart)
    {
        var values = chart.Points.Select(p => Position(chart, p.Value)).ToList();
        var finite = values.Where(double.IsFinite).ToList();
        if (finite.Count == 0) return new string(Blocks[0], Math.Min(values.Count, Longest));
        var (low, high) = chart.Scale switch
        {
            ChartScale.Decades => (finite.Min(), finite.Max()),
            ChartScale.FromZero => (0, finite.Max()),
            _ => (0.0, 1.0),
        };
        if (chart.Scale == ChartScale.Decades && high - low < 0.1) (low, high) = ((low + high) / 2 - 0.55, (low + high) / 2 + 0.45);
        var result = new StringBuilder();
        var columns = Math.Min(values.Count, Longest);
        for (var c = 0; c < columns; c++)
        {
            var (from, to) = (c * values.Count / columns, (c + 1) * values.Count / columns);
            var mean = values.GetRange(from, to - from).Average();
            // A zero has no logarithm; it is drawn as the lowest block.
            var level = high > low && double.IsFinite(mean) ? (mean - low) / (high - low) : 0;
            result.Append(Blocks[Math.Clamp((int)(level * Blocks.Length), 0, Blocks.Length - 1)]);
        }
        return result.ToString();
    }

    static double Position(DepthChart chart, double value) => chart.Scale == ChartScale.Decades ? Math.Log10(value) : value;
}
