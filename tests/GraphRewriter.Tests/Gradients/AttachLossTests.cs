using GraphRewriter.Gradients;
using GraphRewriter.Inference;
using GraphRewriter.Ir;
using Xunit;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Gradients;

public class AttachLossTests
{
    static readonly float[] Logits = [1, 4, -2, 0.5f, 0, 3];

    readonly Graph graph = new();
    readonly Value x = new("x", ElementType.Float32, Shape.Of(2, 3));

    public AttachLossTests() => graph.Inputs.Add(x);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_softmax_written_out_is_stripped_like_the_node(bool withMaximum)
    {
        var shifted = withMaximum ? Op("Sub", x, Column(Op("Max", graph.AddInitializer("least", TensorData.Scalar(float.NegativeInfinity)), Reduced("ReduceMax", x)))) : x;
        var e = Op("Exp", shifted);
        Assert.Equal(x, Attached(Op("Div", e, Column(Reduced("ReduceSum", e)))).AttachedTo);
        Assert.Equal(CrossEntropy(), Loss(), 1e-6f);
    }

    [Fact]
    public void A_shift_by_something_else_than_the_maximum_stays()
    {
        var shifted = Op("Sub", x, Column(Reduced("ReduceMin", x)));
        var e = Op("Exp", shifted);
        Assert.Equal(shifted, Attached(Op("Div", e, Column(Reduced("ReduceSum", e)))).AttachedTo);
        Assert.Equal(CrossEntropy(), Loss(), 1e-6f);
    }

    [Fact]
    public void A_quotient_by_another_sum_is_no_softmax()
    {
        var e = Op("Exp", x);
        var quotient = Op("Div", e, Column(Reduced("ReduceSum", Op("Exp", e))));
        Assert.Equal(quotient, Attached(quotient).AttachedTo);
    }

    [Theory]
    [InlineData("Softmax", LossKind.CrossEntropy)]
    [InlineData("Sigmoid", LossKind.Bce)]
    public void Copies_behind_a_head_change_nothing(string head, LossKind kind)
    {
        var term = Attached(Op("Identity", Op(head, x)));
        Assert.Equal((x, kind, head), (term.AttachedTo, term.Kind, term.Stripped!.OpType));
    }

    [Fact]
    public void A_loss_asked_for_that_takes_no_logits_leaves_the_head()
    {
        var probabilities = Op("Softmax", x);
        Assert.Equal(probabilities, Attached(probabilities, LossKind.Mse).AttachedTo);
    }

    [Theory]
    [InlineData("MatMul", LossKind.CrossEntropy)]
    [InlineData("MatMul Transpose Reshape", LossKind.CrossEntropy)]
    [InlineData("MatMul Add Mul", LossKind.CrossEntropy)]
    [InlineData("MatMul Tanh", LossKind.Mse)]
    [InlineData("MatMul Sigmoid Mul Transpose", LossKind.Mse)]
    [InlineData("MatMul Softmax Unsqueeze", LossKind.Mse)]
    public void What_cannot_be_logits_has_a_squared_loss(string path, LossKind kind)
    {
        var value = x;
        foreach (var opType in path.Split(' '))
        {
            value = opType switch
            {
                "MatMul" => Op(opType, value, graph.AddInitializer("weight", TensorData.FromFloats([3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]))),
                "Add" or "Mul" => Op(opType, value, graph.AddInitializer($"c{opType}", TensorData.Scalar(3f))),
                "Reshape" => Op(opType, value, graph.AddInitializer("shape", TensorData.FromInt64s([2], [2, 3]))),
                "Unsqueeze" => Op(opType, value, graph.AddInitializer("axis", TensorData.FromInt64s([1], [0]))),
                _ => Op(opType, value),
            };
        }
        Assert.Equal(kind, Attached(value).Kind);
    }

    [Fact]
    public void A_gate_of_two_signals_is_no_logit_and_a_sum_of_two_layers_is()
    {
        var (a, b) = (Op("Neg", x), Op("Abs", x));
        Assert.Equal(LossKind.Mse, Attached(Op("Mul", a, b)).Kind);
        graph.Outputs.Clear();
        Assert.Equal(LossKind.CrossEntropy, Attached(Op("Add", a, b)).Kind);
    }

    [Fact]
    public void Boxes_beside_scores_are_numbers()
    {
        Value Boxes(string name, long last)
        {
            var value = new Value(name, ElementType.Float32, Shape.Of(2, 5, last));
            graph.Inputs.Add(value);
            return Op("Identity", value);
        }

        graph.Outputs.AddRange([Op("Softmax", Boxes("scores", 3)), Boxes("boxes", 4)]);
        Assert.Equal([LossKind.CrossEntropy, LossKind.Mse], AttachLoss.Run(graph).Terms.Select(t => t.Kind));
    }

    [Fact]
    public void The_class_axis_of_images_is_that_of_the_sum()
    {
        var image = new Value("image", ElementType.Float32, Shape.Of(2, 5, 4, 4));
        graph.Inputs.Add(image);
        var e = Op("Exp", image);
        var sum = Append(new Node("ReduceSum", [e, graph.AddInitializer("axis", TensorData.FromInt64s([1], [-3]))], [new Value("sum")]));
        var term = Attached(Op("Div", e, sum));
        Assert.Equal((image, 1), (term.AttachedTo, term.ClassAxis));
    }

    /// <summary>The mean cross-entropy of the logits for the classes 1 and 2, in float64.</summary>
    static float CrossEntropy() => (float)Enumerable.Range(0, 2).Average(n => Math.Log(Enumerable.Range(0, 3).Sum(c => Math.Exp(Logits[3 * n + c]))) - Logits[3 * n + n + 1]);

    LossTerm Attached(Value output, LossKind kind = LossKind.Auto)
    {
        graph.Outputs.Add(output);
        var loss = AttachLoss.Run(graph, kind: kind);
        graph.Outputs[0] = loss.Loss;
        return Assert.Single(loss.Terms);
    }

    float Loss()
    {
        var model = new Model(graph);
        model.Opsets[""] = Model.CanonicalOpset;
        using var runtime = new PlainRuntime(model);
        var feeds = new Dictionary<string, TensorData>(StringComparer.Ordinal) { ["x"] = TensorData.FromFloats([2, 3], Logits), ["loss/target"] = TensorData.FromInt64s([2], [1, 2]) };
        return Assert.Single(runtime.Run(feeds)).Value.ToFloats()[0];
    }

    Value Op(string opType, params Value[] inputs) => Append(new Node(opType, inputs, [new Value($"v{graph.Nodes.Count}")]));

    /// <summary>Reduced over the classes, [2].</summary>
    Value Reduced(string opType, Value value)
    {
        Value[] axes = [graph.AddInitializer($"axes{graph.Nodes.Count}", TensorData.FromInt64s([1], [1]))];
        return Append(new Node(opType, [value, .. axes], [new Value($"v{graph.Nodes.Count}")], [Attribute.Of("keepdims", 0L)]));
    }

    /// <summary>[2] as [2, 3].</summary>
    Value Column(Value value) => Op("Expand", Op("Reshape", value, graph.AddInitializer($"column{graph.Nodes.Count}", TensorData.FromInt64s([2], [2, 1]))), graph.AddInitializer($"wide{graph.Nodes.Count}", TensorData.FromInt64s([2], [2, 3])));

    Value Append(Node node)
    {
        graph.Nodes.Add(node);
        ShapeInference.Infer(graph);
        return node.Output;
    }
}
