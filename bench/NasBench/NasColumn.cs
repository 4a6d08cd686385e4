namespace Bench.NasBench;

/// <summary>A score, or a component of one, over the cells of a sample.</summary>
/// <param name="Setting">The setting's id.</param>
/// <param name="Proxy">The proxy's id.</param>
/// <param name="Component">The component; empty for the score itself.</param>
/// <param name="Values">The values, higher being better for scores, in the order of the cells; NaN where there is none.</param>
/// <param name="Scored">Which cells were scored, with or without result.</param>
sealed record NasColumn(string Setting, string Proxy, string Component, double[] Values, bool[] Scored)
{
    /// <summary>The cells that have a value.</summary>
    public IEnumerable<int> Defined => Enumerable.Range(0, Values.Length).Where(i => !double.IsNaN(Values[i]));

    /// <summary>The values of the cells that have one, beside those of another quantity.</summary>
    public (double[] Own, double[] Others) Beside(double[] others) => ([.. Defined.Select(i => Values[i])], [.. Defined.Select(i => others[i])]);

    /// <summary>The same with cells without value at the end of the order.</summary>
    public (double[] Own, double[] Others) LastBeside(double[] others)
    {
        var cells = Enumerable.Range(0, Values.Length).Where(i => Scored[i]).ToList();
        return ([.. cells.Select(i => double.IsNaN(Values[i]) ? double.NegativeInfinity : Values[i])], [.. cells.Select(i => others[i])]);
    }

    /// <summary>The values of the tenth of the cells with the highest of another quantity.</summary>
    public (double[] Own, double[] Others) TopBeside(double[] others)
    {
        var best = Defined.OrderByDescending(i => others[i]).Take(Math.Max(1, Defined.Count() / 10)).ToList();
        return ([.. best.Select(i => Values[i])], [.. best.Select(i => others[i])]);
    }

    /// <summary>The columns of some scores: each score, then its components, then what is made of components over the whole sample.</summary>
    /// <param name="cells">The cells' indices.</param>
    /// <param name="scores">The scores.</param>
    /// <param name="lowerIsBetter">The proxies of which low scores are good; these are negated.</param>
    public static List<NasColumn> Of(IReadOnlyList<int> cells, IReadOnlyList<NasScore> scores, IReadOnlySet<string> lowerIsBetter)
    {
        var place = cells.Index().ToDictionary(c => c.Item, c => c.Index);
        var columns = new List<NasColumn>();
        foreach (var group in scores.Where(s => place.ContainsKey(s.Cell)).GroupBy(s => (s.Setting, s.Proxy)).OrderBy(g => Array.FindIndex(NasSetting.All, s => s.Id == g.Key.Setting)))
        {
            var components = group.SelectMany(s => s.Components.Keys).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);
            foreach (var component in components.Prepend(""))
            {
                var (values, scored) = (new double[cells.Count], new bool[cells.Count]);
                Array.Fill(values, double.NaN);
                foreach (var score in group)
                {
                    var value = component.Length > 0 ? score.Components.GetValueOrDefault(component, double.NaN) : score.Value ?? double.NaN;
                    values[place[score.Cell]] = component.Length == 0 && lowerIsBetter.Contains(group.Key.Proxy) ? -value : value;
                    scored[place[score.Cell]] = true;
                }
                columns.Add(new NasColumn(group.Key.Setting, group.Key.Proxy, component, values, scored));
            }
        }
        columns.AddRange(NasCombination.Of(columns));
        return columns;
    }
}

/// <summary>Scores made of components of several settings, or of ranks within the sample.</summary>
static class NasCombination
{
    /// <summary>The setting under which combinations are listed.</summary>
    public const string Setting = "combined";

    static readonly string[] AzNasParts = ["expressivity", "progressivity", "trainability", "complexity"];

    /// <summary>The combinations whose parts are there.</summary>
    public static IEnumerable<NasColumn> Of(IReadOnlyList<NasColumn> columns)
    {
        // Features from an image of the data set's size, curvature at 64×64, as the source's script has them.
        if (Find(columns, "plain-image", "dextr", "S") is { } features && Find(columns, "plain-size64", "dextr", "kappa") is { } curvature)
            yield return Combined("dextr", [features, curvature], i => Harmonic(Math.Log(1 + features.Values[i]), Math.Log(1 + curvature.Values[i])));
        // AZ-NAS ranks by the sum of the logarithms of four ranks.
        var az = AzNasParts.Select(c => Find(columns, "images32-he", "az_nas", c)).OfType<NasColumn>().ToArray();
        if (az.Length == AzNasParts.Length)
        {
            var ranks = az.Select(Ranks).ToList();
            yield return Combined("az_nas", az, i => ranks.Sum(r => Math.Log(r[i])));
        }
        // TE-NAS adds the ranks of two measures; low condition numbers are good, which the score's sign says already.
        if (Find(columns, "images24", "ntk_condition", "") is { } ntk && Find(columns, "images32", "linear_regions", "") is { } regions)
        {
            var (a, b) = (Ranks(ntk), Ranks(regions));
            yield return Combined("ntk_condition + linear_regions", [ntk, regions], i => a[i] + b[i]);
        }
    }

    static NasColumn? Find(IReadOnlyList<NasColumn> columns, string setting, string proxy, string component) => columns.FirstOrDefault(c => c.Setting == setting && c.Proxy == proxy && c.Component == component);

    static NasColumn Combined(string name, NasColumn[] parts, Func<int, double> value)
    {
        var scored = parts[0].Scored.Select((_, i) => Array.TrueForAll(parts, p => p.Scored[i])).ToArray();
        return new NasColumn(Setting, name, "", [.. scored.Select((s, i) => s && Array.TrueForAll(parts, p => !double.IsNaN(p.Values[i])) ? value(i) : double.NaN)], scored);
    }

    static double Harmonic(double a, double b) => a * b / (a + b);

    /// <summary>Ranks among the cells that have a value.</summary>
    static double[] Ranks(NasColumn column)
    {
        var defined = column.Defined.ToList();
        var ranks = new double[column.Values.Length];
        foreach (var (k, rank) in RankStatistics.Ranks([.. defined.Select(i => column.Values[i])]).Index()) ranks[defined[k]] = rank;
        return ranks;
    }
}
