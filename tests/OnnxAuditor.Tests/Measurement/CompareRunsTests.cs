using GraphRewriter.Ir;
using OnnxAuditor.Measurement;
using Xunit;

namespace OnnxAuditor.Tests.Measurement;

public class CompareRunsTests
{
    static readonly Dictionary<string, TensorData> Feeds = new(StringComparer.Ordinal)
    {
        ["x"] = TensorData.FromFloats([4], [0, 1, -2, 3]),
        ["n"] = TensorData.Vector(5),
    };

    [Fact]
    public void Rounding_is_agreement() =>
        Assert.Equal(Agreement.Agrees, Judged(x => x.Select(v => Math.Sin(v)), x => x.Select(v => (double)MathF.Sin((float)v))));

    [Fact]
    public void An_error_of_a_thousandth_is_one() =>
        Assert.Equal(Agreement.Differs, Judged(x => x.Select(v => Math.Cos(v)), x => x.Select(v => 1.001 * Math.Cos(v))));

    [Fact]
    public void Two_subgradients_at_a_kink_are_no_error() =>
        Assert.Equal(Agreement.Kink, Judged(x => x.Select(v => v > 0 ? 1.0 : 0), x => x.Select(v => v >= 0 ? 1.0 : 0)));

    [Fact]
    public void Rounding_that_is_blown_up_is_no_error() =>
        Assert.Equal(Agreement.Kink, Judged(x => x.Select(v => Math.Sin(1e5 * v)), x => x.Select(v => Math.Sin(1e5 * (v + 1e-7)))));

    [Fact]
    public void A_shape_or_a_NaN_of_its_own_is_an_error()
    {
        Assert.Equal(Agreement.Differs, Judged(x => x, x => x.Skip(1)));
        Assert.Equal(Agreement.Differs, Judged(x => x.Select(v => v + 1), x => x.Select(v => v + 1 + (Math.Abs(v) < 0.5 ? double.NaN : 0))));
        Assert.Equal(Agreement.Agrees, Judged(x => x.Select(_ => double.NaN), x => x.Select(_ => double.NaN)));
    }

    [Fact]
    public void A_gradient_that_is_zero_but_for_rounding_is_held_against_the_largest_one()
    {
        var names = new[] { "weight", "bias in front of a norm" };
        PairOfRuns run = feeds => [(Numbers([1, 2]), Numbers([1, 2.00001])), (Numbers([3e-8]), Numbers([-2e-8]))];

        Assert.All(CompareRuns.Judge(names, _ => true, run, Feeds), t => Assert.Equal(Agreement.Agrees, t.Agreement));
        Assert.Equal(Agreement.Differs, CompareRuns.Judge(names, i => i == 0, run, Feeds)[1].Agreement);
    }

    static Agreement Judged(Func<IEnumerable<double>, IEnumerable<double>> first, Func<IEnumerable<double>, IEnumerable<double>> second)
    {
        var compared = CompareRuns.Judge(["y"], _ => false, feeds => [(Numbers(first(feeds["x"].ToDoubles())), Numbers(second(feeds["x"].ToDoubles())))], Feeds);
        return Assert.Single(compared).Agreement;
    }

    static TensorData Numbers(IEnumerable<double> values)
    {
        double[] all = [.. values];
        return TensorData.FromDoubles([all.Length], all);
    }
}
