using Google.Protobuf;
using GraphRewriter.Ir;
using GraphRewriter.Onnx;
using GraphRewriter.Serialization;
using Xunit;
using static GraphRewriter.Tests.Serialization.ProtoModels;

namespace GraphRewriter.Tests.Serialization;

public class OnnxWriterTests
{
    [Fact]
    public void Fields_of_a_later_format_survive_in_every_message()
    {
        // Field 900 with a number in it, in each message that can hold one.
        UnknownFieldSet Unknown() => GraphProto.Parser.ParseFrom([0xA0, 0x38, 0x07]).Unknown!;
        var graph = Graph("y", Node("Relu", "r", ["x"], "y"));
        graph.Unknown = Unknown();
        graph.Node[0].Unknown = Unknown();
        graph.Node[0].DeviceConfigurations.Add(new NodeDeviceConfigurationProto { ConfigurationId = "two halves" });
        graph.Node[0].Attribute.Add(new AttributeProto { Name = "a", I = 1, Type = AttributeProto.Types.AttributeType.Int, DocString = "why", Unknown = Unknown() });
        graph.Node[0].Attribute.Add(new AttributeProto { Name = "t", T = new TensorProto { Name = "named", DataType = 1, Dims = { 1 }, RawData = ByteString.CopyFrom(new byte[4]), Unknown = Unknown() }, Type = AttributeProto.Types.AttributeType.Tensor });
        graph.Input[0].DocString = "an input";
        graph.Input[0].MetadataProps.Add(new StringStringEntryProto { Key = "k", Value = "v" });
        graph.Input[0].Type.Denotation = "IMAGE";
        graph.Input[0].Type.TensorType.Shape.Dim[0].Denotation = "DATA_BATCH";
        graph.Initializer.Add(new TensorProto { Name = "w", DataType = 1, Dims = { 1 }, RawData = ByteString.CopyFrom(new byte[4]), DocString = "a weight", Unknown = Unknown() });
        graph.QuantizationAnnotation.Add(new TensorAnnotation { TensorName = "x" });
        graph.MetadataProps.Add(new StringStringEntryProto { Key = "g", Value = "h" });
        var model = Model(graph);
        model.Unknown = Unknown();
        model.ProducerName = "a test";
        model.ModelVersion = 3;
        model.DocString = "text";
        model.MetadataProps.Add(new StringStringEntryProto { Key = "m", Value = "n" });
        model.TrainingInfo.Add(new TrainingInfoProto { Algorithm = new GraphProto { Name = "sgd" } });
        model.Configuration.Add(new DeviceConfigurationProto { Name = "two halves", NumDevices = 2 });

        using var file = model.Read();

        Assert.Equal(model, ModelProto.Parser.ParseFrom(OnnxWriter.ToBytes(file.Model)));
    }

