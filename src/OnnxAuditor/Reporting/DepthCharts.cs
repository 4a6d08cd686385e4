using System.Globalization;
using OnnxAuditor.Reports;
using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;

namespace OnnxAuditor.Reporting;

/// <summary>Charts of the signal through depth, as SVG. Equal reports give equal bytes: the plotting library is managed code with its own font metrics.</summary>
static class DepthCharts
{
    const double Width = 720, Height = 240;

    // One grey and one blue that stand out from white and from a dark page alike.
    static readonly OxyColor Ink = OxyColor.FromRgb(0x80, 0x80, 0x80), Grid = OxyColor.FromArgb(0x40, 0x80, 0x80, 0x80), Curve = OxyColor.FromRgb(0x3b, 0x82, 0xc4);

    /// <summary>Further curves: colours that the blue and each other are told from, also without red or green.</summary>
    static readonly OxyColor[] Further = [OxyColor.FromRgb(0xd9, 0x7b, 0x29), OxyColor.FromRgb(0x2f, 0x9e, 0x77), OxyColor.FromRgb(0xa8, 0x5c, 0xb8)];

    /// <summary>The name of a chart's file.</summary>
    /// <param name="prefix">The report's file name without extension.</param>
    /// <param name="model">The model's number in a report on several; null in a report on one.</param>
    /// <param name="chart">The chart.</param>
    public static string FileName(string prefix, int? model, DepthChart chart) => model is { } m ? $"{prefix}.{m.ToString(CultureInfo.InvariantCulture)}.{chart.Slug}.svg" : $"{prefix}.{chart.Slug}.svg";

    /// <summary>The files that a Markdown report with the same prefix shows, by name.</summary>
    public static IReadOnlyList<(string Name, DepthChart Chart)> Files(AuditReport report, string prefix)
    {
        var files = new List<(string, DepthChart)>();
        for (var i = 0; i < report.Models.Count; i++)
            foreach (var chart in DepthChart.Of(report.Models[i]).Concat(TrialChart.Of(report.Models[i])).Where(c => c.IsDrawn))
                files.Add((FileName(prefix, report.Models.Count == 1 ? null : i + 1, chart), chart));
        return files;
    }

    /// <summary>The chart as an SVG document.</summary>
    public static string Svg(DepthChart chart)
    {
        var plot = new PlotModel
        {
            Title = $"{chart.Heading} ({chart.Unit})",
            TitleFontSize = 14,
            TitleFontWeight = 400,
            TextColor = Ink,
            PlotAreaBorderColor = Grid,
            DefaultFont = "sans-serif",
            // Fixed, so that the charts of a report stand under one another.
            PlotMargins = new OxyThickness(64, 8, 16, 44),
        };
        plot.Axes.Add(Styled(new LinearAxis { Position = AxisPosition.Bottom, MinimumMajorStep = 1, Minimum = 0.5, Maximum = chart.Others.Select(o => o.Points[^1].Index).Append(chart.Points[^1].Index).Max() + 0.5, Title = chart.Axis }));
        plot.Axes.Add(Styled(ValueAxis(chart)));
        plot.Series.Add(Line(chart, chart.Curve, chart.Points, Curve));
        for (var i = 0; i < chart.Others.Count; i++) plot.Series.Add(Line(chart, chart.Others[i].Name, chart.Others[i].Points, Further[i % Further.Length]));
        if (chart.Others.Count > 0) plot.Legends.Add(new Legend { LegendPosition = LegendPosition.RightTop, LegendFontSize = 11, LegendTextColor = Ink });
        var svg = new SvgExporter { Width = Width, Height = Height, UseVerticalTextAlignmentWorkaround = true, IsDocument = true }.ExportToString(plot).ReplaceLineEndings("\n");
        // The document type names an address that nobody needs; a view box lets a page scale the drawing; ids must be unique in a page that holds several charts.
        return svg[svg.IndexOf("<svg", StringComparison.Ordinal)..]
            .Replace("<svg ", string.Create(CultureInfo.InvariantCulture, $"<svg viewBox=\"0 0 {Width} {Height}\" "), StringComparison.Ordinal)
            .Replace("\"clipPath", $"\"{chart.Slug}-clip", StringComparison.Ordinal)
            .Replace("#clipPath", $"#{chart.Slug}-clip", StringComparison.Ordinal);
    }

    static LineSeries Line(DepthChart chart, string title, IReadOnlyList<DepthPoint> points, OxyColor colour)
    {
        var line = new LineSeries { Color = colour, StrokeThickness = 1.5, MarkerType = MarkerType.Circle, MarkerSize = points.Count > 100 ? 1 : 2.5, MarkerFill = colour };
        if (title.Length > 0) line.Title = title;
        // A zero has no place on a logarithmic axis; the curve is broken there.
        foreach (var p in points) line.Points.Add(chart.Scale == ChartScale.Decades && p.Value <= 0 ? DataPoint.Undefined : new DataPoint(p.Index, p.Value));
        return line;
    }

    static Axis ValueAxis(DepthChart chart)
    {
        if (chart.Scale == ChartScale.Share) return new LinearAxis { Minimum = 0, Maximum = 1, MajorStep = 0.25, LabelFormatter = NumberFormat.Percent };
        if (chart.Scale == ChartScale.FromZero) return new LinearAxis { Minimum = 0, MaximumPadding = 0.05, LabelFormatter = NumberFormat.Value };
        var positive = chart.AllValues.Where(v => v > 0).DefaultIfEmpty(1).ToList();
        // Whole decades, at least one: a curve that is flat should look flat.
        var (low, high) = (Math.Floor(Math.Log10(positive.Min())), Math.Floor(Math.Log10(positive.Max())) + 1);
        return new LogarithmicAxis { Minimum = Math.Pow(10, low), Maximum = Math.Pow(10, high), LabelFormatter = NumberFormat.Value };
    }

    static Axis Styled(Axis axis)
    {
        if (axis.Position == AxisPosition.None) axis.Position = AxisPosition.Left;
        axis.TicklineColor = Grid;
        axis.AxislineColor = Grid;
        axis.MinorTickSize = 0;
        axis.MajorGridlineStyle = axis.Position == AxisPosition.Left ? LineStyle.Solid : LineStyle.None;
        axis.MajorGridlineColor = Grid;
        return axis;
    }
}
