using GraphRewriter.Ir;
using Xunit;

namespace GraphRewriter.Tests.Gradients;

public class GradientTypeTests
{
    [Theory]
    [InlineData(ElementType.Float16)]
    [InlineData(ElementType.BFloat16)]
    public void Gradients_have_the_type_and_shape_of_narrow_inputs(ElementType type)
    {
        var wrong = new List<string>();
        foreach (var sample in OpSamples.All)
        {
            var graph = new SampleGraph(sample, new GradientCheck(sample).Values, type);
            foreach (var slot in graph.Differentiate())
            {
                var gradient = graph.Model.Graph.Outputs.Single(o => string.Equals(o.Name, $"g{slot}", StringComparison.Ordinal));
                if (gradient.Type != type || !Shape.SurelyEqual(gradient.Shape, Shape.Of(sample.Inputs[slot]!.Dims))) wrong.Add($"{sample.Id}, input {slot}: {gradient}");
            }
        }
        Assert.Equal("", string.Join('\n', wrong));
    }
}
