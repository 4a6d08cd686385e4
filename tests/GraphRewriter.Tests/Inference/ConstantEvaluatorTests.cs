using GraphRewriter.Ir;
using Xunit;
using static GraphRewriter.Tests.Inference.Inferred;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Inference;

public sealed class ConstantEvaluatorTests
{
    [Theory]
    [InlineData("Add", 7, -2, 5)]
    [InlineData("Sub", 7, -2, 9)]
    [InlineData("Mul", 7, -2, -14)]
    [InlineData("Div", 7, -2, -3)]
    [InlineData("Div", -7, 2, -3)]
    [InlineData("Mod", -7, 3, 2)]
    [InlineData("Mod", 7, -3, -2)]
    [InlineData("Mod", -6, 3, 0)]
    [InlineData("Pow", -2, 3, -8)]
    [InlineData("Min", 7, -2, -2)]
    [InlineData("Max", 7, -2, 7)]
    [InlineData("Mul", long.MaxValue, 2, -2)]
    [InlineData("Div", long.MinValue, -1, long.MinValue)]
    public void Integers_are_computed_as_the_runtimes_do(string op, long a, long b, long expected) =>
        Assert.Equal([expected], Node(op, [Ints(a), Ints(b)]).Output.Evaluated!.ToInt64s());

    [Fact]
    public void C_remainder_has_the_sign_of_the_dividend() =>
        Assert.Equal([-1L], Node("Mod", [Ints(-7), Ints(3)], Attribute.Of("fmod", 1)).Output.Evaluated!.ToInt64s());

    [Fact]
    public void Division_by_zero_stays_unknown() => Assert.Null(Node("Div", [Ints(1), Ints(0)]).Output.Evaluated);

    [Fact]
    public void Arithmetic_broadcasts()
    {
        var column = Const(TensorData.FromInt64s([2, 1], [10, 20]));
        var result = Node("Add", [column, Ints(1, 2, 3)]).Output.Evaluated!;
        Assert.Equal([2L, 3L], result.Dims);
        Assert.Equal([11L, 12L, 13L, 21L, 22L, 23L], result.ToInt64s());
    }

    [Fact]
    public void Narrow_integers_wrap()
    {
        var value = Const(TensorData.FromNumbers(ElementType.Int32, [1], [int.MaxValue]));
        Assert.Equal([-2L], Node("Add", [value, value]).Output.Evaluated!.ToInt64s());
    }

    [Theory]
    [InlineData("Floor", -2)]
    [InlineData("Ceil", -1)]
    [InlineData("Round", -2)]
    [InlineData("Neg", 1.5f)]
    [InlineData("Abs", 1.5f)]
    public void Floats_are_rounded_half_to_even(string op, float expected) =>
        Assert.Equal([expected], Node(op, [Const(TensorData.FromFloats([1], [-1.5f]))]).Output.Evaluated!.ToFloats());

    [Fact]
    public void A_cast_to_integer_truncates_and_leaves_what_does_not_fit()
    {
        var to = Attribute.Of("to", (long)ElementType.Int32);
        Assert.Equal([-1L, 2L], Node("Cast", [Const(TensorData.FromFloats([2], [-1.9f, 2.9f]))], to).Output.Evaluated!.ToInt64s());
        Assert.Null(Node("Cast", [Const(TensorData.FromFloats([1], [3e9f]))], to).Output.Evaluated);
    }

    [Theory]
    [InlineData(-1, long.MinValue, -1, new long[] { 4, 3, 2, 1, 0 })]
    [InlineData(3, 0, -2, new long[] { 3, 1 })]
    [InlineData(-2, 100, 1, new long[] { 3, 4 })]
    [InlineData(2, 2, 1, new long[] { })]
    [InlineData(1, 5, long.MaxValue, new long[] { 1 })]
    public void Slices_go_both_ways(long start, long end, long step, long[] expected) =>
        Assert.Equal(expected, Node("Slice", [Ints(0, 1, 2, 3, 4), Ints(start), Ints(end), Ints(0), Ints(step)]).Output.Evaluated!.ToInt64s());

    [Fact]
    public void Movement_keeps_every_element_in_place()
    {
        var data = Const(TensorData.FromInt64s([2, 3], [0, 1, 2, 3, 4, 5]));
        Assert.Equal([0L, 3L, 1L, 4L, 2L, 5L], Node("Transpose", [data]).Output.Evaluated!.ToInt64s());
        Assert.Equal([2L, 0L, 5L, 3L], Node("Gather", [data, Ints(-1, 0)], Attribute.Of("axis", 1)).Output.Evaluated!.ToInt64s());
        Assert.Equal([0L, 1L, 2L, 0L, 1L, 2L, 3L, 4L, 5L, 3L, 4L, 5L], Node("Tile", [data, Ints(1, 2)]).Output.Evaluated!.ToInt64s());
        Assert.Equal([0L, 1L, 2L, 0L, 1L, 2L], Node("Expand", [Ints(0, 1, 2), Ints(2, 3)]).Output.Evaluated!.ToInt64s());
        Assert.Equal([0L, 1L, 2L, 9L, 3L, 4L, 5L, 9L],
            Node("Concat", [data, Const(TensorData.FromInt64s([2, 1], [9, 9]))], Attribute.Of("axis", 1)).Output.Evaluated!.ToInt64s());
        Assert.Equal([4L, 2L], Node("GatherND", [data, Const(TensorData.FromInt64s([2, 2], [1, 1, 0, -1]))]).Output.Evaluated!.ToInt64s());
        Assert.Equal([3L, 1L, 5L], Node("GatherElements", [data, Const(TensorData.FromInt64s([1, 3], [1, 0, 1]))]).Output.Evaluated!.ToInt64s());
        Assert.Equal([7L, 8L, 2L, 3L, 4L, 5L],
            Node("ScatterND", [data, Const(TensorData.FromInt64s([2, 2], [0, 0, 0, 1])), Ints(7, 8)]).Output.Evaluated!.ToInt64s());
        Assert.Equal([0L, 7L, 2L, 3L, 4L, 8L],
            Node("ScatterElements", [data, Const(TensorData.FromInt64s([2, 1], [1, 2])), Const(TensorData.FromInt64s([2, 1], [7, 8]))], Attribute.Of("axis", 1)).Output.Evaluated!.ToInt64s());
        Assert.Equal([0L, 0L, 0L, 3L, 0L, 0L], Node("Trilu", [data, Const(TensorData.Scalar(-1L))], Attribute.Of("upper", 0)).Output.Evaluated!.ToInt64s());
        var halves = Node("Split", 2, [data, Ints(1, 2)], Attribute.Of("axis", 1));
        Assert.Equal([0L, 3L], halves.Outputs[0]!.Evaluated!.ToInt64s());
        Assert.Equal([1L, 2L, 4L, 5L], halves.Outputs[1]!.Evaluated!.ToInt64s());
    }

