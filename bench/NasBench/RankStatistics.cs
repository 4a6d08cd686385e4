using MathNet.Numerics.Statistics;
using OnnxAuditor.Numerics;

namespace Bench.NasBench;

/// <summary>A statistic and the interval that holds it.</summary>
/// <param name="Value">The statistic of the sample; NaN where it is not defined (fewer than three pairs, or one side constant).</param>
/// <param name="Low">The lower end of the 95 % interval.</param>
/// <param name="High">The upper end.</param>
readonly record struct Estimate(double Value, double Low, double High);

/// <summary>How well one order agrees with another.</summary>
static class RankStatistics
{
    const int Resamples = 1000;

    /// <summary>Spearman's rank correlation, ties at their mean rank; NaN where a side is constant.</summary>
    public static double Spearman(IReadOnlyList<double> x, IReadOnlyList<double> y) => x.Count < 3 ? double.NaN : Correlation.Pearson(Ranks(x), Ranks(y));

    /// <summary>
    /// Kendall's tau-b, in O(n log n) by Knight's algorithm (1966): after sorting by x, the exchanges that sorting by y takes are the discordant pairs. NaN where a side is constant.
    /// </summary>
    public static double Kendall(IReadOnlyList<double> x, IReadOnlyList<double> y)
    {
        var n = x.Count;
        if (n < 3) return double.NaN;
        var order = Enumerable.Range(0, n).ToArray();
        Array.Sort(order, (a, b) => x[a] != x[b] ? x[a].CompareTo(x[b]) : y[a].CompareTo(y[b]));
        var first = order.Select(i => x[i]).ToArray();
        var second = order.Select(i => y[i]).ToArray();
        var both = TiedPairs(n, i => first[i] == first[i - 1] && second[i] == second[i - 1]);
        var tiedX = TiedPairs(n, i => first[i] == first[i - 1]);
        var discordant = SortCounting(second, new double[n], 0, n);
        var tiedY = TiedPairs(n, i => second[i] == second[i - 1]);
        var pairs = (double)n * (n - 1) / 2;
        return (pairs - tiedX - tiedY + both - 2 * discordant) / Math.Sqrt((pairs - tiedX) * (pairs - tiedY));
    }

    /// <summary>The correlation of x and y that the ranks of a third quantity leave: (r_xy - r_xz r_yz) / √((1 - r_xz²)(1 - r_yz²)), Spearman's throughout.</summary>
    public static double PartialSpearman(IReadOnlyList<double> x, IReadOnlyList<double> y, IReadOnlyList<double> given)
    {
        var (xy, xz, yz) = (Spearman(x, y), Spearman(x, given), Spearman(y, given));
        var left = (1 - xz * xz) * (1 - yz * yz);
        return left > 1e-12 ? (xy - xz * yz) / Math.Sqrt(left) : double.NaN;
    }

    /// <summary>A statistic of pairs with its 95 % interval: the percentiles of 1000 samples drawn from the pairs with replacement, seeded.</summary>
    public static Estimate Bootstrap(IReadOnlyList<double> x, IReadOnlyList<double> y, Func<IReadOnlyList<double>, IReadOnlyList<double>, double> statistic)
    {
        var n = x.Count;
        var random = new SeededRandom(0, "bootstrap");
        var (drawnX, drawnY) = (new double[n], new double[n]);
        var values = new List<double>(Resamples);
        for (var r = 0; r < Resamples && n > 0; r++)
        {
            for (var i = 0; i < n; i++)
            {
                var k = (int)random.Integer(n);
                (drawnX[i], drawnY[i]) = (x[k], y[k]);
            }
            var value = statistic(drawnX, drawnY);
            if (!double.IsNaN(value)) values.Add(value);
        }
        return new Estimate(statistic(x, y), values.Count > 0 ? values.Quantile(0.025) : double.NaN, values.Count > 0 ? values.Quantile(0.975) : double.NaN);
    }

    /// <summary>Ranks from 1, ties at their mean.</summary>
    public static double[] Ranks(IReadOnlyList<double> x) => ArrayStatistics.RanksInplace([.. x]);

    /// <summary>The pairs within runs of equal neighbours.</summary>
    static double TiedPairs(int n, Func<int, bool> isTiedWithPrevious)
    {
        double pairs = 0, run = 0;
        for (var i = 1; i < n; i++)
        {
            run = isTiedWithPrevious(i) ? run + 1 : 0;
            pairs += run;
        }
        return pairs;
    }

    /// <summary>Sorts by merging; returns how many pairs stood in the wrong order.</summary>
    static double SortCounting(double[] values, double[] buffer, int start, int end)
    {
        if (end - start < 2) return 0;
        var middle = (start + end) / 2;
        var exchanges = SortCounting(values, buffer, start, middle) + SortCounting(values, buffer, middle, end);
        var (left, right) = (start, middle);
        for (var i = start; i < end; i++)
        {
            var takesLeft = left < middle && (right >= end || values[left] <= values[right]);
            if (!takesLeft) exchanges += middle - left;
            buffer[i] = takesLeft ? values[left++] : values[right++];
        }
        Array.Copy(buffer, start, values, start, end - start);
        return exchanges;
    }
}
