using OnnxAuditor.Numerics;
using Xunit;

namespace OnnxAuditor.Tests.Numerics;

public class TensorStatisticsTests
{
    /// <summary>Lengths around a vector's, with what is rare put in at every place: each of NaN, infinities, zeros and denormals is counted once, wherever it stands.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(9)]
    [InlineData(31)]
    [InlineData(1000)]
    public void Every_element_counts_wherever_it_stands(int length)
    {
        var random = new Random(length);
        float[] rare = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, 0f, -0f, 1e-40f, -1e-45f, 1e30f, -3e30f];
        for (var trial = 0; trial < 20; trial++)
        {
            var values = new float[length];
            for (var i = 0; i < length; i++) values[i] = random.Next(6) == 0 ? rare[random.Next(trial % 2 == 0 ? rare.Length : 7)] : (float)(random.NextDouble() - 0.3);
            Check(values, TensorStatistics.Of(values));
        }
    }

    [Fact]
    public void Numbers_far_from_zero_keep_their_variance()
    {
        var values = Enumerable.Range(0, 10_001).Select(i => 1000 + i % 3 * 0.25f).ToArray();
        Check(values, TensorStatistics.Of(values));
    }

    static void Check(float[] values, TensorStatistics seen)
    {
        var finite = values.Where(float.IsFinite).ToArray();
        Assert.Equal((values.LongLength, values.LongCount(float.IsNaN), values.LongCount(float.IsInfinity)), (seen.Count, seen.NotANumber, seen.Infinite));
        Assert.Equal(Array.FindIndex(values, v => !float.IsFinite(v)), seen.FirstNonFinite);
        Assert.Equal((finite.LongCount(v => v == 0), finite.LongCount(v => v != 0 && float.IsSubnormal(v))), (seen.Zeros, seen.Subnormal));
        if (finite.Length == 0) return;
        Assert.Equal((finite.Min(), finite.Max()), (seen.Minimum, seen.Maximum));
        var mean = finite.Average(v => (double)v);
        var variance = finite.Average(v => (v - mean) * (v - mean));
        Assert.Equal(mean, seen.Mean, 1e-12 * finite.Max(v => Math.Abs((double)v)) + 1e-300);
        if (finite.Min() == finite.Max()) return;
        Assert.Equal(1, seen.Variance / variance, 1e-9);
        Assert.Equal(1, seen.Kurtosis * variance * variance / finite.Average(v => Math.Pow(v - mean, 4)), 1e-9);
    }
}
