using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using Xunit;
using static GraphRewriter.Tests.Inference.Inferred;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Inference;

/// <summary>Hand cases by family; the operators' own test data is in <see cref="ConformanceShapeTests"/>.</summary>
public sealed class OperatorShapeTests
{
    [Theory]
    [InlineData("N 3 32 32", "16 3 3 3", 1, 2, "N 16 16 16")]
    [InlineData("N 3 H 32", "16 3 3 3", 1, 1, "N 16 H 32")]
    [InlineData("N 3 ? 32", "16 3 3 3", 1, 2, "N 16 ? 16")]
    public void Convolutions_slide_their_kernel(string input, string weight, long pad, long stride, string expected) =>
        Assert.Equal(expected, Shape("Conv", [Tensor(input), Tensor(weight)], Attribute.Of("pads", [pad, pad, pad, pad]), Attribute.Of("strides", [stride, stride])));

    [Fact]
    public void Convolutions_refuse_other_channels_and_too_small_inputs()
    {
        Assert.Throws<ModelException>(() => Node("Conv", [Tensor("1 4 8 8"), Tensor("16 3 3 3")]));
        Assert.Throws<ModelException>(() => Node("Conv", [Tensor("1 3 2 8"), Tensor("16 3 3 3")]));
        Assert.Throws<ModelException>(() => Node("Conv", [Tensor("1 3 8 8"), Tensor("16 3 3 3")], Attribute.Of("pads", [1L, 1])));
        Assert.Equal("1 16 6 6", Shape("Conv", [Tensor("1 6 8 8"), Tensor("16 3 3 3")], Attribute.Of("group", 2)));
    }

    [Fact]
    public void Transposed_convolutions_invert_the_arithmetic()
    {
        Attribute[] attributes = [Attribute.Of("strides", [2L]), Attribute.Of("pads", [1L, 1]), Attribute.Of("output_padding", [1L]), Attribute.Of("group", 2)];
        Assert.Equal("N 10 16", Shape("ConvTranspose", [Tensor("N 4 8"), Tensor("4 5 3")], attributes));
        Assert.Equal("N 5 20", Shape("ConvTranspose", [Tensor("N 4 8"), Tensor("4 5 3")], Attribute.Of("output_shape", [20L])));
    }

    [Theory]
    [InlineData(0, "1 1 2")]
    [InlineData(1, "1 1 3")]
    public void Pools_round_up_on_demand(long ceil, string expected) =>
        Assert.Equal(expected, Shape("MaxPool", [Tensor("1 1 6")], Attribute.Of("kernel_shape", [3L]), Attribute.Of("strides", [2L]), Attribute.Of("ceil_mode", ceil)));

    [Fact]
    public void A_pooling_window_does_not_start_behind_the_data() =>
        Assert.Equal("1 1 2", Shape("MaxPool", [Tensor("1 1 4")], Attribute.Of("kernel_shape", [1L]), Attribute.Of("strides", [3L]), Attribute.Of("pads", [0L, 1]), Attribute.Of("ceil_mode", 1)));

    [Theory]
    [InlineData("bij,bjk->bik", "N 2 3", "N 3 4", "N 2 4")]
    [InlineData("...ij,...jk->...ik", "5 1 2 3", "N 3 4", "5 N 2 4")]
    [InlineData("ij,jk", "2 3", "3 4", "2 4")]
    [InlineData("ba,bc", "2 3", "2 4", "3 4")]
    [InlineData("ij,ij->", "2 3", "2 3", "")]
    public void Einsum_reads_its_equation(string equation, string a, string b, string expected) =>
        Assert.Equal(expected, Shape("Einsum", [Tensor(a), Tensor(b)], Attribute.Of("equation", equation)));

    [Theory]
    [InlineData("not_larger", "1 1 4 2")]
    [InlineData("not_smaller", "1 1 7 4")]
    [InlineData("stretch", "1 1 7 2")]
    public void Resize_keeps_the_aspect_ratio_on_demand(string policy, string expected)
    {
        // 7/4 = 1.75 and 2/2 = 1; 2 · 1.75 = 3.5 rounds up.
        Value?[] inputs = [Tensor("1 1 4 2"), null, null, Ints(7, 2)];
        Assert.Equal(expected, Shape("Resize", inputs, Attribute.Of("axes", [2L, 3]), Attribute.Of("keep_aspect_ratio_policy", policy)));
    }

    [Fact]
    public void Resize_scales_round_down() =>
        Assert.Equal("N 3 6 ?", Shape("Resize", [Tensor("N 3 8 ?"), null, Const(TensorData.FromFloats([4], [1, 1, 0.8f, 2]))]));