    [Fact]
    public void Functions_survive_with_references_defaults_and_overloads()
    {
        var body = Node("LeakyRelu", "leaky", ["a"], "b");
        body.Attribute.Add(new AttributeProto { Name = "alpha", RefAttrName = "slope", Type = AttributeProto.Types.AttributeType.Float });
        var function = new FunctionProto
        {
            Name = "Act",
            Domain = "own",
            Overload = "v2",
            Input = { "a" },
            Output = { "b" },
            Attribute = { "must" },
            AttributeProto = { new AttributeProto { Name = "slope", F = 0.5f, Type = AttributeProto.Types.AttributeType.Float } },
            Node = { body },
            ValueInfo = { Float("b", 2) },
            OpsetImport = { new OperatorSetIdProto { Domain = "", Version = 17 } },
            DocString = "doc",
            MetadataProps = { new StringStringEntryProto { Key = "k", Value = "v" } },
        };
        var call = Node("Act", "call", ["x"], "y");
        call.Domain = "own";
        call.Overload = "v2";
        var model = Model(Graph("y", call));
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "own", Version = 1 });
        model.Functions.Add(function);

        using var file = model.Read();

        Assert.Equal("slope", file.Model.Functions[0].Body.Nodes[0].Attributes["alpha"].Reference);
        Assert.Empty(GraphChecker.Check(file.Model));
        Assert.Equal(model, ModelProto.Parser.ParseFrom(OnnxWriter.ToBytes(file.Model)));
    }

    [Fact]
    public void All_kinds_of_attributes_survive()
    {
        var node = Node("Magic", "m", ["x"], "y");
        var tensor = new TensorProto { DataType = 1, Dims = { 1 }, RawData = ByteString.CopyFrom(new byte[4]) };
        var indices = new TensorProto { DataType = 7, Dims = { 1 }, RawData = ByteString.CopyFrom(new byte[8]) };
        var sparse = new SparseTensorProto { Values = tensor, Indices = indices, Dims = { 4 } };
        var sub = new GraphProto { Name = "sub", Node = { Node("Neg", "n", ["x"], "z") }, Output = { new ValueInfoProto { Name = "z" } } };
        var other = new GraphProto { Name = "sub2", Node = { Node("Abs", "n2", ["x"], "z2") }, Output = { new ValueInfoProto { Name = "z2" } } };
        node.Attribute.AddRange(new[]
        {
            new AttributeProto { Name = "a", F = 1, Type = AttributeProto.Types.AttributeType.Float },
            new AttributeProto { Name = "b", I = 2, Type = AttributeProto.Types.AttributeType.Int },
            new AttributeProto { Name = "c", S = ByteString.CopyFromUtf8("s"), Type = AttributeProto.Types.AttributeType.String },
            new AttributeProto { Name = "d", T = tensor, Type = AttributeProto.Types.AttributeType.Tensor },
            new AttributeProto { Name = "e", G = sub, Type = AttributeProto.Types.AttributeType.Graph },
            new AttributeProto { Name = "f", Floats = { 1, 2 }, Type = AttributeProto.Types.AttributeType.Floats },
            new AttributeProto { Name = "g", Ints = { 1, 2 }, Type = AttributeProto.Types.AttributeType.Ints },
            new AttributeProto { Name = "h", Strings = { ByteString.CopyFromUtf8("s") }, Type = AttributeProto.Types.AttributeType.Strings },
            new AttributeProto { Name = "i", Tensors = { tensor, tensor }, Type = AttributeProto.Types.AttributeType.Tensors },
            new AttributeProto { Name = "j", Graphs = { other }, Type = AttributeProto.Types.AttributeType.Graphs },
            new AttributeProto { Name = "k", SparseTensor = sparse, Type = AttributeProto.Types.AttributeType.SparseTensor },
            new AttributeProto { Name = "l", SparseTensors = { sparse }, Type = AttributeProto.Types.AttributeType.SparseTensors },
            new AttributeProto { Name = "m", Tp = Float("", 1).Type, Type = AttributeProto.Types.AttributeType.TypeProto },
            new AttributeProto { Name = "n", TypeProtos = { Float("", 1).Type }, Type = AttributeProto.Types.AttributeType.TypeProtos },
            new AttributeProto { Name = "o", Ints = { }, Type = AttributeProto.Types.AttributeType.Ints },
        });
        var model = Model(Graph("y", node));

        using var file = model.Read();

        Assert.Equal(model, ModelProto.Parser.ParseFrom(OnnxWriter.ToBytes(file.Model)));
    }

    [Fact]
    public void Values_that_share_a_name_are_written_under_different_ones_and_the_interface_keeps_its_own()
    {
        var x = new Value("x", ElementType.Float32, Shape.Of(2));
        var (a, b, y) = (new Value("y"), new Value(""), new Value("y", ElementType.Float32, Shape.Of(2)));
        var graph = new Graph { Name = "g", Inputs = { x }, Outputs = { y } };
        graph.Nodes.Add(new Node("Neg", [x], [a], name: "same"));
        graph.Nodes.Add(new Node("Abs", [a], [b], name: "same"));
        graph.Nodes.Add(new Node("Exp", [b], [y], name: "same"));

        var bytes = OnnxWriter.ToBytes(new Model(graph) { Opsets = { [""] = 17 }, IrVersion = 8 });
        var outputs = OrtReference.Run(bytes, new Dictionary<string, TensorData>(StringComparer.Ordinal) { ["x"] = TensorData.FromFloats([2], [1, -2]) });

        Assert.Equal([MathF.Exp(1), MathF.Exp(2)], outputs["y"].ToFloats(), (p, q) => Math.Abs(p - q) < 1e-6 * p);
    }

    [Fact]
    public void Large_initializers_go_to_a_second_file_from_which_Onnx_Runtime_and_the_reader_take_them()
    {
        using var folder = new TemporaryFolder();
        var model = Product(out var x);
        var path = folder.File("m.onnx");

        OnnxWriter.Write(model, path, new WriteOptions { ExternalThreshold = 16 });

        var proto = ModelProto.Parser.ParseFrom(File.ReadAllBytes(path));
        Assert.Equal(["location=m.onnx.data", "offset=0", "length=16"], proto.Graph.Initializer[0].ExternalData.Select(e => $"{e.Key}={e.Value}"));
        Assert.Equal(["location=m.onnx.data", "offset=4096", "length=16"], proto.Graph.Initializer[1].ExternalData.Select(e => $"{e.Key}={e.Value}"));
        Assert.Equal(4, proto.Graph.Initializer[2].RawData.Length);
        Assert.Equal(["m.onnx", "m.onnx.data"], Directory.GetFiles(folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        using var session = OrtReference.Open(path);
        Assert.Equal(x, OrtReference.Run(session, Inputs)["y"].ToFloats());
        using var file = OnnxReader.Read(path);
        Assert.Empty(file.Problems);
        Assert.Equal(x, OrtReference.Run(OnnxWriter.ToBytes(file.Model), Inputs)["y"].ToFloats());
    }

    [Fact]
    public void A_model_can_be_written_over_the_files_it_is_mapped_from()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("m.onnx");
        var options = new WriteOptions { ExternalThreshold = 16, SidecarName = "weights.bin" };
        OnnxWriter.Write(Product(out var x), path, options);

        using (var file = OnnxReader.Read(path)) OnnxWriter.Write(file.Model, path, options);

        using var session = OrtReference.Open(path);
        Assert.Equal(x, OrtReference.Run(session, Inputs)["y"].ToFloats());
    }

    [Theory]
    [InlineData("../w.bin")]
    [InlineData("..")]
    [InlineData("")]
    public void The_second_file_lies_beside_the_first(string name)
    {
        using var folder = new TemporaryFolder();

        Assert.Throws<ArgumentException>(() => OnnxWriter.Write(Product(out _), folder.File("m.onnx"), new WriteOptions { ExternalThreshold = 1, SidecarName = name }));
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Bytes_cannot_have_a_second_file() => Assert.Throws<ArgumentException>(() => OnnxWriter.ToBytes(Product(out _), new WriteOptions { ExternalThreshold = 1 }));

    [Fact]
    public void References_are_written_without_contents_which_Onnx_Runtime_then_takes_from_the_file_named()
    {
        using var folder = new TemporaryFolder();
        var model = Product(out var x);
        var weights = new Dictionary<Value, ExternalReference>();
        using (var stream = File.Create(folder.File("given.bin")))
        {
            foreach (var w in model.Graph.Initializers)
            {
                weights[w] = new ExternalReference("given.bin", stream.Position, w.Data!.Bytes.Length);
                stream.Write(w.Data.Bytes.Span);
            }
        }

        OnnxWriter.Write(model, folder.File("m.onnx"), new WriteOptions { References = weights });

        Assert.All(ModelProto.Parser.ParseFrom(File.ReadAllBytes(folder.File("m.onnx"))).Graph.Initializer, t => Assert.False(t.HasRawData));
        using var session = OrtReference.Open(folder.File("m.onnx"));
        Assert.Equal(x, OrtReference.Run(session, Inputs)["y"].ToFloats());
    }

    [Fact]
    public void Contents_that_cannot_be_had_may_be_referred_to_and_not_be_written()
    {
        var graph = new Graph { Name = "g" };
        var w = graph.AddInitializer("w", TensorData.Missing(ElementType.Float32, [4], "initializer 'w': lost"));
        graph.Outputs.Add(w);
        var model = new Model(graph);

        Assert.Contains("'w' cannot be written: initializer 'w': lost", Assert.Throws<ModelException>(() => OnnxWriter.ToBytes(model)).Message, StringComparison.Ordinal);
        Assert.NotEmpty(OnnxWriter.ToBytes(model, new WriteOptions { References = new Dictionary<Value, ExternalReference> { [w] = new("w.bin", 0, 16) } }));
    }

    [Fact]
    public void A_file_of_more_than_two_gigabytes_is_refused_with_the_way_out()
    {
        var shared = TensorData.FromBytes(ElementType.UInt8, [300_000_000], new byte[300_000_000]);
        var graph = new Graph { Name = "g" };
        for (var i = 0; i < 8; i++) graph.AddInitializer($"w{i}", shared);
        using var folder = new TemporaryFolder();

        var error = Assert.Throws<ModelException>(() => OnnxWriter.Write(new Model(graph), folder.File("m.onnx")));

        Assert.Contains("2400000000 bytes", error.Message, StringComparison.Ordinal);
        Assert.Contains(nameof(WriteOptions.ExternalThreshold), error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void A_value_that_nothing_defines_is_not_written()
    {
        var graph = new Graph { Name = "g", Outputs = { new Value("y") } };
        graph.Nodes.Add(new Node("Neg", [new Value("gone")], [graph.Outputs[0]]));

        Assert.Contains("'gone' is used and defined nowhere", Assert.Throws<ModelException>(() => OnnxWriter.ToBytes(new Model(graph))).Message, StringComparison.Ordinal);
    }

    static Dictionary<string, TensorData> Inputs => new(StringComparer.Ordinal) { ["x"] = TensorData.FromFloats([4], [1, 1, 1, 1]) };

    /// <summary>y = (x · a + b) · c, and what it gives for x = 1.</summary>
    static Model Product(out float[] expected)
    {
        expected = [22, 44, 66, 88];
        var x = new Value("x", ElementType.Float32, Shape.Of(4));
        var y = new Value("y", ElementType.Float32, Shape.Of(4));
        var graph = new Graph { Name = "g", Inputs = { x }, Outputs = { y } };
        var a = graph.AddInitializer("a", TensorData.FromFloats([4], [1, 2, 3, 4]));
        var b = graph.AddInitializer("b", TensorData.FromFloats([4], [10, 20, 30, 40]));
        var c = graph.AddInitializer("c", TensorData.FromFloats([1], [2]));
        var (p, s) = (new Value("p"), new Value("s"));
        graph.Nodes.Add(new Node("Mul", [x, a], [p]));
        graph.Nodes.Add(new Node("Add", [p, b], [s]));
        graph.Nodes.Add(new Node("Mul", [s, c], [y]));
        return new Model(graph) { Opsets = { [""] = 17 }, IrVersion = 8 };
    }
}
