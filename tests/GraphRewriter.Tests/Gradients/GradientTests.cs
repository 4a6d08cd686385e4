using Xunit;

namespace GraphRewriter.Tests.Gradients;

public class GradientTests
{
    public static TheoryData<string> Samples => [.. OpSamples.All.Select(s => s.Id)];

    public static TheoryData<string> DynamicSamples => [.. OpSamples.All.Where(s => s.StaticOnly is null && !s.IsRandom).Select(s => s.Id)];

    public static TheoryData<string> SmoothSamples => [.. OpSamples.All.Where(s => s.NotTwice is null && s.Expected is null && !s.IsRandom).Select(s => s.Id)];

    [Theory]
    [MemberData(nameof(Samples))]
    public void Gradient_is_the_projected_finite_difference(string id) => new GradientCheck(OpSamples.ById[id]).FirstOrder();

    [Theory]
    [MemberData(nameof(DynamicSamples))]
    public void Gradient_made_without_known_dimensions_is_the_same(string id) => new GradientCheck(OpSamples.ById[id]).WithUnknownDimensions();

    [Theory]
    [MemberData(nameof(SmoothSamples))]
    public void Gradient_of_the_gradient_is_the_finite_difference_of_the_gradient(string id) => new GradientCheck(OpSamples.ById[id]).SecondOrder();
}
