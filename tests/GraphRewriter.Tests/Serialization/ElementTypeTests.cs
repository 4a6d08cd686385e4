using Google.Protobuf;
using GraphRewriter.Ir;
using GraphRewriter.Onnx;
using GraphRewriter.Serialization;
using Xunit;

namespace GraphRewriter.Tests.Serialization;

public class ElementTypeTests
{
    public static TheoryData<ElementType> NumericTypes() => [.. Enum.GetValues<ElementType>().Where(t => t is not ElementType.Undefined and not ElementType.String)];

    [Theory]
    [MemberData(nameof(NumericTypes))]
    public void Every_numeric_type_keeps_its_bytes_through_writing_and_reading(ElementType type)
    {
        const int count = 5;
        var bytes = new byte[type.ByteCount(count)];
        new Random(7).NextBytes(bytes);
        var graph = new Graph { Name = "g" };
        var weight = graph.AddInitializer("w", TensorData.FromBytes(type, [count, 1], bytes));
        graph.Nodes.Add(new Node("Constant", [], [new Value("c")], [GraphRewriter.Ir.Attribute.Of("value", TensorData.FromBytes(type, [count], bytes))]));
        graph.Outputs.Add(weight);

        using var file = OnnxReader.Read(OnnxWriter.ToBytes(new Model(graph) { Opsets = { [""] = 21 } }), null);

        var read = Assert.Single(file.Model.Graph.Initializers);
        Assert.Equal((type, "5×1"), (read.Type, read.Shape!.ToString()));
        Assert.Equal(bytes, read.Data!.Bytes.ToArray());
        Assert.Equal(bytes, file.Model.Graph.Nodes[0].Tensor("value")!.Bytes.ToArray());
    }

    [Fact]
    public void Strings_keep_their_bytes_valid_text_or_not()
    {
        byte[][] strings = [[], "grün"u8.ToArray(), [0xFF, 0x00, 0xFE]];
        var graph = new Graph { Name = "g" };
        graph.Outputs.Add(graph.AddInitializer("w", TensorData.FromStrings([3], strings)));

        using var file = OnnxReader.Read(OnnxWriter.ToBytes(new Model(graph)), null);

        Assert.Equal(strings, file.Model.Graph.Initializers[0].Data!.Strings);
    }

    /// <summary>What the format calls the typed field of each type, the numbers 1, 2, 3 (packed for narrow types) in it, and the bytes they mean.</summary>
    public static TheoryData<ElementType, string, long[], byte[]> TypedFields() => new()
    {
        { ElementType.Float32, "float_data", [1, 2, 3], [0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64] },
        { ElementType.Float64, "double_data", [1, 2], [0, 0, 0, 0, 0, 0, 240, 63, 0, 0, 0, 0, 0, 0, 0, 64] },
        { ElementType.Int64, "int64_data", [1, -2], [1, 0, 0, 0, 0, 0, 0, 0, 254, 255, 255, 255, 255, 255, 255, 255] },
        { ElementType.UInt64, "uint64_data", [1], [1, 0, 0, 0, 0, 0, 0, 0] },
        { ElementType.UInt32, "uint64_data", [1, 4294967295], [1, 0, 0, 0, 255, 255, 255, 255] },
        { ElementType.Int32, "int32_data", [1, -2], [1, 0, 0, 0, 254, 255, 255, 255] },
        { ElementType.Int16, "int32_data", [1, -2], [1, 0, 254, 255] },
        { ElementType.UInt16, "int32_data", [1, 65535], [1, 0, 255, 255] },
        { ElementType.Int8, "int32_data", [1, -2], [1, 254] },
        { ElementType.UInt8, "int32_data", [1, 255], [1, 255] },
        { ElementType.Bool, "int32_data", [1, 0], [1, 0] },
        { ElementType.Float16, "int32_data", [0x3C00, 0xC000], [0, 0x3C, 0, 0xC0] },
        { ElementType.BFloat16, "int32_data", [0x3F80, 0xC000], [0x80, 0x3F, 0, 0xC0] },
        { ElementType.Float8E4M3FN, "int32_data", [0x38, 0xFF], [0x38, 0xFF] },
        { ElementType.Float8E4M3FNUZ, "int32_data", [0x38], [0x38] },
        { ElementType.Float8E5M2, "int32_data", [0x3C], [0x3C] },
        { ElementType.Float8E5M2FNUZ, "int32_data", [0x3C], [0x3C] },
        { ElementType.Float8E8M0, "int32_data", [0x7F], [0x7F] },
        { ElementType.Complex64, "float_data", [1, 2], [0, 0, 128, 63, 0, 0, 0, 64] },
        { ElementType.Complex128, "double_data", [1, 2], [0, 0, 0, 0, 0, 0, 240, 63, 0, 0, 0, 0, 0, 0, 0, 64] },
        { ElementType.Int4, "int32_data", [0x21, 0x03], [0x21, 0x03] },
        { ElementType.UInt4, "int32_data", [0x21, 0x03], [0x21, 0x03] },
        { ElementType.Float4E2M1, "int32_data", [0x21, 0x03], [0x21, 0x03] },
        { ElementType.Int2, "int32_data", [0xE4], [0xE4] },
        { ElementType.UInt2, "int32_data", [0xE4], [0xE4] },
    };

