using GraphRewriter.Inference;
using GraphRewriter.Ir;
using Xunit;
using static GraphRewriter.Tests.Inference.Inferred;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Inference;

public sealed class ControlFlowTests
{
    static Graph Branch(string op, Value?[] inputs)
    {
        var graph = new Graph();
        var y = new Value("inner");
        graph.Nodes.Add(new Node(op, inputs, [y]));
        graph.Outputs.Add(y);
        return graph;
    }

    [Fact]
    public void Branches_are_joined()
    {
        var x = Tensor("N 3 1");
        var condition = Tensor("", ElementType.Bool);
        string Joined(Graph yes, Graph no) => Shape("If", [condition], Attribute.Of("then_branch", yes), Attribute.Of("else_branch", no));
        Assert.Equal("N 3 1", Joined(Branch("Relu", [x]), Branch("Neg", [x])));
        Assert.Equal("N 3 ?", Joined(Branch("Relu", [x]), Branch("Add", [x, Tensor("5")])));
        Assert.Equal("*", Joined(Branch("Squeeze", [x, Ints(2)]), Branch("Relu", [x])));
    }

    [Fact]
    public void A_branch_that_is_known_to_be_taken_decides_alone()
    {
        var x = Tensor("N 3 1");
        var node = Node("If", [Const(TensorData.FromBools([], [true]))], Attribute.Of("then_branch", Branch("Squeeze", [x, Ints(2)])), Attribute.Of("else_branch", Branch("Relu", [x])));
        Assert.Equal("N 3", Text(node.Output.Shape));
    }

    [Fact]
    public void A_branch_that_cannot_run_is_left_out()
    {
        var x = Tensor("N 3 2");
        var node = Node("If", [Tensor("", ElementType.Bool)], Attribute.Of("then_branch", Branch("Squeeze", [x, Ints(2)])), Attribute.Of("else_branch", Branch("Relu", [x])));
        Assert.Equal("N 3 2", Text(node.Output.Shape));
    }

    static Node Loop(string bodyOperator, Value limit, bool stops)
    {
        var (i, go, state) = (new Value("i"), new Value("go"), new Value("state"));
        var (next, goOn, seen) = (new Value("next"), new Value("goOn"), new Value("seen"));
        var body = new Graph();
        body.Inputs.AddRange([i, go, state]);
        body.Nodes.Add(bodyOperator is "Concat" ? new Node("Concat", [state, state], [next], [Attribute.Of("axis", 0)]) : new Node(bodyOperator, [state], [next]));
        body.Nodes.Add(stops ? new Node("Not", [go], [goOn]) : new Node("Identity", [go], [goOn]));
        body.Nodes.Add(new Node("Relu", [next], [seen]));
        body.Outputs.AddRange([goOn, next, seen]);
        return Node("Loop", 2, [limit, null, Tensor("4 N")], Attribute.Of("body", body));
    }

    [Fact]
    public void A_loop_with_a_known_limit_stacks_its_outputs()
    {
        var node = Loop("Neg", Const(TensorData.Scalar(7L)), stops: false);
        Assert.Equal("4 N, 7 4 N", Shapes(node));
        Assert.Equal(ElementType.Float32, node.Outputs[1]!.Type);
    }

    [Fact]
    public void A_loop_that_may_stop_stacks_an_unknown_number() =>
        Assert.Equal("4 N, ? 4 N", Shapes(Loop("Neg", Const(TensorData.Scalar(7L)), stops: true)));

    [Fact]
    public void A_carried_value_that_grows_has_an_unknown_size() =>
        Assert.Equal("? N, 7 ? N", Shapes(Loop("Concat", Const(TensorData.Scalar(7L)), stops: false)));

    [Fact]
    public void A_scan_slices_and_stacks_along_its_axes()
    {
        var (state, slice, next, seen) = (new Value("state"), new Value("slice"), new Value("next"), new Value("seen"));
        var body = new Graph();
        body.Inputs.AddRange([state, slice]);
        body.Nodes.Add(new Node("Add", [state, slice], [next]));
        body.Nodes.Add(new Node("Relu", [next], [seen]));
        body.Outputs.AddRange([next, seen]);
        var node = Node("Scan", 2, [Tensor("N 5"), Tensor("N T 5")], Attribute.Of("body", body), Attribute.Of("num_scan_inputs", 1), Attribute.Of("scan_input_axes", [1L]), Attribute.Of("scan_output_axes", [-1L]));
        Assert.Equal("N 5, N 5 T", Shapes(node));
    }

    [Fact]
    public void Forgetting_lets_new_input_shapes_through()
    {
        var x = Tensor("1 3");
        var y = new Value("y");
        var graph = new Graph();
        graph.Inputs.Add(x);
        graph.Nodes.Add(new Node("Relu", [x], [y]));
        graph.Outputs.Add(y);
        ShapeInference.Infer(graph);
        x.Shape = Parse("? 3");
        ShapeInference.Forget(graph);
        ShapeInference.Infer(graph);
        Assert.Equal("? 3", Text(y.Shape));
    }
}
