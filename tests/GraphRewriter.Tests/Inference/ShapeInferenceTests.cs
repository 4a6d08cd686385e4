using GraphRewriter.Ir;
using Xunit;
using static GraphRewriter.Tests.Inference.Inferred;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Inference;

public sealed class ShapeInferenceTests
{
    [Theory]
    [InlineData("2 3", "3", "2 3")]
    [InlineData("2 1", "1 5", "2 5")]
    [InlineData("N 3", "N 3", "N 3")]
    [InlineData("N 3", "1", "N 3")]
    [InlineData("N 3", "? 3", "? 3")]
    [InlineData("? 3", "4 3", "4 3")]
    [InlineData("? 3", "", "? 3")]
    [InlineData("*", "4 3", "*")]
    [InlineData("0 3", "1 3", "0 3")]
    public void Elementwise_operators_broadcast(string a, string b, string expected) => Assert.Equal(expected, Shape("Add", [Tensor(a), Tensor(b)]));

    [Fact]
    public void A_comparison_is_of_truth_values() => Assert.Equal(ElementType.Bool, Node("Less", [Tensor("2"), Tensor("2")]).Output.Type);

    [Theory]
    [InlineData("2 3 4", new long[] { 1 }, 1, "2 1 4")]
    [InlineData("2 3 4", new long[] { -1, 0 }, 0, "3")]
    [InlineData("N 3 4", new long[] { 1 }, 0, "N 4")]
    [InlineData("2 3", new long[] { }, 0, "")]
    public void Reductions_drop_or_keep_axes(string input, long[] axes, long keep, string expected)
    {
        Assert.Equal(expected, Shape("ReduceSum", [Tensor(input), Ints(axes)], Attribute.Of("keepdims", keep)));
        Assert.Equal(expected, Shape("ReduceSum", [Tensor(input)], Attribute.Of("keepdims", keep), Attribute.Of("axes", axes)));
    }

    [Fact]
    public void A_reduction_over_unknown_axes_keeps_the_rank_where_it_keeps_dimensions() =>
        Assert.Equal("? ?", Shape("ReduceMean", [Tensor("2 3"), Tensor("1", ElementType.Int64)]));

    [Fact]
    public void An_empty_reduction_that_does_nothing_keeps_the_shape() => Assert.Equal("2 3", Shape("ReduceSum", [Tensor("2 3")], Attribute.Of("noop_with_empty_axes", 1)));

    [Theory]
    [InlineData("N 3 8 8", "N -1", "N 192")]
    [InlineData("N 3 8 8", "0 -1", "N 192")]
    [InlineData("? 3 8 8", "0 -1", "? 192")]
    [InlineData("? 3 8 8", "? -1", "? ?")]
    [InlineData("N S 768", "N S 12 64", "N S 12 64")]
    [InlineData("N S 12 64", "N S ?", "N S 768")]
    [InlineData("4 6", "-1 8", "3 8")]
    [InlineData("N 6", "-1 6", "N 6")]
    [InlineData("4 6", "2 ?", "2 12")]
    [InlineData("*", "2 -1", "2 ?")]
    [InlineData("N S 768", "-1 768", "N*S 768")]
    [InlineData("N S 12", "N -1", "N 12*S")]
    [InlineData("20 4*N 16", "20 N 64", "20 N 64")]
    [InlineData("20 4*N 16", "20 N -1", "20 N 64")]
    [InlineData("20 N 64", "20 -1 16", "20 4*N 16")]
    [InlineData("N 3", "2 -1", "2 ?")]
    [InlineData("a+b 3 2", "-1 2", "3*(a+b) 2")]
    [InlineData("3*(a+b) 2", "-1 3", "2*(a+b) 3")]
    public void Reshape_works_out_what_is_left(string input, string target, string expected) => Assert.Equal(expected, Shape("Reshape", [Tensor(input), Contents(target)]));

    [Theory]
    [InlineData(0, 3, 1, "3")]
    [InlineData(-3, long.MaxValue, 1, "3")]
    [InlineData(-1, long.MinValue, -1, "10")]
    [InlineData(8, 1, -3, "3")]
    [InlineData(5, 2, 1, "0")]
    [InlineData(1, 100, 4, "3")]
    public void Slice_counts_its_steps(long start, long end, long step, string expected) =>
        Assert.Equal(expected, Shape("Slice", [Tensor("10"), Ints(start), Ints(end), Ints(0), Ints(step)]));

    [Fact]
    public void A_slice_of_the_whole_axis_keeps_its_symbol() => Assert.Equal("N 2", Shape("Slice", [Tensor("N 3"), Ints(0, 1), Ints(long.MaxValue, 3)]));

    [Theory]
    [InlineData("2 3 4", "4 5", "2 3 5")]
    [InlineData("N 1 3 4", "7 4 5", "N 7 3 5")]
    [InlineData("4", "4 5", "5")]
    [InlineData("3 4", "4", "3")]
    [InlineData("4", "4", "")]
    public void MatMul_multiplies_the_last_two_dimensions(string a, string b, string expected) => Assert.Equal(expected, Shape("MatMul", [Tensor(a), Tensor(b)]));

    [Fact]
    public void Shapes_that_cannot_belong_together_are_refused_with_node_and_shapes()
    {
        var e = Assert.Throws<ModelException>(() => Node("MatMul", [Tensor("2 3"), Tensor("4 5")]));
        Assert.Equal(ModelProblem.InvalidGraph, e.Problem);
        Assert.Contains("'n' (MatMul)", e.Message, StringComparison.Ordinal);
        Assert.Contains("2×3", e.Message, StringComparison.Ordinal);
        Assert.Throws<ModelException>(() => Node("Add", [Tensor("2 3"), Tensor("4")]));
        Assert.Throws<ModelException>(() => Node("Concat", [Tensor("2 3"), Tensor("4 4")], Attribute.Of("axis", 0)));
        Assert.Throws<ModelException>(() => Node("Reshape", [Tensor("2 3"), Ints(4, -1)]));
        Assert.Throws<ModelException>(() => Node("Reshape", [Tensor("2 3"), Ints(7)]));
    }

    [Fact]
    public void A_declared_shape_fills_in_what_inference_does_not_know()
    {
        var y = new Value("y", ElementType.Float32, Parse("4 M"));
        GraphRewriter.Inference.ShapeInference.Infer(new Node("Relu", [Tensor("N ?")], [y]));
        Assert.Equal("N M", Text(y.Shape));
    }
}
