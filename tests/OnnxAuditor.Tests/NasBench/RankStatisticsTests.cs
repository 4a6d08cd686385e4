using Bench.NasBench;
using MathNet.Numerics.Statistics;
using OnnxAuditor.Numerics;
using Xunit;

namespace OnnxAuditor.Tests.NasBench;

/// <summary>Rank statistics against hand-computed examples, direct counting and MathNet.</summary>
public sealed class RankStatisticsTests
{
    [Fact]
    public void Kendall_of_an_order_with_one_exchange_is_that_of_the_pairs()
    {
        Assert.Equal(2.0 / 3, RankStatistics.Kendall([1, 2, 3, 4], [1, 3, 2, 4]), 1e-15);
        Assert.Equal(-1, RankStatistics.Kendall([1, 2, 3, 4], [9, 7, 5, 1]), 1e-15);
    }

    [Fact]
    public void Kendall_b_divides_by_the_pairs_that_are_not_tied()
    {
        // Six pairs; x ties one, y another: 4 concordant, none discordant, √(5 · 5).
        Assert.Equal(0.8, RankStatistics.Kendall([1, 1, 2, 3], [1, 2, 3, 3]), 1e-15);
        // 12, 2, 1, 12, 2 and 1, 4, 7, 1, 0 are the example of SciPy's documentation.
        Assert.Equal(-0.47140452079103173, RankStatistics.Kendall([12, 2, 1, 12, 2], [1, 4, 7, 1, 0]), 1e-15);
    }

    [Fact]
    public void Spearman_is_one_minus_six_times_the_squared_differences()
    {
        // d² = 0, 1, 1, 0: 1 - 6 · 2 / (4 · 15).
        Assert.Equal(0.8, RankStatistics.Spearman([1, 2, 3, 4], [10, 30, 20, 40]), 1e-15);
        // Mean ranks 1.5, 1.5, 3 against 1, 2, 3.
        Assert.Equal(Math.Sqrt(0.75), RankStatistics.Spearman([5, 5, 6], [1, 2, 3]), 1e-12);
    }

    [Fact]
    public void A_constant_or_too_small_side_has_no_value()
    {
        Assert.True(double.IsNaN(RankStatistics.Spearman([1, 1, 1], [1, 2, 3])));
        Assert.True(double.IsNaN(RankStatistics.Kendall([1, 1, 1], [1, 2, 3])));
        Assert.True(double.IsNaN(RankStatistics.Kendall([1, 2], [1, 2])));
    }

    [Theory]
    [InlineData(200, 7)]
    [InlineData(137, 1000)]
    public void With_many_ties_both_agree_with_other_ways_of_computing_them(int n, int levels)
    {
        var random = new SeededRandom(1, "ranks");
        var x = Enumerable.Range(0, n).Select(_ => (double)random.Integer(levels)).ToArray();
        var y = x.Select(v => v + random.Integer(levels)).ToArray();
        Assert.Equal(Correlation.Spearman(x, y), RankStatistics.Spearman(x, y), 1e-12);
        Assert.Equal(ByPairs(x, y), RankStatistics.Kendall(x, y), 1e-12);
    }

    [Fact]
    public void A_partial_correlation_is_that_of_what_regression_on_the_ranks_leaves()
    {
        var random = new SeededRandom(2, "partial");
        var z = Enumerable.Range(0, 300).Select(_ => random.Normal()).ToArray();
        var x = z.Select(v => v + random.Normal()).ToArray();
        var y = z.Select(v => v + random.Normal()).ToArray();
        var (left, right) = (Residuals(RankStatistics.Ranks(x), RankStatistics.Ranks(z)), Residuals(RankStatistics.Ranks(y), RankStatistics.Ranks(z)));
        Assert.Equal(Correlation.Pearson(left, right), RankStatistics.PartialSpearman(x, y, z), 1e-12);
        Assert.True(double.IsNaN(RankStatistics.PartialSpearman(z, y, z)));
    }

    [Fact]
    public void An_interval_holds_the_value_repeats_and_is_about_as_wide_as_theory_says()
    {
        var random = new SeededRandom(3, "interval");
        var x = Enumerable.Range(0, 400).Select(_ => random.Normal()).ToArray();
        var y = x.Select(v => v + 2 * random.Normal()).ToArray();
        var estimate = RankStatistics.Bootstrap(x, y, RankStatistics.Spearman);
        Assert.Equal(estimate, RankStatistics.Bootstrap(x, y, RankStatistics.Spearman));
        Assert.InRange(estimate.Value, estimate.Low, estimate.High);
        // Fisher's z has a standard error of about 1.03 / √(n - 3).
        var z = Math.Atanh(estimate.Value);
        var half = 1.96 * 1.03 / Math.Sqrt(397);
        Assert.Equal(Math.Tanh(z - half), estimate.Low, 0.03);
        Assert.Equal(Math.Tanh(z + half), estimate.High, 0.03);
    }

    static double[] Residuals(double[] y, double[] x)
    {
        var (meanX, meanY) = (x.Average(), y.Average());
        var slope = x.Zip(y, (a, b) => (a - meanX) * (b - meanY)).Sum() / x.Sum(a => (a - meanX) * (a - meanX));
        return [.. x.Zip(y, (a, b) => b - meanY - slope * (a - meanX))];
    }

    static double ByPairs(double[] x, double[] y)
    {
        double balance = 0, differX = 0, differY = 0;
        for (var i = 0; i < x.Length; i++)
        {
            for (var j = 0; j < i; j++)
            {
                balance += Math.Sign(x[i] - x[j]) * Math.Sign(y[i] - y[j]);
                differX += x[i] != x[j] ? 1 : 0;
                differY += y[i] != y[j] ? 1 : 0;
            }
        }
        return balance / Math.Sqrt(differX * differY);
    }
}
