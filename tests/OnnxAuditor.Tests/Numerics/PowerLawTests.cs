using OnnxAuditor.Numerics;
using Xunit;

namespace OnnxAuditor.Tests.Numerics;

public sealed class PowerLawTests
{
    [Fact]
    public void Three_values_give_the_exponent_by_hand()
    {
        // α = 1 + 3 / (ln 1 + ln e + ln e²) = 2 for the tail from 1 on; shorter tails are not looked at.
        var fit = PowerLaw.Fit([1, Math.E, Math.E * Math.E], 3)!;
        Assert.Equal(2, fit.Alpha, 1e-12);
        Assert.Equal(3, fit.Tail);
    }

    [Theory]
    [InlineData(2.5)]
    [InlineData(4)]
    public void The_exponent_of_a_Pareto_sample_is_found_behind_a_body_that_is_none(double alpha)
    {
        var random = new SeededRandom(0, "pareto");
        var tail = Enumerable.Range(0, 2000).Select(_ => 10 * Math.Pow(1 - random.Uniform(), -1 / (alpha - 1)));
        var body = Enumerable.Range(0, 1000).Select(_ => 10 * random.Uniform());
        var fit = PowerLaw.Fit([.. tail.Concat(body).Order()], 10)!;
        Assert.Equal(alpha, fit.Alpha, 0.15 * alpha);
        Assert.InRange(fit.Minimum, 7, 20);
    }

    [Fact]
    public void Equal_values_have_no_tail() => Assert.Null(PowerLaw.Fit([2, 2, 2, 2], 2));

    [Fact]
    public void The_exponent_does_not_depend_on_the_unit()
    {
        double[] values = [0.5, 1, 1.5, 4, 9, 20];
        Assert.Equal(PowerLaw.Fit(values, 3)!.Alpha, PowerLaw.Fit([.. values.Select(v => 1000 * v)], 3)!.Alpha, 1e-10);
    }
}
