using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Inference;
using GraphRewriter.Ir;
using Xunit;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Gradients;

public class RecurrentGradientTests
{
    const long Features = 3, Hidden = 4;

    [Theory]
    [InlineData(1, 1)]
    [InlineData(7, 3)]
    [InlineData(32, 8)]
    public void One_gradient_graph_made_without_dimensions_serves_every_length_and_batch_size(long steps, long batch)
    {
        var feeds = Feeds(steps, batch);
        using var open = new PlainRuntime(Differentiated(-1, -1));
        using var bound = new PlainRuntime(Differentiated(steps, batch));
        var (expected, found) = (bound.Run(feeds), open.Run(feeds));
        Assert.Equal(4, expected.Count);
        foreach (var (name, gradient) in expected) Assert.True(OrtReference.RelativeDifference(gradient, found[name]) < 1e-5, name);
    }

    [Fact]
    public void The_gradient_graph_does_not_grow_with_the_length()
    {
        Assert.Equal(Differentiated(4, 2).Graph.AllNodes().Count(), Differentiated(400, 2).Graph.AllNodes().Count());
    }

    [Fact]
    public void A_weight_has_no_accumulator_inside_the_loop()
    {
        var backward = Differentiated(4, 2).Graph.Nodes.Last(n => n.Is("Scan"));
        var carried = backward.Inputs.Count - (int)backward.Int("num_scan_inputs");
        Assert.Equal(["state", "state"], backward.Subgraph("body")!.Inputs.Take(carried).Select(i => i.Name.Split('/')[^1].Split('_')[0]));
        Assert.Equal(2, carried);
    }

    /// <summary>An LSTM with the gradients of x, w, r and b; a size below zero is unknown.</summary>
    static Model Differentiated(long steps, long batch)
    {
        var graph = new Graph { Name = "layer" };
        graph.Inputs.AddRange([
            new Value("x", ElementType.Float32, Shape.Of(steps, batch, Features)), new Value("w", ElementType.Float32, Shape.Of(1, 4 * Hidden, Features)),
            new Value("r", ElementType.Float32, Shape.Of(1, 4 * Hidden, Hidden)), new Value("b", ElementType.Float32, Shape.Of(1, 8 * Hidden)),
        ]);
        var node = new Node("LSTM", graph.Inputs, [new Value("y")], [Attribute.Of("hidden_size", Hidden)], "", "node");
        graph.Nodes.Add(node);
        ShapeInference.Infer(graph);
        var targets = graph.Inputs.ToList();
        var cotangent = new Value("dy", ElementType.Float32, node.Output.Shape);
        graph.Inputs.Add(cotangent);
        var result = Differentiate.Run(graph, [(node.Output, cotangent)], targets, new Tape(graph) { Prefix = "grad/" });
        foreach (var target in targets)
        {
            var named = new Value("d" + target.Name + "/named", target.Type, target.Shape);
            graph.Nodes.Add(new Node("Identity", [result.Gradients[target]], [named], name: named.Name));
            graph.Outputs.Add(named);
        }
        var model = new Model(graph);
        model.Opsets[""] = Model.CanonicalOpset;
        return model;
    }

    static Dictionary<string, TensorData> Feeds(long steps, long batch)
    {
        var random = new Random(3);
        TensorData Drawn(params long[] dims) => TensorData.FromNumbers(ElementType.Float32, dims, [.. Enumerable.Range(0, (int)dims.Aggregate(1L, (a, b) => a * b)).Select(_ => random.NextDouble() - 0.5)]);
        return new Dictionary<string, TensorData>(StringComparer.Ordinal)
        {
            ["x"] = Drawn(steps, batch, Features),
            ["w"] = Drawn(1, 4 * Hidden, Features),
            ["r"] = Drawn(1, 4 * Hidden, Hidden),
            ["b"] = Drawn(1, 8 * Hidden),
            ["dy"] = Drawn(steps, 1, batch, Hidden),
        };
    }
}
