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

    // Colours that stand out from white and from a dark page alike.
    static readonly OxyColor Ink = OxyColor.FromRgb(0x80, 0x80, 0x80), Grid = OxyColor.FromArgb(0x40, 0x80, 0x80, 0x80);

    static readonly OxyColor[] Curves =
        [OxyColor.FromRgb(0x3b, 0x82, 0xc4), OxyColor.FromRgb(0xd9, 0x77, 0x06), OxyColor.FromRgb(0x2f, 0x9e, 0x5b), OxyColor.FromRgb(0xa0, 0x5c, 0xc0), OxyColor.FromRgb(0xd0, 0x4a, 0x4a), OxyColor.FromRgb(0x16, 0x9c, 0xa3)];

    static readonly LineStyle[] Styles = [LineStyle.Solid, LineStyle.Dash, LineStyle.Dot, LineStyle.DashDot];


    /// <summary>The name of a chart's file.</summary>
    /// <param name="prefix">The report's file name without extension.</param>
    /// <param name="model">The model's number in a report on several; null in a report on one.</param>
    /// <param name="chart">The chart.</param>
    public static string FileName(string prefix, int? model, DepthChart chart) => model is { } m ? $"{prefix}.{m.ToString(CultureInfo.InvariantCulture)}.{chart.Slug}.svg" : $"{prefix}.{chart.Slug}.svg";

    /// <summary>The name of the file of a chart that shows several models.</summary>
    public static string OverlayName(string prefix, string slug) => $"{prefix}.compared.{slug}.svg";

    /// <summary>The charts that a Markdown report with the same prefix shows.</summary>
    public static IReadOnlyList<ChartFile> Files(AuditReport report, string prefix)
    {
        var files = new List<ChartFile>();
        if (report.Comparison is not null)
        {
            foreach (var curves in Overlays(report)) files.Add(new ChartFile(OverlayName(prefix, curves[0].Chart.Slug), curves[0].Chart.Heading, curves[0].Chart.Slug, () => Overlay(curves)));
            return files;
        }
        for (var i = 0; i < report.Models.Count; i++)
            foreach (var chart in DepthChart.Of(report.Models[i]).Concat(TrialChart.Of(report.Models[i])).Where(c => c.IsDrawn))
                files.Add(new ChartFile(FileName(prefix, report.Models.Count == 1 ? null : i + 1, chart), chart.Heading, chart.Slug, () => Svg(chart)));
        return files;
    }

    /// <summary>The quantities that at least two models have a curve of, each with the models' letters.</summary>
    public static IReadOnlyList<IReadOnlyList<(string Letter, DepthChart Chart)>> Overlays(AuditReport report) =>
    [
        .. report.Models.SelectMany((m, i) => DepthChart.Of(m).Where(c => c.IsDrawn).Select(c => (Letter: ComparisonResult.Letter(i), Chart: c)))
            .GroupBy(c => c.Chart.Slug, StringComparer.Ordinal).Where(g => g.Skip(1).Any()).Select(g => g.ToList()),
    ];

    /// <summary>The chart as an SVG document.</summary>
    public static string Svg(DepthChart chart)
    {
        var plot = Plot(chart, [.. chart.AllValues]);
        var last = chart.Others.Select(o => o.Points[^1].Index).Append(chart.Points[^1].Index).Max();
        plot.Axes.Insert(0, Styled(new LinearAxis { Position = AxisPosition.Bottom, MinimumMajorStep = 1, Minimum = 0.5, Maximum = last + 0.5, Title = chart.Axis }));
        plot.Series.Add(Line(chart, 0, chart.Curve, chart.Points, p => p.Index));
        for (var i = 0; i < chart.Others.Count; i++) plot.Series.Add(Line(chart, i + 1, chart.Others[i].Name, chart.Others[i].Points, p => p.Index));
        if (chart.Others.Count > 0) plot.Legends.Add(new Legend { LegendPosition = LegendPosition.RightTop, LegendFontSize = 11, LegendTextColor = Ink });
        return Document(plot, chart.Slug);
    }

    /// <summary>Curves of several models in one SVG document, over the share of each model's layers: their depths differ.</summary>
    public static string Overlay(IReadOnlyList<(string Letter, DepthChart Chart)> curves)
    {
        var plot = Plot(curves[0].Chart, [.. curves.SelectMany(c => c.Chart.Points).Select(p => p.Value)]);
        plot.Axes.Insert(0, Styled(new LinearAxis { Position = AxisPosition.Bottom, Minimum = 0, Maximum = 1, MajorStep = 0.25, Title = "depth, share of the layers", LabelFormatter = NumberFormat.Percent }));
        plot.Legends.Add(new Legend { LegendPosition = LegendPosition.RightTop, LegendPlacement = LegendPlacement.Outside, LegendFontSize = 11, LegendTextColor = Ink });
        plot.PlotMargins = new OxyThickness(64, 8, double.NaN, 44);
        for (var i = 0; i < curves.Count; i++)
        {
            var (letter, chart) = curves[i];
            var (first, last) = (chart.Points[0].Index, chart.Points[^1].Index);
            plot.Series.Add(Line(chart, i, letter, chart.Points, p => (double)(p.Index - first) / (last - first)));
        }
        return Document(plot, curves[0].Chart.Slug);
    }

    static PlotModel Plot(DepthChart chart, IReadOnlyList<double> values)
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
        plot.Axes.Add(Styled(ValueAxis(chart.Scale, values)));
        return plot;
    }

    static LineSeries Line(DepthChart chart, int number, string title, IReadOnlyList<DepthPoint> points, Func<DepthPoint, double> place)
    {
        var color = Curves[number % Curves.Length];
        var line = new LineSeries
        {
            Color = color,
            StrokeThickness = 1.5,
            // Told apart without colours as well.
            LineStyle = Styles[number % Styles.Length],
            MarkerType = MarkerType.Circle,
            MarkerSize = points.Count > 100 ? 1 : 2.5,
            MarkerFill = color,
        };
        if (title.Length > 0) line.Title = title;
        // A zero has no place on a logarithmic axis; the curve is broken there.
        foreach (var p in points) line.Points.Add(chart.Scale == ChartScale.Decades && p.Value <= 0 ? DataPoint.Undefined : new DataPoint(place(p), p.Value));
        return line;
    }

    static string Document(PlotModel plot, string slug)
    {
        var svg = new SvgExporter { Width = Width, Height = Height, UseVerticalTextAlignmentWorkaround = true, IsDocument = true }.ExportToString(plot).ReplaceLineEndings("\n");
        // The document type names an address that nobody needs; a view box lets a page scale the drawing; ids must be unique in a page that holds several charts.
        return svg[svg.IndexOf("<svg", StringComparison.Ordinal)..]
            .Replace("<svg ", string.Create(CultureInfo.InvariantCulture, $"<svg viewBox=\"0 0 {Width} {Height}\" "), StringComparison.Ordinal)
            .Replace("\"clipPath", $"\"{slug}-clip", StringComparison.Ordinal)
            .Replace("#clipPath", $"#{slug}-clip", StringComparison.Ordinal);
    }

    static Axis ValueAxis(ChartScale scale, IReadOnlyList<double> values)
    {
        if (scale == ChartScale.Share) return new LinearAxis { Minimum = 0, Maximum = 1, MajorStep = 0.25, LabelFormatter = NumberFormat.Percent };
        if (scale == ChartScale.FromZero) return new LinearAxis { Minimum = 0, MaximumPadding = 0.05, LabelFormatter = NumberFormat.Value };
        var positive = values.Where(v => v > 0).DefaultIfEmpty(1).ToList();
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

/// <summary>A chart of a report.</summary>
/// <param name="Name">Its file's name.</param>
/// <param name="Title">What it shows.</param>
/// <param name="Slug">What its inner ids begin with.</param>
/// <param name="Svg">Draws it.</param>
sealed record ChartFile(string Name, string Title, string Slug, Func<string> Svg);