    [Theory]
    [InlineData(0, "T 2 N 5", "2 N 5")]
    [InlineData(1, "N T 2 5", "N 2 5")]
    public void Recurrent_layers_lay_out_steps_batch_and_directions(long layout, string sequence, string state)
    {
        var input = layout == 0 ? "T N 3" : "N T 3";
        var node = Node("LSTM", 3, [Tensor(input), Tensor("2 20 3"), Tensor("2 20 5")], Attribute.Of("direction", "bidirectional"), Attribute.Of("layout", layout));
        Assert.Equal($"{sequence}, {state}, {state}", Shapes(node));
    }

    [Fact]
    public void Splits_are_equal_or_as_told()
    {
        Assert.Equal("3 N, 3 N, 1 N", Shapes(Node("Split", 3, [Tensor("7 N")], Attribute.Of("num_outputs", 3))));
        Assert.Equal("5 N, 2 N", Shapes(Node("Split", 2, [Tensor("7 N"), Ints(5, 2)])));
        Assert.Throws<ModelException>(() => Node("Split", 2, [Tensor("7 N"), Ints(5, 3)]));
    }

    [Fact]
    public void Squeezing_everything_needs_every_dimension()
    {
        Assert.Equal("3 4", Shape("Squeeze", [Tensor("1 3 1 4")]));
        Assert.Equal("*", Shape("Squeeze", [Tensor("1 ? 4")]));
        Assert.Equal("? 4", Shape("Squeeze", [Tensor("1 ? 4"), Ints(0)]));
        Assert.Throws<ModelException>(() => Node("Squeeze", [Tensor("2 3"), Ints(0)]));
    }

    [Fact]
    public void Types_follow_attributes_and_zero_points()
    {
        Assert.Equal(ElementType.Float16, Node("Cast", [Tensor("2")], Attribute.Of("to", (long)ElementType.Float16)).Output.Type);
        Assert.Equal(ElementType.Int8, Node("QuantizeLinear", [Tensor("2"), Tensor(""), Tensor("", ElementType.Int8)]).Output.Type);
        Assert.Equal(ElementType.UInt8, Node("QuantizeLinear", [Tensor("2"), Tensor("")]).Output.Type);
        Assert.Equal(ElementType.Float16, Node("DequantizeLinear", [Tensor("2", ElementType.Int8), Tensor("", ElementType.Float16)]).Output.Type);
        Assert.Equal(ElementType.Float64, Node("EyeLike", [Tensor("2 2")], Attribute.Of("dtype", (long)ElementType.Float64)).Output.Type);
    }

    [Fact]
    public void Image_operators_read_their_sizes_from_contents()
    {
        Assert.Equal("2 4 5 2", Shape("AffineGrid", [Tensor("2 2 3"), Ints(2, 3, 4, 5)]));
        Assert.Equal("2 3 4 5 3", Shape("AffineGrid", [Tensor("2 3 4"), Ints(2, 7, 3, 4, 5)]));
        Assert.Equal("N C 7 9", Shape("GridSample", [Tensor("N C 4 5"), Tensor("N 7 9 2")]));
        Assert.Throws<ModelException>(() => Node("GridSample", [Tensor("1 3 4 5"), Tensor("1 7 9 3")]));
        Assert.Equal("N 3 5 6", Shape("Col2Im", [Tensor("N 12 20"), Ints(5, 6), Ints(2, 2)]));
        Assert.Throws<ModelException>(() => Node("Col2Im", [Tensor("1 13 20"), Ints(5, 6), Ints(2, 2)]));
        Assert.Equal("N 8 9", Shape("CenterCropPad", [Tensor("N 5 10"), Ints(9, 8)], Attribute.Of("axes", [-1L, 1])));
        Assert.Equal("R 3 2 4", Shape("RoiAlign", [Tensor("N 3 8 8"), Tensor("R 4"), Tensor("R", ElementType.Int64)], Attribute.Of("output_height", 2), Attribute.Of("output_width", 4)));
        Assert.Equal("N 3 8 12", Shape("DepthToSpace", [Tensor("N 12 4 6")], Attribute.Of("blocksize", 2)));
        Assert.Equal("N 48 2 3", Shape("SpaceToDepth", [Tensor("N 12 4 6")], Attribute.Of("blocksize", 2)));
    }

    [Fact]
    public void Spectra_keep_half_of_a_real_signal()
    {
        Assert.Equal("N 10 2", Shape("DFT", [Tensor("N 10 1")]));
        Assert.Equal("N 6 2", Shape("DFT", [Tensor("N 10 1")], Attribute.Of("onesided", 1)));
        Assert.Equal("N 8 4 2", Shape("DFT", [Tensor("N 10 4 1"), Const(TensorData.Scalar(8L)), Const(TensorData.Scalar(1L))]));
        Assert.Equal("N 4 9 2", Shape("STFT", [Tensor("N 64 1"), Const(TensorData.Scalar(16L)), Tensor("16")]));
        Assert.Equal("17 8", Shape("MelWeightMatrix", [Const(TensorData.Scalar(8L)), Const(TensorData.Scalar(32L)), Tensor(""), Tensor(""), Tensor("")]));
        Assert.Equal("32", Shape("HannWindow", [Const(TensorData.Scalar(32L))]));
    }

