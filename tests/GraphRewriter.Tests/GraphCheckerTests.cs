using GraphRewriter.Ir;
using Xunit;

namespace GraphRewriter.Tests;

public class GraphCheckerTests
{
    readonly Value x = new("x", ElementType.Float32, Shape.Of(2));
    readonly Value y = new("y");
    readonly Graph graph = new() { Name = "g" };

    public GraphCheckerTests()
    {
        graph.Inputs.Add(x);
        graph.Outputs.Add(y);
    }

    [Fact]
    public void A_sound_graph_with_a_subgraph_that_uses_outer_values_has_no_errors()
    {
        var (t, inner) = (new Value("t"), new Value("inner"));
        var branch = new Graph { Outputs = { inner } };
        branch.Nodes.Add(new Node("Neg", [t], [inner]));
        graph.Nodes.Add(new Node("Relu", [x], [t]));
        graph.Nodes.Add(new Node("If", [x], [y], [Ir.Attribute.Of("then_branch", branch)]));

        Assert.Empty(Check());
    }

    [Fact]
    public void A_use_before_the_definition_and_of_nothing_are_told_apart()
    {
        var t = new Value("t");
        graph.Nodes.Add(new Node("Add", [t, new Value("gone")], [y], name: "sum"));
        graph.Nodes.Add(new Node("Relu", [x], [t]));

        Assert.Equal(["node Add 'sum': its input 0, 't', is defined later, or where it cannot be seen", "node Add 'sum': its input 1, 'gone', is defined nowhere"], Check());
    }

    [Fact]
    public void A_value_inside_a_subgraph_cannot_be_used_outside()
    {
        var inner = new Value("inner");
        var branch = new Graph { Outputs = { inner } };
        branch.Nodes.Add(new Node("Neg", [x], [inner]));
        graph.Nodes.Add(new Node("If", [x], [new Value("z")], [Ir.Attribute.Of("then_branch", branch)]));
        graph.Nodes.Add(new Node("Relu", [inner], [y], name: "r"));

        Assert.Equal(["node Relu 'r': its input 0, 'inner', is defined later, or where it cannot be seen"], Check());
    }

    [Fact]
    public void A_value_with_two_producers_is_an_error()
    {
        graph.Nodes.Add(new Node("Relu", [x], [y], name: "first"));
        graph.Nodes.Add(new Node("Neg", [x], [y], name: "second"));

        Assert.Equal(["node Relu 'first': its output 'y' takes Neg 'second' for its producer", "node Neg 'second': output 'y': is defined twice"], Check());
    }

    [Fact]
    public void Two_values_of_one_name_an_undefined_output_and_an_empty_initializer_are_errors()
    {
        graph.Nodes.Add(new Node("Relu", [x], [new Value("x")], name: "r"));
        graph.Initializers.Add(new Value("w"));

        Assert.Equal(["initializer 'w': has no contents", "node Relu 'r': output 'x': has the name of another value", "output 'y': is defined nowhere"], Check());
    }

    [Fact]
    public void A_node_that_is_in_the_graph_twice_is_an_error()
    {
        var node = new Node("Relu", [x], [y], name: "r");
        graph.Nodes.Add(node);
        graph.Nodes.Add(node);

        Assert.Contains("node Relu 'r': is in the model twice", Check());
    }

    [Fact]
    public void Standard_operators_need_an_operator_set()
    {
        graph.Nodes.Add(new Node("Relu", [x], [y], name: "r"));

        Assert.Equal(["model: standard operators are used (first by node Relu 'r'), but no version of the standard operator set is imported"], GraphChecker.Check(new Model(graph)));
    }

    IReadOnlyList<string> Check() => GraphChecker.Check(new Model(graph) { Opsets = { [""] = 17 } });
}