    [Theory]
    [MemberData(nameof(TypedFields))]
    public void Typed_fields_are_read_as_the_bytes_they_stand_for(ElementType type, string field, long[] numbers, byte[] expected)
    {
        var elements = type.Bits switch { 2 => numbers.Length * 4, 4 => (numbers.Length * 2) - 1, _ => expected.Length * 8 / type.Bits };
        var tensor = new TensorProto { DataType = (int)type, Dims = { elements } };
        switch (field)
        {
            case "float_data": tensor.FloatData.AddRange(numbers.Select(n => (float)n)); break;
            case "double_data": tensor.DoubleData.AddRange(numbers.Select(n => (double)n)); break;
            case "int32_data": tensor.Int32Data.AddRange(numbers.Select(n => (int)n)); break;
            case "int64_data": tensor.Int64Data.AddRange(numbers); break;
            default: tensor.Uint64Data.AddRange(numbers.Select(n => (ulong)n)); break;
        }

        using var file = ProtoModels.WithInitializer(tensor).Read();

        Assert.Equal(expected, file.Model.Graph.Initializers[0].Data!.Bytes.ToArray());
    }

    [Fact]
    public void The_table_of_typed_fields_covers_every_numeric_type() =>
        Assert.Equal(NumericTypes().Select(r => r.Data).Order(), TypedFields().Select(r => r.Data.Item1).Order());

    [Fact]
    public void Contents_that_disagree_with_the_dimensions_are_an_error_that_names_the_tensor()
    {
        var error = ProtoModels.WithInitializer(new TensorProto { DataType = 1, Dims = { 2, 3 }, RawData = ByteString.CopyFrom(new byte[20]) }).Refused();

        Assert.Equal(ModelProblem.InvalidGraph, error.Problem);
        Assert.Contains("initializer 'w' declares Float32 [2,3], which takes 24 bytes, and holds 20", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Tensors_of_a_type_that_does_not_exist_are_an_error_that_names_it() =>
        Assert.Contains("initializer 'w' has the unknown element type 99", ProtoModels.WithInitializer(new TensorProto { DataType = 99, Dims = { 1 } }).Refused().Message, StringComparison.Ordinal);

    [Fact]
    public void Negative_dimensions_are_an_error() =>
        Assert.Contains("negative dimensions [-1,4]", ProtoModels.WithInitializer(new TensorProto { DataType = 1, Dims = { -1, 4 } }).Refused().Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(1L << 40, 1)]
    [InlineData(1L << 40, 1L << 40)]
    [InlineData(long.MaxValue, 8)]
    public void Declared_sizes_beyond_the_budget_are_refused(long rows, long columns)
    {
        var error = ProtoModels.WithInitializer(new TensorProto { DataType = 1, Dims = { rows, columns } }).Refused(new ReadOptions { MaxBytes = 1L << 30 });

        Assert.Equal(ModelProblem.Budget, error.Problem);
        Assert.Contains("'w'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_budget_counts_all_tensors_together()
    {
        var model = ProtoModels.WithInitializer(ProtoModels.Tensor("w", new float[100]));
        model.Graph.Initializer.Add(ProtoModels.Tensor("v", new float[100]));

        using var file = model.Read(options: new ReadOptions { MaxBytes = 1000 });
        var error = model.Refused(new ReadOptions { MaxBytes = 799 });

        Assert.Equal(2, file.Model.Graph.Initializers.Count);
        Assert.Equal(ModelProblem.Budget, error.Problem);
    }

    [Fact]
    public void A_file_beyond_the_budget_is_refused() =>
        Assert.Equal(ModelProblem.Budget, ProtoModels.WithInitializer(ProtoModels.Tensor("w", new float[100])).Refused(new ReadOptions { MaxBytes = 200 }).Problem);
}
