using System.Globalization;
using OnnxAuditor.Proxies;

namespace Bench.NasBench;

/// <summary>The page of results.</summary>
static class NasResults
{
    /// <summary>Writes what scores say of a sample.</summary>
    /// <param name="page">The page.</param>
    /// <param name="entries">The cells of the sample.</param>
    /// <param name="scores">Their scores.</param>
    public static void Write(ResultsPage page, IReadOnlyList<Nas201Entry> entries, IReadOnlyList<NasScore> scores)
    {
        var lowerIsBetter = ProxyRegistry.All.Where(p => !p.HigherIsBetter).Select(p => p.Id).ToHashSet(StringComparer.Ordinal);
        var columns = NasColumn.Of([.. entries.Select(e => e.Index)], scores, lowerIsBetter);
        double[][] accuracies = [.. Nas201Table.DataSets.Select((_, d) => entries.Select(e => e.Accuracies[d]).ToArray())];
        var size = columns.Find(c => c is { Proxy: "parameters", Component: "" });
        var rows = columns.AsParallel().AsOrdered().Select(c => new Ranked(c, accuracies, size)).ToList();

        page.Line(string.Create(CultureInfo.InvariantCulture, $"{entries.Count} of the 15,625 cells, drawn by seed; each proxy is computed once, on one draw of the cell's weights, by the program's own code. Accuracies are those after 200 epochs that bench/NasBench/README.md tells of."));
        page.Line("ρ is Spearman's and τ Kendall's (tau-b) rank correlation with the accuracy over the cells that have a value; brackets hold 95 % intervals from 1000 bootstrap samples of the cells.");
        page.Line("*Top tenth* is ρ among the tenth of the cells with the highest accuracy (between two trainings of the same cells it is no more than about 0.65); *none last* is ρ with cells without value put last;");
        page.Line("*size known* is ρ given the ranks of the parameter count. *Calibration* is an implementation that shares nothing with this program, on about 600 cells under the same conditions; *published* is what");
        page.Line("the sources report under their own. Where low scores are good, the sign is turned.");
        page.Line();
        page.Line("Settings:");
        page.Line();
        foreach (var setting in NasSetting.All.Where(s => columns.Exists(c => c.Setting == s.Id)))
        {
            var scored = columns.Where(c => c.Setting == setting.Id).Min(c => c.Scored.Count(s => s));
            page.Line(string.Create(CultureInfo.InvariantCulture, $"- `{setting.Id}`: {setting.Text}{(scored < entries.Count ? $"; {scored} of the cells have all of its scores" : "")}"));
        }
        if (columns.Exists(c => c.Setting == NasCombination.Setting)) page.Line($"- `{NasCombination.Setting}`: from parts of several settings, or from ranks within the sample");
        page.Line();
        page.Line("*Affine* cells have BatchNormalization with scale and shift and convolutions without bias, *plain* ones neither scale nor shift, and biases. Batch statistics and PyTorch's initialisation unless the proxy says otherwise.");
        page.Line();

        var whole = rows.FindAll(r => r.Column.Component.Length == 0);
        page.Line("## CIFAR-10");
        page.Line();
        page.Table(["proxy", "setting", "cells", "ρ", "τ", "top tenth", "none last", "size known", "calibration", "published"], whole.Select(r => r.Headline()));
        page.Line("## CIFAR-100 and ImageNet16-120");
        page.Line();
        page.Table(["proxy", "setting", "ρ CIFAR-100", "τ CIFAR-100", "ρ ImageNet16-120", "τ ImageNet16-120", "calibration, both", "published, both"], whole.Select(r => r.Others()));
        page.Line("## Components");
        page.Line();
        page.Line("As they are, without regard to which direction is good.");
        page.Line();
        page.Table(["component", "setting", "cells", "ρ CIFAR-10", "τ CIFAR-10", "ρ CIFAR-100", "ρ ImageNet16-120", "calibration", "published"], rows.FindAll(r => r.Column.Component.Length > 0 && r.Varies).Select(r => r.Part()));
        WriteFailures(page, scores);
        page.Line("## Time");
        page.Line();
        page.Line("Seconds a cell and setting with all of its proxies, one thread: canonicalising, instrumenting, making sessions and running. Only as exact as the machine was idle.");
        page.Line();
        page.Table(["setting", "proxies", "median, s", "slowest tenth, s"], scores.GroupBy(s => s.Setting, StringComparer.Ordinal).OrderBy(g => Array.FindIndex(NasSetting.All, s => s.Id == g.Key)).Select(Times));
    }

