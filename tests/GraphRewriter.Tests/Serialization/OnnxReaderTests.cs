using System.Security.Cryptography;
using Google.Protobuf;
using GraphRewriter.Ir;
using GraphRewriter.Onnx;
using GraphRewriter.Serialization;
using Xunit;
using static GraphRewriter.Tests.Serialization.ProtoModels;

namespace GraphRewriter.Tests.Serialization;

public class OnnxReaderTests
{
    [Fact]
    public void A_file_is_identified_by_path_length_and_hash()
    {
        using var folder = new TemporaryFolder();
        var bytes = Model(Graph("y", Node("Relu", "r", ["x"], "y"))).ToByteArray();
        File.WriteAllBytes(folder.File("m.onnx"), bytes);

        using var file = OnnxReader.Read(folder.File("m.onnx"));

        Assert.Equal((folder.File("m.onnx"), bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes))), (file.Path, file.Length, file.Sha256));
    }

    [Fact]
    public void Unsorted_nodes_are_sorted_as_little_as_possible_and_the_fact_is_noted()
    {
        using var file = Model(Graph("y",
            Node("Neg", "c", ["b_out"], "y"),
            Node("Abs", "other", ["x"], "z"),
            Node("Relu", "b", ["a_out"], "b_out"),
            Node("Exp", "a", ["x"], "a_out"))).Read();

        Assert.Equal(["other", "a", "b", "c"], file.Model.Graph.Nodes.Select(n => n.Name));
        Assert.Equal("ONX002", Assert.Single(file.Problems).Code);
        Assert.Empty(GraphChecker.Check(file.Model));
    }

    [Fact]
    public void A_node_comes_after_what_its_subgraphs_need()
    {
        var branch = new GraphProto { Name = "b", Node = { Node("Neg", "inner", ["late_out"], "inner_out") }, Output = { new ValueInfoProto { Name = "inner_out" } } };
        var choice = Node("If", "if", ["x"], "y");
        choice.Attribute.Add(new AttributeProto { Name = "then_branch", G = branch });

        using var file = Model(Graph("y", choice, Node("Relu", "late", ["x"], "late_out"))).Read();

        Assert.Equal(["late", "if"], file.Model.Graph.Nodes.Select(n => n.Name));
        Assert.Same(file.Model.Graph.Nodes[0].Output, file.Model.Graph.Nodes[1].Subgraph("then_branch")!.Nodes[0].Inputs[0]);
    }

    [Fact]
    public void All_errors_of_a_graph_are_reported_together_with_the_names_of_the_nodes()
    {
        var graph = Graph("nowhere",
            Node("Add", "first", ["x", "missing_a"], "s"),
            Node("Relu", "second", ["missing_b"], "s"),
            Node("Neg", "p", ["q_out"], "p_out"),
            Node("Abs", "q", ["p_out"], "q_out"),
            Node("Exp", "self", ["self_out"], "self_out"),
            Node("Relu", "", ["missing_c"], "unnamed_out"));
        graph.Initializer.Add(Tensor("w", 1));
        graph.Initializer.Add(Tensor("w", 2));
        graph.Initializer.Add(new TensorProto { Name = "short", DataType = 1, Dims = { 5 }, FloatData = { 1 } });
        graph.Node[0].Attribute.Add(new AttributeProto { Name = "twice", I = 1, Type = AttributeProto.Types.AttributeType.Int });
        graph.Node[0].Attribute.Add(new AttributeProto { Name = "twice", I = 2, Type = AttributeProto.Types.AttributeType.Int });

        var error = Model(graph).Refused();

        Assert.Equal(ModelProblem.InvalidGraph, error.Problem);
        string[] expected =
        [
            "in 10 places",
            "the initializer 'w' has the name of another value",
            "initializer 'short' declares Float32 [5]",
            "node 'first' (Add): the input 'missing_a' (number 1) is defined nowhere",
            "node 'first' (Add): the attribute 'twice' is given twice",
            "node 'second' (Relu): the output 's' has the name of another value",
            "node 'second' (Relu): the input 'missing_b' (number 0) is defined nowhere",
            "node #5 (Relu making 'unnamed_out'): the input 'missing_c' (number 0) is defined nowhere",
            "a cycle of 2 nodes: node 'q' (Abs) → node 'p' (Neg) → node 'q' (Abs)",
            "a cycle of 1 nodes: node 'self' (Exp) → node 'self' (Exp)",
            "the output 'nowhere' is defined nowhere",
        ];
        Assert.All(expected, e => Assert.Contains(e, error.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void A_node_that_needs_its_own_output_inside_its_subgraph_is_a_cycle()
    {
        var branch = new GraphProto { Name = "b", Node = { Node("Neg", "inner", ["y"], "inner_out") }, Output = { new ValueInfoProto { Name = "inner_out" } } };
        var choice = Node("If", "if", ["x"], "y");
        choice.Attribute.Add(new AttributeProto { Name = "then_branch", G = branch });

        Assert.Contains("a cycle of 1 nodes: node 'if' (If)", Model(Graph("y", choice)).Refused().Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_that_is_missing_in_a_subgraph_is_reported_with_the_way_to_it()
    {
        var branch = new GraphProto { Name = "b", Node = { Node("Neg", "inner", ["gone"], "inner_out") }, Output = { new ValueInfoProto { Name = "inner_out" } } };
        var choice = Node("If", "if", ["x"], "y");
        choice.Attribute.Add(new AttributeProto { Name = "then_branch", G = branch });

        Assert.Contains("node 'if' (If) then_branch: node 'inner' (Neg): the input 'gone'", Model(Graph("y", choice)).Refused().Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_subgraph_sees_outer_values_and_its_own_shadow_them()
    {
        var branch = new GraphProto
        {
            Name = "b",
            Node = { Node("Neg", "uses_outer", ["t"], "v"), Node("Relu", "shadows", ["x"], "s"), Node("Abs", "uses_own", ["s"], "out") },
            Output = { new ValueInfoProto { Name = "out" } },
        };
        var choice = Node("If", "if", ["x"], "y");
        choice.Attribute.Add(new AttributeProto { Name = "then_branch", G = branch });
        choice.Attribute.Add(new AttributeProto { Name = "else_branch", G = branch.Clone() });

        using var file = Model(Graph("y", Node("Exp", "t", ["x"], "t"), Node("Exp", "s", ["x"], "s"), choice)).Read();

        var then = file.Model.Graph.Nodes[2].Subgraph("then_branch")!;
        Assert.Same(file.Model.Graph.Nodes[0].Output, then.Nodes[0].Inputs[0]);
        Assert.Same(then.Nodes[1].Output, then.Nodes[2].Inputs[0]);
        Assert.NotSame(file.Model.Graph.Nodes[1].Output, then.Nodes[1].Output);
        Assert.Equal("s", file.Model.Graph.Nodes[1].Output.Name);
        var names = file.Model.Graph.AllNodes().SelectMany(n => n.Outputs).Select(o => o!.Name).ToArray();
        Assert.Equal(names.Distinct(StringComparer.Ordinal), names);
        Assert.Empty(GraphChecker.Check(file.Model));
    }

    [Fact]
    public void An_initializer_that_is_an_input_too_is_one_value()
    {
        var graph = Graph("y", Node("Mul", "m", ["x", "w"], "y"));
        graph.Input.Add(Float("w", 2));
        graph.Initializer.Add(Tensor("w", 3, 4));
        var model = Model(graph);
        model.IrVersion = 3;

        using var file = model.Read();

        var w = file.Model.Graph.Inputs[1];
        Assert.Same(w, Assert.Single(file.Model.Graph.Initializers));
        Assert.Equal([3, 4], w.Data!.ToFloats());
        Assert.Same(w, file.Model.Graph.Nodes[0].Inputs[1]);
        Assert.Empty(GraphChecker.Check(file.Model));
    }

    [Fact]
    public void An_initializer_of_another_type_than_its_input_is_an_error()
    {
        var graph = Graph("y", Node("Mul", "m", ["x", "w"], "y"));
        graph.Input.Add(Float("w", 2));
        graph.Initializer.Add(new TensorProto { Name = "w", DataType = (int)ElementType.Int64, Dims = { 1 }, Int64Data = { 1 } });

        Assert.Contains("input 'w' is declared as Float32, the initializer is Int64", Model(graph).Refused().Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Inputs_and_outputs_left_out_are_null_and_the_standard_domain_is_empty()
    {
        var node = Node("Clip", "c", ["x", "", "x"], "y", "");
        node.Domain = "ai.onnx";
        var model = Model(Graph("y", node));
        model.OpsetImport[0].Domain = "ai.onnx";

        using var file = model.Read();

        var clip = file.Model.Graph.Nodes[0];
        Assert.Equal([false, true, false], clip.Inputs.Select(i => i is null));
        Assert.Equal([false, true], clip.Outputs.Select(o => o is null));
        Assert.True(clip.Is("Clip"));
        Assert.Equal(17, file.Model.Opset);
    }

    [Fact]
    public void Types_and_shapes_come_from_inputs_value_infos_and_outputs()
    {
        var graph = Graph("y", Node("Relu", "a", ["x"], "t"), Node("SequenceConstruct", "b", ["t"], "y"));
        graph.Input[0].Type.TensorType.Shape.Dim[0] = new TensorShapeProto.Types.Dimension { DimParam = "batch" };
        graph.ValueInfo.Add(Float("t", 2, 3));
        graph.ValueInfo.Add(Float("removed long ago", 1));
        graph.Output[0].Type = new TypeProto { SequenceType = new TypeProto.Types.Sequence { ElemType = Float("", 1).Type } };

        using var file = Model(graph).Read();

        Assert.Equal("x: Float32[batch]", file.Model.Graph.Inputs[0].ToString());
        var t = file.Model.Graph.Nodes[0].Output;
        Assert.Equal("t: Float32[2×3]", t.ToString());
        Assert.Equal([t], file.Model.Graph.Annotated);
        Assert.Equal((ElementType.Undefined, OtherKind.Sequence), (file.Model.Graph.Outputs[0].Type, file.Model.Graph.Outputs[0].Other!.Kind));
    }

    [Fact]
    public void A_sparse_initializer_keeps_values_indices_and_dimensions()
    {
        var graph = Graph("y", Node("Mul", "m", ["x", "w"], "y"));
        var indices = new TensorProto { DataType = 7, Dims = { 2 }, Int64Data = { 1, 5 } };
        graph.SparseInitializer.Add(new SparseTensorProto { Values = Tensor("w", 3, 4), Indices = indices, Dims = { 2, 3 } });

        using var file = Model(graph).Read();

        var w = Assert.Single(file.Model.Graph.Initializers);
        Assert.Equal("w: Float32[2×3]", w.ToString());
        Assert.Equal([1, 5], w.SparseData!.Indices.ToInt64s());
    }

    [Theory]
    [InlineData(new long[] { 1, 6 }, new long[] { 2 }, "the sparse index 6 lies outside")]
    [InlineData(new long[] { 1, -1 }, new long[] { 2 }, "the sparse index -1 lies outside")]
    [InlineData(new long[] { 0, 0, 0, 3 }, new long[] { 2, 2 }, "the sparse index 3 lies outside")]
    [InlineData(new long[] { 1, 2, 3 }, new long[] { 3 }, "2 sparse values need indices [2] or [2,2], given [3]")]
    public void Sparse_indices_outside_the_tensor_are_an_error(long[] indices, long[] dims, string expected)
    {
        var graph = Graph("y", Node("Mul", "m", ["x", "w"], "y"));
        graph.SparseInitializer.Add(new SparseTensorProto { Values = Tensor("w", 3, 4), Indices = new TensorProto { DataType = 7, Dims = { dims }, Int64Data = { indices } }, Dims = { 2, 3 } });

        Assert.Contains(expected, Model(graph).Refused().Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_without_an_operator_set_is_an_error_and_a_very_old_one_is_not()
    {
        var model = Model(Graph("y", Node("Relu", "r", ["x"], "y")));
        model.OpsetImport.Clear();

        Assert.Contains("no version of the standard operator set is imported", model.Refused().Message, StringComparison.Ordinal);
        model.IrVersion = 2;
        using var file = model.Read();
        Assert.Equal(1, file.Model.Opset);
    }

    [Fact]
    public void A_model_without_a_format_version_is_an_error()
    {
        var model = Model(Graph("y", Node("Relu", "r", ["x"], "y")));
        model.ClearIrVersion();

        Assert.Contains("(ir_version) is missing", model.Refused().Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_newer_format_and_a_domain_not_imported_are_noted()
    {
        var node = Node("Magic", "r", ["x"], "y");
        node.Domain = "com.example";
        var model = Model(Graph("y", node));
        model.IrVersion = 14;

        using var file = model.Read();

        Assert.Equal(["model", "com.example"], file.Problems.Select(p => p.Where));
    }

    [Fact]
    public void Attributes_without_a_kind_have_that_of_their_field()
    {
        var node = Node("Magic", "m", ["x"], "y");
        node.Attribute.Add(new AttributeProto { Name = "f", F = 1.5f });
        node.Attribute.Add(new AttributeProto { Name = "i", I = 0 });
        node.Attribute.Add(new AttributeProto { Name = "s", S = ByteString.CopyFromUtf8("text") });
        node.Attribute.Add(new AttributeProto { Name = "ints", Ints = { 1, 2 } });
        node.Attribute.Add(new AttributeProto { Name = "t", T = Tensor("", 1) });

        using var file = Model(Graph("y", node)).Read();

        var read = file.Model.Graph.Nodes[0];
        Assert.Equal((1.5f, true, "text"), (read.Float("f"), read.Has("i"), read.String("s")));
        Assert.Equal(AttributeKind.Int, read.Attributes["i"].Kind);
        Assert.Equal([1, 2], read.Ints("ints")!);
        Assert.Equal([1], read.Tensor("t")!.ToFloats());
    }
}