    [Fact]
    public void Reductions_and_sequences_are_evaluated()
    {
        var data = Const(TensorData.FromInt64s([2, 3], [0, 1, 2, 3, 4, 5]));
        Assert.Equal([3L, 12L], Node("ReduceSum", [data, Ints(-1)]).Output.Evaluated!.ToInt64s());
        Assert.Equal([3L, 4L, 5L], Node("ReduceMax", [data, Ints(0)], Attribute.Of("keepdims", 0)).Output.Evaluated!.ToInt64s());
        Assert.Equal([0L], Node("ReduceProd", [data], Attribute.Of("keepdims", 0)).Output.Evaluated!.ToInt64s());
        Assert.Equal([2L, 0L, -2L], Node("Range", [Const(TensorData.Scalar(2L)), Const(TensorData.Scalar(-3L)), Const(TensorData.Scalar(-2L))]).Output.Evaluated!.ToInt64s());
        Assert.Equal([0L, 0L, 1L, 1L, 1L, 1L, 2L, 0L, 1L, 2L], Node("NonZero", [data]).Output.Evaluated!.ToInt64s());
        Assert.Equal([3L, 3L, 2L, 12L, 9L, 5L],
            Node("CumSum", [data, Const(TensorData.Scalar(1L))], Attribute.Of("reverse", 1)).Output.Evaluated!.ToInt64s());
        Assert.Equal([0f, 0f, 5f, 5f, 0f, 0f],
            Node("OneHot", [Ints(-1, 0), Const(TensorData.Scalar(3L)), Const(TensorData.FromFloats([2], [0, 5]))]).Output.Evaluated!.ToFloats());
        Assert.Equal([7L, 7L], Node("ConstantOfShape", [Ints(2)], Attribute.Of("value", TensorData.Vector(7))).Output.Evaluated!.ToInt64s());
    }

    [Fact]
    public void A_static_shape_is_a_constant_though_its_tensor_is_not()
    {
        Assert.Equal([3L, 4L], Node("Shape", [Tensor("2 3 4")], Attribute.Of("start", -2)).Output.Evaluated!.ToInt64s());
        Assert.Equal([24L], Node("Size", [Tensor("2 3 4")]).Output.Evaluated!.ToInt64s());
    }

    [Fact]
    public void Shape_arithmetic_keeps_what_is_known()
    {
        var shape = Node("Shape", [Tensor("N 3 8 ?")]).Output;
        Assert.Equal("N 3 8 ?", Dims(shape));
        var batch = Node("Gather", [shape, Const(TensorData.Scalar(0L))]).Output;
        Assert.Equal("N", Dims(batch));
        Assert.Equal([3L, 8L], Node("Slice", [shape, Ints(1), Ints(3)]).Output.Evaluated!.ToInt64s());
        Assert.Equal("N -1", Dims(Node("Concat", [Node("Unsqueeze", [batch, Ints(0)]).Output, Ints(-1)], Attribute.Of("axis", 0)).Output));
        Assert.Equal("N", Dims(Node("Mul", [batch, Const(TensorData.Scalar(1L))]).Output));
        var doubled = Node("Mul", [batch, Const(TensorData.Scalar(2L))]).Output;
        Assert.Equal("2*N", Dims(doubled));
        Assert.Equal("N", Dims(Node("Div", [doubled, Const(TensorData.Scalar(2L))]).Output));
        Assert.Equal("", Dims(Node("Div", [doubled, Const(TensorData.Scalar(4L))]).Output));
    }

    [Fact]
    public void Expand_through_Where_of_Equal_keeps_symbols()
    {
        // How exporters write expand(-1, 4, 8): -1 keeps the dimension.
        var target = Contents("N 4 8");
        var ones = Ints(1, 1, 1);
        var asked = Node("Equal", [target, Ints(-1, -1, -1)]).Output;
        Assert.Equal([0L, 0L, 0L], asked.Evaluated!.ToInt64s());
        Assert.Equal("N 4 8", Dims(Node("Where", [asked, ones, target]).Output));
    }

    [Fact]
    public void Large_results_are_not_evaluated() =>
        Assert.Null(Node("Expand", [Ints(1), Ints(GraphRewriter.Inference.ConstantEvaluator.MaxElements + 1)]).Output.Evaluated);
}
