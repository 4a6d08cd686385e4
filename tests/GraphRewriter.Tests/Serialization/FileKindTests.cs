using System.Text;
using Google.Protobuf;
using GraphRewriter.Ir;
using GraphRewriter.Onnx;
using GraphRewriter.Serialization;
using Xunit;

namespace GraphRewriter.Tests.Serialization;

public class FileKindTests
{
    public static TheoryData<string, byte[], string> NoModels() => new()
    {
        { "empty", [], "is empty" },
        { "LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345678\n"u8.ToArray(), "run 'git lfs pull'" },
        { "web page", "<!DOCTYPE html><html><body>Not found</body></html>"u8.ToArray(), "is a web page" },
        { "web page with umlauts", Encoding.UTF8.GetBytes("\uFEFF\n<html><body>Gesperrt für Sie</body></html>"), "is a web page" },
        { "XML error", "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"u8.ToArray(), "is a web page (HTML or XML)" },
        { "link text", "../../blobs/6f1c"u8.ToArray(), "is the text of a symbolic link to '../../blobs/6f1c'" },
        { "link text to a sibling", "model_v2.onnx"u8.ToArray(), "is the text of a symbolic link to 'model_v2.onnx'" },
        { "JSON", "{\"error\": \"gated repo\"}\n{}"u8.ToArray(), "is a text file" },
        { "zip", "PK\u0003\u0004rest"u8.ToArray(), "is a zip archive" },
        { "tflite", [0x1C, 0, 0, 0, .. "TFL3"u8, 0, 0], "TensorFlow Lite" },
        { "pickle", [0x80, 0x02, 0x8A], "Python pickle" },
        { "zeros", new byte[64], "is no ONNX model" },
        { "other protobuf", [0x0A, 0x03, 0x61, 0x62, 0x63, 0x10, 0x01], "is no ONNX model" },
        { "no graph", new ModelProto { IrVersion = 8 }.ToByteArray(), "it holds no graph" },
    };

    [Theory]
    [MemberData(nameof(NoModels))]
    public void A_file_that_is_no_model_is_told_for_what_it_is(string what, byte[] bytes, string expected)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("m.onnx"), bytes);

        var fromFile = Assert.Throws<ModelException>(() => OnnxReader.Read(folder.File("m.onnx")));
        var fromBytes = Assert.Throws<ModelException>(() => OnnxReader.Read(bytes, null));

        Assert.All([fromFile, fromBytes], e =>
        {
            Assert.True(e.Problem == ModelProblem.Unreadable, what);
            Assert.Contains(expected, e.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', e.Message);
        });
        Assert.Contains("m.onnx'", fromFile.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_cut_off_anywhere_is_truncated()
    {
        var whole = ProtoModels.WithInitializer(ProtoModels.Tensor("w", new float[64])).ToByteArray();

        // The import of the operator set comes after the graph: without it the file parses, and says what it lacks.
        var graphEnds = whole.Length - new OperatorSetIdProto { Domain = "", Version = 17 }.CalculateSize() - 2;
        for (var length = 3; length < graphEnds; length++)
        {
            var error = Assert.Throws<ModelException>(() => OnnxReader.Read(whole.AsMemory(0, length), null));
            Assert.Equal(ModelProblem.Unreadable, error.Problem);
            Assert.Contains("is truncated", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Random_bytes_never_do_more_than_throw_that_they_are_unreadable()
    {
        var random = new Random(3);
        for (var i = 0; i < 2000; i++)
        {
            var bytes = new byte[random.Next(1, 300)];
            random.NextBytes(bytes);
            Assert.Equal(ModelProblem.Unreadable, Assert.Throws<ModelException>(() => OnnxReader.Read(bytes, null)).Problem);
        }
    }

    [Fact]
    public void A_model_with_single_bytes_changed_is_read_or_refused_and_never_crashes()
    {
        var whole = ProtoModels.WithInitializer(ProtoModels.Tensor("w", 1, 2)).ToByteArray();
        var random = new Random(5);
        var refused = 0;
        for (var i = 0; i < 4000; i++)
        {
            var bytes = whole.ToArray();
            bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            try
            {
                using var file = OnnxReader.Read(bytes, null);
                OnnxWriter.ToBytes(file.Model);
            }
            catch (ModelException)
            {
                refused++;
            }
        }
        Assert.InRange(refused, 1000, 4000);
    }

    [Fact]
    public void A_missing_file_and_a_folder_are_unreadable()
    {
        using var folder = new TemporaryFolder();

        Assert.Contains("does not exist", Assert.Throws<ModelException>(() => OnnxReader.Read(folder.File("none.onnx"))).Message, StringComparison.Ordinal);
        Assert.Contains("is a folder", Assert.Throws<ModelException>(() => OnnxReader.Read(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Subgraphs_nested_too_deeply_are_refused()
    {
        var graph = ProtoModels.Graph("y", ProtoModels.Node("Identity", "id", ["x"], "y"));
        for (var i = 0; i < 60; i++)
        {
            var node = ProtoModels.Node("If", "if", ["x"], "y");
            node.Attribute.Add(new AttributeProto { Name = "then_branch", G = graph });
            graph = ProtoModels.Graph("y", node);
        }

        Assert.Equal(ModelProblem.Unreadable, ProtoModels.Model(graph).Refused().Problem);
    }
}
