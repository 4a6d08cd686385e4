using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Inference;
using GraphRewriter.Ir;
using Xunit;

namespace GraphRewriter.Tests.Gradients;

public class DifferentiateTests
{
    [Fact]
    public void Gradients_of_inputs_nobody_asked_for_leave_no_nodes_and_no_constants()
    {
        var (graph, x) = SquaredTimesConstant();
        var before = graph.Nodes.Count;
        var result = Differentiate.Run(graph, graph.Outputs[0], [x]);
        var emitted = graph.Nodes.Skip(before).ToList();
        var used = graph.Nodes.SelectMany(n => n.UsedValues()).Concat(result.Gradients.Values).ToHashSet();
        Assert.Equal("", string.Join(", ", emitted.Where(n => !n.Outputs.Any(o => used.Contains(o!))).Select(n => n.Name)));
        Assert.Equal("", string.Join(", ", graph.Initializers.Where(i => !used.Contains(i)).Select(i => i.Name)));
        // The sum's ones are a constant; their product with three is not folded, as three may be a parameter. x times itself leaves two products and their sum.
        Assert.Equal(["Mul", "Mul", "Mul", "Add"], emitted.Select(n => n.OpType));
    }

    [Fact]
    public void Emitted_nodes_carry_the_name_of_the_node_they_differentiate()
    {
        var (graph, x) = SquaredTimesConstant();
        var before = graph.Nodes.Count;
        Differentiate.Run(graph, graph.Outputs[0], [x]);
        Assert.Equal(["scaled", "square", "square"], graph.Nodes.Skip(before).Take(3).Select(n => n.Origin));
    }

    [Fact]
    public void A_stop_is_named_with_its_reason_and_a_missing_rule_as_missing()
    {
        var graph = new Graph();
        var x = new Value("x", ElementType.Float32, Shape.Of(3));
        graph.Inputs.Add(x);
        var rounded = Append(graph, "Round", "rounded", x);
        var unknown = Append(graph, "NoSuchOperator", "unknown", x);
        (unknown.Type, unknown.Shape) = (ElementType.Float32, Shape.Of(3));
        var sum = Append(graph, "Add", "sum", rounded, unknown);
        var loss = Append(graph, "ReduceSum", "loss", sum);
        (loss.Type, loss.Shape) = (ElementType.Float32, Shape.Scalar);
        var result = Differentiate.Run(graph, [(loss, graph.AddInitializer("one", TensorData.Scalar(1.0)))], [x], new Tape(graph));
        Assert.False(result.Gradients.ContainsKey(x));
        Assert.Equal(["rounded: piecewise", "unknown: no gradient rule for 'NoSuchOperator' yet"],
            result.Blocked.Select(b => $"{b.Node.Name}: {(b.IsMissingRule ? b.Reason : b.Reason.Split(' ')[2])}"));
    }

    /// <summary>loss = Σ 3 x², the 3 a constant.</summary>
    static (Graph Graph, Value X) SquaredTimesConstant()
    {
        var graph = new Graph();
        var x = new Value("x", ElementType.Float32, Shape.Of(2, 3));
        graph.Inputs.Add(x);
        var square = Append(graph, "Mul", "square", x, x);
        var scaled = Append(graph, "Mul", "scaled", square, graph.AddInitializer("three", TensorData.Scalar(3.0)));
        var node = new Node("ReduceSum", [scaled], [new Value("loss.out")], [GraphRewriter.Ir.Attribute.Of("keepdims", 0L)], name: "loss");
        graph.Nodes.Add(node);
        ShapeInference.Infer(graph);
        graph.Outputs.Add(node.Output);
        return (graph, x);
    }

    static Value Append(Graph graph, string opType, string name, params Value[] inputs)
    {
        var node = new Node(opType, inputs, [new Value(name + ".out")], name: name);
        graph.Nodes.Add(node);
        ShapeInference.Infer(node);
        return node.Output;
    }
}
