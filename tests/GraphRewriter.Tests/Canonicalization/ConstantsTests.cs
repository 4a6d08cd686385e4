using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using Xunit;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Canonicalization;

public class ConstantsTests
{
    public static TheoryData<string> Forms() => [.. Contents.Keys];

    static readonly Dictionary<string, (Attribute Form, TensorData Expected)> Contents = new(StringComparer.Ordinal)
    {
        ["value"] = (Attribute.Of("value", TensorData.FromFloats([2], [1, 2])), TensorData.FromFloats([2], [1, 2])),
        ["value_float"] = (Attribute.Of("value_float", 1.5f), TensorData.FromFloats([], [1.5f])),
        ["value_floats"] = (Attribute.Of("value_floats", [1.5f, 2f]), TensorData.FromFloats([2], [1.5f, 2])),
        ["value_int"] = (Attribute.Of("value_int", 3), TensorData.Scalar(3L)),
        ["value_ints"] = (Attribute.Of("value_ints", [3L, 4L]), TensorData.Vector(3, 4)),
        ["value_string"] = (Attribute.Of("value_string", "a"), TensorData.FromStrings([], ["a"u8.ToArray()])),
        ["value_strings"] = (Attribute.Of("value_strings", ["a", "b"]), TensorData.FromStrings([2], ["a"u8.ToArray(), "b"u8.ToArray()])),
        ["sparse, linear"] = (Sparse(TensorData.Vector(1, 5)), TensorData.FromFloats([2, 3], [0, 7, 0, 0, 0, 8])),
        ["sparse, coordinates"] = (Sparse(TensorData.FromInt64s([2, 2], [0, 1, 1, 2])), TensorData.FromFloats([2, 3], [0, 7, 0, 0, 0, 8])),
    };

    static Attribute Sparse(TensorData indices) => new("sparse_value", AttributeKind.SparseTensor, new SparseTensorData(TensorData.FromFloats([2], [7, 8]), indices, [2, 3]));

    [Theory]
    [MemberData(nameof(Forms))]
    public void Every_form_of_Constant_becomes_an_initializer_under_its_name(string form)
    {
        var graph = new Graph();
        var made = new Value("made");
        var passed = new Value("passed");
        graph.Nodes.Add(new Node("Constant", [], [made], [Contents[form].Form]));
        graph.Nodes.Add(new Node("Identity", [made], [passed]));
        graph.Nodes.Add(new Node("Shape", [passed], [new Value("shape")]));
        graph.Outputs.Add(passed);
        var model = new Model(graph);
        model.Opsets[""] = 17;

        var canonical = Canonicalizer.Run(model, new CanonicalOptions());

        var constant = Assert.Single(canonical.Model.Graph.Initializers);
        Assert.Equal("made", constant.Name);
        Assert.Equal(0, OrtReference.RelativeDifference(Contents[form].Expected, constant.Data!));
    }

    [Fact]
    public void An_initializer_that_is_an_output_passes_through_an_Identity_and_the_output_keeps_its_name()
    {
        var canonical = Canonical.Of("""
            opset 13
            input x f32[2]
            const c f32[2] = 1 2
            y = Add(x, c)
            output y
            output c
            """);

        Assert.Equal(["y", "c"], canonical.Model.Graph.Outputs.Select(o => o.Name));
        Assert.Equal("Add Identity", canonical.Operators());
    }

    [Fact]
    public void Shape_arithmetic_becomes_constant_and_what_comes_from_a_parameter_stays_computed()
    {
        var canonical = Canonical.Of("""
            opset 13
            input x f32[N,4,3]
            const w f32[5,12] = seeded
            const zero i64[] = 0
            const axis i64[1] = 0
            const rest i64[1] = -1
            s = Shape(x)
            n = Gather(s, zero)
            v = Unsqueeze(n, axis)
            to = Concat(v, rest) axis=0
            flat = Reshape(x, to)
            t = Transpose(w) perm=[1,0]
            y = MatMul(flat, t)
            output y
            """, new CanonicalOptions { Batch = 2 });

        Assert.Equal("Reshape Transpose MatMul", canonical.Operators());
        Assert.Equal(["w LinearWeight"], canonical.Roles());
        Assert.False(canonical.Parameters[0].Uses[0].Direct);
    }

    [Fact]
    public void Dead_nodes_unused_initializers_and_unused_outputs_go()
    {
        var canonical = Canonical.Of("""
            opset 13
            input x f32[2,4]
            const unused f32[3] = 1 2 3
            const k i64[1] = 2
            values, indices = TopK(x, k)
            dead = Exp(x)
            y, mask = Dropout(values)
            output y
            """);

        Assert.Equal("TopK Dropout", canonical.Operators());
        // TopK must have both outputs, Dropout's mask may be left out.
        Assert.Equal([2, 1], canonical.Model.Graph.Nodes.Select(n => n.Outputs.Count));
        Assert.Equal(["k"], canonical.Model.Graph.Initializers.Select(v => v.Name));
    }

    [Fact]
    public void Merged_initializers_are_parted_by_name_and_a_table_that_is_also_a_matrix_stays_one()
    {
        var canonical = Canonical.Of("""
            opset 13
            input ids i64[N,3]
            const table f32[6,4] = seeded
            const bias f32[4] = 0
            head = Identity(table)
            lost = Identity(bias)
            e = Gather(table, ids)
            a = Add(e, bias)
            b = Relu(a)
            c = Add(b, lost)
            t = Transpose(head) perm=[1,0]
            y = MatMul(c, t)
            output y
            """);

        Assert.Equal(["table Embedding", "bias Shift", "lost Shift"], canonical.Roles());
        Assert.Equal(["table"], canonical.Parameters.Where(p => p.IsTied).Select(p => p.Name));
    }

    [Fact]
    public void Half_precision_is_computed_in_float32_and_stays_when_asked()
    {
        const string Text = """
            opset 13
            input x f16[2,3]
            const w f16[3,2] = seeded
            y = MatMul(x, w)
            output y
            """;

        Assert.Equal(ElementType.Float32, Canonical.Of(Text).Model.Graph.Outputs[0].Type);
        Assert.Equal(ElementType.Float16, Canonical.Of(Text, new CanonicalOptions { ComputeInFloat32 = false }).Model.Graph.Outputs[0].Type);
    }

    [Theory]
    [InlineData("const s f32[] = 0.1\nconst z i8[] = 3", "")]
    [InlineData("const s f32[3] = 0.1 0.2 0.3\nconst z i8[3] = 1 2 3", "axis=1")]
    [InlineData("const s f32[2] = 0.1 0.2\nconst z i8[2] = 1 2", "axis=-2")]
    [InlineData("const s f32[2,2] = 0.1 0.2 0.3 0.4\nconst z i8[2,2] = 1 2 3 4", "axis=1 block_size=2")]
    public void A_quantised_weight_becomes_the_numbers_it_stands_for_under_its_own_name(string scale, string attributes)
    {
        var canonical = Canonical.Of($"""
            opset 21
            input x f32[2,2]
            const w i8[2,3] = 5 -7 100 0 3 -120
            {scale}
            d = DequantizeLinear(w, s, z) {attributes}
            y = MatMul(x, d)
            output y
            """);

        Assert.Equal("MatMul", canonical.Operators());
        Assert.Equal(["w LinearWeight"], canonical.Roles());
    }
}
