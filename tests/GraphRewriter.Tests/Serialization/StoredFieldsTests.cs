using System.Runtime.InteropServices;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using GraphRewriter.Ir;
using GraphRewriter.Onnx;
using GraphRewriter.Serialization;
using Xunit;

namespace GraphRewriter.Tests.Serialization;

/// <summary>
/// Compares files field by field with what is written of them, so that nothing the reader overlooks can go unnoticed. Before that, both are brought to the form
/// in which equal models are equal: contents raw, attributes by name, defaults left out, infos of values that do not exist or are inputs or outputs left out.
/// </summary>
public class StoredFieldsTests
{
    const string OnnxTestData = "/usr/share/libonnx-testdata";

    public static TheoryData<string> Files() =>
        [.. SharedFiles.Models("real").Concat(SharedFiles.Models("torch")).Concat(SharedFiles.Models("lint"))
            .Where(f => f is not "lint/bad_graph_with_no_import_domains.onnx" and not "lint/lfs_pointer.onnx" and not "lint/truncated.onnx" and not "lint/ext_weights.onnx")
            // These change on purpose: nodes are sorted, equal node names numbered, an output that is an initializer gets the shape of its contents.
            .Where(f => f is not "lint/unsorted.onnx" and not "lint/bad_graph_with_duplicate_node_names.onnx" and not "lint/zero_nodes.onnx")];

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_field_of_a_file_is_in_what_is_written_of_it(string name) =>
        AssertNothingLost(File.ReadAllBytes(SharedFiles.Require(["models", .. name.Split('/')])));

    [Fact]
    [Trait("Category", "Long")]
    public void Every_field_of_the_format_s_own_test_files_is_in_what_is_written_of_them()
    {
        Assert.SkipUnless(Directory.Exists(OnnxTestData), "The Debian package libonnx-testdata is not installed.");
        var files = Directory.GetFiles(OnnxTestData, "*.onnx", SearchOption.AllDirectories);

        Assert.All(files, f => AssertNothingLost(File.ReadAllBytes(f)));
    }

    static void AssertNothingLost(byte[] bytes)
    {
        var expected = ModelProto.Parser.ParseFrom(bytes);
        using var file = OnnxReader.Read(bytes, null);

        var actual = ModelProto.Parser.ParseFrom(OnnxWriter.ToBytes(file.Model));

        Assert.Empty(GraphChecker.Check(file.Model));
        Normalize(expected);
        Normalize(actual);
        // The texts are for the message of a failure; the comparison proper sees unknown fields as well.
        if (!expected.Equals(actual)) Assert.Equal(expected.ToString(), actual.ToString());
        Assert.Equal(expected, actual);
    }

    static void Normalize(IMessage message)
    {
        foreach (var field in message.Descriptor.Fields.InDeclarationOrder())
        {
            if (field.IsRepeated)
            {
                if (field.FieldType == FieldType.Message) foreach (var each in (System.Collections.IList)field.Accessor.GetValue(message)) Normalize((IMessage)each!);
            }
            else if (field.FieldType == FieldType.Message)
            {
                if (field.Accessor.GetValue(message) is IMessage inner) Normalize(inner);
            }
            else if (field.Accessor.HasValue(message) && field.ContainingOneof is null && IsDefault(field.Accessor.GetValue(message)))
            {
                field.Accessor.Clear(message);
            }
        }
        switch (message)
        {
            case TensorProto tensor: NormalizeTensor(tensor); break;
            case NodeProto node: Sort(node.Attribute, a => a.Name); break;
            case FunctionProto function: Sort(function.OpsetImport, o => o.Domain); break;
            case ModelProto model: Sort(model.OpsetImport, o => o.Domain); break;
            case GraphProto graph: NormalizeGraph(graph); break;
            case ValueInfoProto { Type: { } type } info when type.CalculateSize() == 0 || type.TensorType?.CalculateSize() == 0: info.Type = null; break;
            case TensorShapeProto.Types.Dimension { DimParam: "", HasDimParam: true } dim: dim.ClearDimParam(); break;
            case TensorShapeProto.Types.Dimension { DimValue: < 0 } dim: dim.ClearDimValue(); break;
        }
    }

    static bool IsDefault(object value) => value is "" or 0L or 0 or 0f or ByteString { Length: 0 } || (value is Enum && Convert.ToInt32(value, System.Globalization.CultureInfo.InvariantCulture) == 0);

    static void NormalizeGraph(GraphProto graph)
    {
        var shown = graph.Input.Concat(graph.Output).Select(i => i.Name).ToHashSet(StringComparer.Ordinal);
        var defined = graph.Initializer.Select(i => i.Name).Concat(graph.Node.SelectMany(n => n.Output)).ToHashSet(StringComparer.Ordinal);
        var kept = graph.ValueInfo.Where(i => defined.Contains(i.Name) && !shown.Contains(i.Name)).OrderBy(i => i.Name, StringComparer.Ordinal).ToList();
        graph.ValueInfo.Clear();
        graph.ValueInfo.AddRange(kept);
    }

    static void NormalizeTensor(TensorProto tensor)
    {
        byte[] raw =
        [
            .. MemoryMarshal.AsBytes<float>(tensor.FloatData.ToArray()), .. MemoryMarshal.AsBytes<double>(tensor.DoubleData.ToArray()),
            .. MemoryMarshal.AsBytes<long>(tensor.Int64Data.ToArray()),
            .. tensor.Uint64Data.SelectMany(v => BitConverter.GetBytes(v)[..(tensor.DataType == (int)ElementType.UInt32 ? 4 : 8)]),
            .. tensor.Int32Data.SelectMany(v => BitConverter.GetBytes(v)[..Math.Max(1, ((ElementType)tensor.DataType).Bits / 8)]),
        ];
        tensor.FloatData.Clear();
        tensor.DoubleData.Clear();
        tensor.Int64Data.Clear();
        tensor.Uint64Data.Clear();
        tensor.Int32Data.Clear();
        if (raw.Length > 0) tensor.RawData = ByteString.CopyFrom(raw);
    }

    static void Sort<T>(Google.Protobuf.Collections.RepeatedField<T> field, Func<T, string> key)
    {
        var sorted = field.OrderBy(key, StringComparer.Ordinal).ToList();
        field.Clear();
        field.AddRange(sorted);
    }
}
