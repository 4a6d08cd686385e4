using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Inference;
using GraphRewriter.Ir;
using Xunit;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Inference;

public class NameDimensionsTests
{
    [Fact]
    public void Values_of_one_unknown_size_share_its_name()
    {
        var (graph, relu, scaled, _) = ConvolvedMap();
        NameDimensions.Apply(graph);
        Assert.True(Shape.SurelyEqual(relu.Shape, scaled.Shape));
        Assert.Equal(["2", "4", "unknown_3", "unknown_4"], scaled.Shape!.Select(d => d.ToString()));
    }

    [Fact]
    public void Names_that_the_model_uses_are_left_alone()
    {
        var (graph, relu, _, _) = ConvolvedMap("unknown_1");
        NameDimensions.Apply(graph);
        Assert.Equal("unknown_1", graph.Inputs[0].Shape![2].Symbol);
        Assert.DoesNotContain(relu.Shape!, d => d.Symbol is "unknown_1");
    }

    [Fact]
    public void A_gradient_along_unknown_sizes_asks_nothing_at_run_time()
    {
        var (graph, _, scaled, targets) = ConvolvedMap();
        var cotangent = new Value("dy", scaled.Type, scaled.Shape);
        graph.Inputs.Add(cotangent);
        var before = graph.Nodes.Count;
        Differentiate.Run(graph, [(scaled, cotangent)], targets, new Tape(graph));
        Assert.DoesNotContain(graph.Nodes.Skip(before), n => n.Is("NonZero"));
    }

    /// <summary>3 * relu(conv(x)) over a map of unknown size.</summary>
    static (Graph Graph, Value Relu, Value Scaled, Value[] Targets) ConvolvedMap(string? height = null)
    {
        var graph = new Graph();
        var x = new Value("x", ElementType.Float32, new Shape(2, 3, new Dim(-1, height), Dim.Unknown));
        var w = new Value("w", ElementType.Float32, Shape.Of(4, 3, 3, 3));
        graph.Inputs.AddRange([x, w]);
        Value[] made = [new("conv"), new("relu"), new("scaled")];
        graph.Nodes.Add(new Node("Conv", [x, w], [made[0]], [Attribute.Of("strides", [2L, 2L])], name: "c"));
        graph.Nodes.Add(new Node("Relu", [made[0]], [made[1]], name: "r"));
        graph.Nodes.Add(new Node("Mul", [made[1], graph.AddInitializer("three", TensorData.Scalar(3.0))], [made[2]], name: "m"));
        ShapeInference.Infer(graph);
        return (graph, made[1], made[2], [x, w]);
    }
}
