using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Xunit;

namespace GraphRewriter.Tests.Emission;

public class MergeEqualNodesTests
{
    readonly Graph graph = new();
    readonly Value x = new("x", ElementType.Float32, Shape.Of(2, 3));

    public MergeEqualNodesTests() => graph.Inputs.Add(x);

    [Fact]
    public void Equal_chains_become_one_and_give_the_same_numbers()
    {
        var (first, second) = (Squares("a"), Squares("b"));
        Show(Append("Add", "sum", [first, second]));
        var before = Run();
        Assert.Equal(2, Merge());
        Assert.Equal(["Transpose", "Mul", "Add"], graph.Nodes.Select(n => n.OpType));
        Assert.Equal(before, Run());
    }

    [Fact]
    public void Constants_of_equal_contents_are_one_but_parameters_stay_apart()
    {
        Value[] ones = [graph.AddInitializer("one", TensorData.Scalar(2f)), graph.AddInitializer("other", TensorData.Scalar(2f)), graph.AddInitializer("weight", TensorData.Scalar(2f))];
        Show(Append("Sum", "sum", [.. ones.Select((c, i) => Append("Mul", $"m{i}", [x, c]))]));
        var before = Run();
        Assert.Equal(1, Merge(ones[2]));
        Assert.Equal(["one", "weight"], graph.Initializers.Select(i => i.Name));
        Assert.Equal(before, Run());
    }

    [Fact]
    public void Nodes_that_differ_in_an_attribute_a_type_or_the_order_of_operands_stay()
    {
        var one = graph.AddInitializer("one", TensorData.Scalar(1f));
        Value[] parts =
        [
            Append("ReduceSum", "keeps", [x], Ir.Attribute.Of("keepdims", 1L)), Append("ReduceSum", "drops", [x], Ir.Attribute.Of("keepdims", 0L)),
            Append("Sub", "left", [x, one]), Append("Sub", "right", [one, x]),
        ];
        Show(Append("Sum", "sum", parts));
        Assert.Equal(0, Merge());
        Assert.Equal(5, graph.Nodes.Count);
    }

    [Fact]
    public void What_the_graph_shows_keeps_its_name()
    {
        Show(Squares("a"));
        Show(Squares("b"));
        var before = Run();
        // The transposes merge; the products are both shown.
        Assert.Equal(1, Merge());
        Assert.Equal(["a.square", "b.square"], graph.Outputs.Select(o => o.Name));
        Assert.Equal(before, Run());
    }

    [Fact]
    public void Draws_are_never_one()
    {
        Value[] draws = [Append("RandomNormalLike", "a", [x]), Append("RandomNormalLike", "b", [x])];
        Show(Append("Sub", "difference", draws));
        Assert.Equal(0, Merge());
    }

    [Fact]
    public void Uses_inside_of_branches_follow()
    {
        Show(Squares("a"));
        var inner = new Graph { Name = "branch" };
        var absolute = new Node("Abs", [Append("Transpose", "again", [x])], [new Value("abs", ElementType.Float32, Shape.Of(3, 2))], name: "abs");
        inner.Nodes.Add(absolute);
        inner.Outputs.Add(absolute.Output);
        var plain = new Graph { Name = "other" };
        var same = new Node("Identity", [graph.Nodes[^1].Output], [new Value("same", ElementType.Float32, Shape.Of(3, 2))], name: "same");
        plain.Nodes.Add(same);
        plain.Outputs.Add(same.Output);
        Show(Append("If", "choice", [graph.AddInitializer("yes", TensorData.FromBytes(ElementType.Bool, [], new byte[] { 1 }))], Ir.Attribute.Of("then_branch", inner), Ir.Attribute.Of("else_branch", plain)));
        var before = Run();
        Assert.Equal(1, Merge());
        Assert.Equal(graph.Nodes[0].Output, absolute.Inputs[0]);
        Assert.Equal(before, Run());
    }

    Value Squares(string name)
    {
        var turned = Append("Transpose", $"{name}.turned", [x]);
        return Append("Mul", $"{name}.square", [turned, turned]);
    }

    int Merge(params Value[] apart) => MergeEqualNodes.Apply(graph, apart.ToHashSet());

    void Show(Value value) => graph.Outputs.Add(value);

    Value Append(string opType, string name, Value[] inputs, params Ir.Attribute[] attributes)
    {
        var node = new Node(opType, inputs, [new Value(name, ElementType.Float32)], attributes, name: name);
        graph.Nodes.Add(node);
        return node.Output;
    }

    float[][] Run()
    {
        var model = new Model(graph);
        model.Opsets[""] = Model.CanonicalOpset;
        using var runtime = new PlainRuntime(model);
        var results = runtime.Run(new Dictionary<string, TensorData>(StringComparer.Ordinal) { ["x"] = TensorData.FromFloats([2, 3], [1, -2, 3, -4, 5, -6]) });
        return [.. results.OrderBy(r => r.Key, StringComparer.Ordinal).Select(r => r.Value.ToFloats())];
    }
}
