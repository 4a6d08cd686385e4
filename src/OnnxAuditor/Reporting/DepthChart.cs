using OnnxAuditor.Reports;

namespace OnnxAuditor.Reporting;

/// <summary>A quantity of the layers, through depth.</summary>
/// <param name="Slug">Its name in a file name.</param>
/// <param name="Title">Its name.</param>
/// <param name="Unit">Its unit; "dimensionless" for none.</param>
/// <param name="Explanation">What it is, for the glossary.</param>
/// <param name="Scale">How it is drawn.</param>
/// <param name="Points">The layers that have a finite value, in graph order.</param>
sealed record DepthChart(string Slug, string Title, string Unit, string Explanation, ChartScale Scale, IReadOnlyList<DepthPoint> Points)
{
    static readonly (DepthChart Chart, Func<LayerRow, double?> Value)[] All =
    [
        (new("activation-scale", "Activation RMS", "dimensionless",
            "the root mean square of a layer's output over samples, positions and channels. A healthy network keeps it within a decade or so from the first layer to the last.",
            ChartScale.Decades, []), l => l.Activation?.Rms),
        (new("gradient-scale", "Gradient RMS", "loss per unit of activation",
            "the root mean square of the loss's gradient by a layer's output. Where it shrinks or grows by many decades towards the input, early layers learn nothing or diverge.",
            ChartScale.Decades, []), l => l.Gradient?.Rms),
        (new("effective-rank", "Effective rank", "dimensions",
            "the participation ratio (tr C)² / tr C² of the channel covariance C of a layer's output: how many directions carry the signal, from 1 to the number of channels.",
            ChartScale.FromZero, []), l => l.Activation?.EffectiveRank),
        (new("dead-fraction", "Dead channels", "share of channels",
            "the share of an activation's channels that were zero for every sample and position of the batch. They pass no gradient.",
            ChartScale.Share, []), l => l.Activation?.DeadFraction),
        (new("weight-spectra", "Stable rank of weights", "dimensions",
            "‖W‖²_F / ‖W‖²₂ of a convolution's or linear layer's weight as a map from inputs to outputs: over how many directions its size is spread. Near 1, one direction outweighs all others.",
            ChartScale.FromZero, []), l => l.Weight?.StableRank),
    ];

    /// <summary>What the quantity runs through, as the end of a heading.</summary>
    public string Through { get; init; } = "through depth";

    /// <summary>The name of the axis that the points are counted on.</summary>
    public string Axis { get; init; } = "layer, in graph order";

    /// <summary>The name of the curve, where there are others.</summary>
    public string Curve { get; init; } = "";

    /// <summary>Further curves of the same quantity, by name.</summary>
    public IReadOnlyList<(string Name, IReadOnlyList<DepthPoint> Points)> Others { get; init; } = [];

    /// <summary>The heading without the unit.</summary>
    public string Heading => $"{Title} {Through}";

    /// <summary>The values of all curves.</summary>
    public IEnumerable<double> AllValues => Points.Concat(Others.SelectMany(o => o.Points)).Select(p => p.Value);

    /// <summary>Whether the values are shares of one.</summary>
    public bool IsShare => Scale == ChartScale.Share;

    /// <summary>Whether there is a curve to draw.</summary>
    public bool IsDrawn => Points.Count > 1;

    /// <summary>The quantities that were measured for at least one layer.</summary>
    public static IReadOnlyList<DepthChart> Of(ModelReport model)
    {
        var result = new List<DepthChart>();
        foreach (var (chart, value) in All)
        {
            var points = new List<DepthPoint>();
            for (var i = 0; i < model.Layers.Count; i++)
                if (value(model.Layers[i]) is { } v && double.IsFinite(v)) points.Add(new DepthPoint(i + 1, model.Layers[i].Name, v));
            if (points.Count > 0) result.Add(chart with { Points = points });
        }
        return result;
    }

    /// <summary>A value as text.</summary>
    public string Format(double value) => IsShare ? NumberFormat.Percent(value) : NumberFormat.Value(value);
}

/// <summary>A layer's value.</summary>
/// <param name="Index">The layer's place in graph order, from 1.</param>
/// <param name="Layer">Its name.</param>
/// <param name="Value">The value, finite.</param>
readonly record struct DepthPoint(int Index, string Layer, double Value);

/// <summary>How a quantity is drawn.</summary>
enum ChartScale
{
    /// <summary>On a logarithmic axis.</summary>
    Decades,
    /// <summary>From zero.</summary>
    FromZero,
    /// <summary>From zero to one.</summary>
    Share,
}