    static string[] Times(IGrouping<string, NasScore> setting)
    {
        // Scores that were computed together carry the same time.
        var runs = setting.GroupBy(s => s.Cell).Select(c => c.Select(s => s.Seconds).Distinct().Sum()).Order().ToList();
        return [setting.Key, string.Join(", ", setting.Select(s => s.Proxy).Distinct(StringComparer.Ordinal)), ResultsPage.Digits(runs[runs.Count / 2]), ResultsPage.Digits(runs[runs.Count * 9 / 10])];
    }

    static void WriteFailures(ResultsPage page, IReadOnlyList<NasScore> scores)
    {
        var failed = scores.Where(s => s.Value is null).GroupBy(s => (s.Setting, s.Proxy, s.Reason)).OrderByDescending(g => g.Count()).ToList();
        if (failed.Count == 0) return;
        page.Line("## Cells without value");
        page.Line();
        page.Table(["proxy", "setting", "cells", "reason of most"], failed.GroupBy(g => (g.Key.Setting, g.Key.Proxy))
            .Select(g => (string[])[g.Key.Proxy, g.Key.Setting, g.Sum(x => x.Count()).ToString(CultureInfo.InvariantCulture), g.First().Key.Reason]));
    }

    /// <summary>A column's agreement with the accuracies.</summary>
    sealed class Ranked
    {
        readonly Estimate[] rho, tau;
        readonly double top, last, given;

        public Ranked(NasColumn column, double[][] accuracies, NasColumn? size)
        {
            Column = column;
            var beside = accuracies.Select(column.Beside).ToList();
            rho = [.. beside.Select(b => RankStatistics.Bootstrap(b.Own, b.Others, RankStatistics.Spearman))];
            tau = [.. beside.Select(b => RankStatistics.Bootstrap(b.Own, b.Others, RankStatistics.Kendall))];
            top = Spearman(column.TopBeside(accuracies[0]));
            last = Spearman(column.LastBeside(accuracies[0]));
            given = size is null ? double.NaN : RankStatistics.PartialSpearman(beside[0].Own, beside[0].Others, column.Beside(size.Values).Others);
        }

        public NasColumn Column { get; }

        /// <summary>Whether the column tells cells apart.</summary>
        public bool Varies => !double.IsNaN(rho[0].Value);

        string Name => Column.Component.Length == 0 ? Column.Proxy : $"{Column.Proxy}.{Column.Component}";

        string Cells => Column.Defined.Count().ToString(CultureInfo.InvariantCulture);

        NasReference? Reference => NasReference.Of(Column);

        public string[] Headline() => [Name, Column.Setting, Cells, Show(rho[0]), Show(tau[0]), Show(top), Show(last), Show(given), Reference?.Calibration ?? "", Reference?.Published ?? ""];

        public string[] Others() => [Name, Column.Setting, Show(rho[1]), Show(tau[1]), Show(rho[2]), Show(tau[2]), Reference?.CalibrationOfOthers ?? "", Reference?.PublishedOfOthers ?? ""];

        public string[] Part() => [Name, Column.Setting, Cells, Show(rho[0]), Show(tau[0]), Show(rho[1]), Show(rho[2]), Reference?.Calibration ?? "", Reference?.Published ?? ""];

        static double Spearman((double[] Own, double[] Others) pairs) => RankStatistics.Spearman(pairs.Own, pairs.Others);

        static string Show(Estimate e) => double.IsNaN(e.Value) ? "–" : $"{Show(e.Value)} [{Show(e.Low)}, {Show(e.High)}]";

        static string Show(double value) => double.IsNaN(value) ? "–" : value.ToString("0.000", CultureInfo.InvariantCulture);
    }
}
