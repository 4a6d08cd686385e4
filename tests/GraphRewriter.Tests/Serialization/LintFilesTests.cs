using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using Xunit;

namespace GraphRewriter.Tests.Serialization;

public class LintFilesTests
{
    /// <summary>Files that are refused, and what the message must say.</summary>
    static readonly Dictionary<string, (ModelProblem Problem, string Says)> Refused = new(StringComparer.Ordinal)
    {
        ["lint/bad_graph_with_no_import_domains.onnx"] = (ModelProblem.InvalidGraph, "no version of the standard operator set is imported"),
        ["lint/lfs_pointer.onnx"] = (ModelProblem.Unreadable, "git lfs pull"),
        ["lint/truncated.onnx"] = (ModelProblem.Unreadable, "is truncated (1510824 bytes or more are missing at the end)"),
    };

    /// <summary>Files that are read with something to say about them: code and place of each problem.</summary>
    static readonly Dictionary<string, string[]> Noted = new(StringComparer.Ordinal)
    {
        ["lint/bad_graph_with_duplicate_node_names.onnx"] = ["ONX002 node 'identical'"],
        ["lint/custom_op_node.onnx"] = ["ONX002 ai.onnx.contrib"],
        ["lint/ext_weights.onnx"] = ["ONX003 initializer 'a'", "ONX003 initializer 'b'", "ONX003 initializer 'd'"],
        ["lint/unsorted.onnx"] = ["ONX002 graph 'onnx_graphsurgeon_graph'"],
    };

    public static TheoryData<string> Files() => [.. SharedFiles.Models("lint")];

    [Theory]
    [MemberData(nameof(Files))]
    public void Each_file_is_read_or_refused_as_expected(string name)
    {
        var path = SharedFiles.Require(["models", .. name.Split('/')]);
        if (Refused.TryGetValue(name, out var expected))
        {
            var error = Assert.Throws<ModelException>(() => OnnxReader.Read(path));
            Assert.Equal(expected.Problem, error.Problem);
            Assert.Contains(expected.Says, error.Message, StringComparison.Ordinal);
            return;
        }

        using var file = OnnxReader.Read(path);

        Assert.Equal(Noted.GetValueOrDefault(name, []), file.Problems.Select(p => $"{p.Code} {p.Where}"));
        Assert.Empty(GraphChecker.Check(file.Model));
        if (name is "lint/ext_weights.onnx")
        {
            Assert.Equal(ModelProblem.ExternalData, Assert.Throws<ModelException>(() => OnnxWriter.ToBytes(file.Model)).Problem);
            return;
        }
        var written = OnnxWriter.ToBytes(file.Model);
        using var second = OnnxReader.Read(written, null);
        Assert.Equal(written, OnnxWriter.ToBytes(second.Model));
    }

    [Theory]
    [InlineData("constant_fold_bloater")]
    [InlineData("light_resnet50")]
    [InlineData("light_shufflenet")]
    [InlineData("loop")]
    [InlineData("opset_11")]
    [InlineData("opset_13")]
    [InlineData("opset_18")]
    [InlineData("qdq_conv")]
    [InlineData("scan")]
    [InlineData("sparse.conv")]
    [InlineData("unbounded_dds")]
    [InlineData("unsorted")]
    [InlineData("bad_graph_with_duplicate_node_names")]
    public void What_is_written_of_an_odd_but_sound_file_loads_in_Onnx_Runtime(string name)
    {
        using var file = OnnxReader.Read(SharedFiles.Require("models", "lint", name + ".onnx"));

        using var session = OrtReference.Open(OnnxWriter.ToBytes(file.Model), optimize: false);

        Assert.Equal(file.Model.Graph.Outputs.Select(o => o.Name), session.OutputNames);
    }
}