    [Theory]
    [InlineData("none", "N 7")]
    [InlineData("mean", "")]
    public void Losses_are_scalars_unless_they_are_not_reduced(string reduction, string expected)
    {
        var node = Node("SoftmaxCrossEntropyLoss", 2, [Tensor("N 5 7"), Tensor("N 7", ElementType.Int64)], Attribute.Of("reduction", reduction));
        Assert.Equal($"{expected}, N 5 7", Shapes(node));
        Assert.Throws<ModelException>(() => Node("NegativeLogLikelihoodLoss", [Tensor("2 5 7"), Tensor("2 5", ElementType.Int64)]));
    }

    [Fact]
    public void Indices_shape_what_they_gather()
    {
        Assert.Equal("A 2 3 C", Shape("Gather", [Tensor("A B C"), Tensor("2 3", ElementType.Int64)], Attribute.Of("axis", 1)));
        Assert.Equal("5 C", Shape("GatherND", [Tensor("A B C"), Tensor("5 2", ElementType.Int64)]));
        Assert.Equal("A 5 C", Shape("GatherND", [Tensor("A B C"), Tensor("A 5 1", ElementType.Int64)], Attribute.Of("batch_dims", 1)));
        Assert.Equal("N 9 T", Shape("OneHot", [Tensor("N T", ElementType.Int64), Const(TensorData.FromFloats([1], [9])), Tensor("2")], Attribute.Of("axis", 1)));
        Assert.Equal("N 3, N 3", Shapes(Node("TopK", 2, [Tensor("N 8"), Ints(3)])));
        Assert.Equal("3 ?", Shape("NonZero", [Tensor("A B C")]));
        Assert.Equal("? 3", Shape("NonMaxSuppression", [Tensor("1 6 4"), Tensor("1 1 6")]));
        Assert.Equal("?, ?, 12, ?", Shapes(Node("Unique", 4, [Tensor("3 4")])));
        Assert.Throws<ModelException>(() => Node("Gather", [Tensor("2 3"), Tensor("1", ElementType.Int64)], Attribute.Of("axis", 2)));
    }

    [Fact]
    public void Batch_normalisation_in_training_also_gives_its_statistics()
    {
        Value[] inputs = [Tensor("N 4 8 8"), Tensor("4"), Tensor("4"), Tensor("4"), Tensor("4")];
        Assert.Equal("N 4 8 8, 4, 4", Shapes(Node("BatchNormalization", 3, inputs, Attribute.Of("training_mode", 1))));
        Assert.Throws<ModelException>(() => Node("BatchNormalization", [Tensor("N 5 8 8"), .. inputs[1..]]));
        Assert.Equal("N T 8, N 1 1, N 1 1", Shapes(Node("LayerNormalization", 3, [Tensor("N T 8"), Tensor("T 8")], Attribute.Of("axis", 1))));
    }

    [Fact]
    public void Every_standard_operator_on_tensors_is_known()
    {
        // Sequences and optionals are left unknown; Upsample is lifted to Resize.
        string[] others = ["ConcatFromSequence", "Optional", "SequenceAt", "SequenceConstruct", "SequenceEmpty", "SequenceErase", "SequenceInsert", "SequenceMap", "SplitToSequence", "Upsample"];
        Assert.Equal(others, StandardOperators.Names.Except(GraphRewriter.Inference.ShapeInference.Operators, StringComparer.Ordinal).Order(StringComparer.Ordinal), StringComparer.Ordinal);
    }

    [Fact]
    public void Newer_operators_are_known()
    {
        var attention = Node("Attention", 4, [Tensor("N S 24"), Tensor("N T 12"), Tensor("N T 10"), null, Tensor("N 2 P 6")], Attribute.Of("q_num_heads", 4), Attribute.Of("kv_num_heads", 2));
        Assert.Equal("N S 20, N 2 ? 6, N 2 ? 5, N 4 S ?", Shapes(attention));
        Assert.Equal("N S 24", Shape("RMSNormalization", [Tensor("N S 24"), Tensor("24")]));
        Assert.Equal("N S 24", Shape("Swish", [Tensor("N S 24")]));
    }

    [Fact]
    public void An_operator_of_another_domain_keeps_what_is_declared()
    {
        var y = new Value("y", ElementType.Float32, Parse("4 M"));
        GraphRewriter.Inference.ShapeInference.Infer(new Node("FusedMatMul", [Tensor("N ?"), Tensor("3 4")], [y], domain: "com.microsoft"));
        Assert.Equal("4 M", Text(y.Shape));
    }
}
