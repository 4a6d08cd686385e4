using OnnxAuditor.Reports;

namespace OnnxAuditor.Reporting;

/// <summary>The layers of a model as a table, those first whose signal is farthest from that of the others.</summary>
sealed class LayerTable
{
    /// <summary>How many layers are shown unfolded.</summary>
    public const int Worst = 10;

    /// <summary>The distance from which on a layer is shown unfolded.</summary>
    public const int FarDecades = 1;

    /// <summary>What the order means.</summary>
    public const string Explanation =
        "The distance of a layer is that of its activation or gradient RMS from the model's median, in decades, or ten times its share of dead channels, whichever is largest.";

    /// <summary>The headings of <see cref="Row"/>.</summary>
    public static readonly string[] Headings =
    [
        "layer", "operator", "output shape", "parameters (elements) #", "activation mean #", "activation std #", "activation RMS #", "zeros #", "dead channels #", "effective rank (dimensions) #",
        "gradient RMS #", "gradient zeros #", "distance (decades) #",
    ];

    readonly double? activationMedian, gradientMedian;
    readonly bool hasGradients;

    /// <summary>Orders the layers.</summary>
    public LayerTable(IReadOnlyList<LayerRow> layers)
    {
        activationMedian = Median(layers.Select(l => l.Activation?.Rms));
        gradientMedian = Median(layers.Select(l => l.Gradient?.Rms));
        hasGradients = layers.Any(l => l.Gradient is not null);
        WorstFirst = [.. layers.OrderByDescending(Distance)];
    }

    /// <summary>The layers, worst first, equal ones in graph order.</summary>
    public IReadOnlyList<LayerRow> WorstFirst { get; }

    /// <summary>The cells of a layer.</summary>
    public string[] Row(LayerRow layer) =>
    [
        MarkdownText.Name(layer.Name), MarkdownText.Name(layer.Op), MarkdownText.Prose(layer.OutputShape), NumberFormat.Large(layer.Parameters),
        Cell(layer.Activation?.Mean), Cell(layer.Activation?.Std), Cell(layer.Activation?.Rms), Share(layer.Activation?.ZeroFraction), Share(layer.Activation?.DeadFraction),
        Cell(layer.Activation?.EffectiveRank), layer.Gradient is { } g ? Cell(g.Rms) : hasGradients ? "not reached" : "–", Share(layer.Gradient?.ZeroFraction),
        Distance(layer) is double.NegativeInfinity ? "–" : NumberFormat.Value(Distance(layer)),
    ];

    /// <summary>How far the layer is from the others; infinite where its signal is zero or not finite, minus infinity where it was not measured.</summary>
    public double Distance(LayerRow layer) => Math.Max(
        Math.Max(Decades(layer.Activation?.Rms, activationMedian), Decades(layer.Gradient?.Rms, gradientMedian)),
        10 * layer.Activation?.DeadFraction ?? double.NegativeInfinity);

    static double Decades(double? value, double? median)
    {
        if (value is not { } v || median is not { } m) return double.NegativeInfinity;
        return v > 0 && double.IsFinite(v) ? Math.Abs(Math.Log10(v / m)) : double.PositiveInfinity;
    }

    /// <summary>The median of the finite positive values; null for none.</summary>
    static double? Median(IEnumerable<double?> values)
    {
        double[] sorted = [.. values.OfType<double>().Where(v => v > 0 && double.IsFinite(v)).Order()];
        return sorted.Length == 0 ? null : sorted[sorted.Length / 2];
    }

    static string Cell(double? value) => value is { } v ? NumberFormat.Value(v) : "–";

    static string Share(double? value) => value is { } v ? NumberFormat.Percent(v) : "–";
}
