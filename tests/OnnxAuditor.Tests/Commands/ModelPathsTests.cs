using OnnxAuditor.Commands;
using Xunit;

namespace OnnxAuditor.Tests.Commands;

public sealed class ModelPathsTests : IDisposable
{
    readonly string root = Directory.CreateTempSubdirectory("model-paths-").FullName;

    public ModelPathsTests()
    {
        foreach (var file in (string[])["b.onnx", "a.onnx", "sub/c.onnx", "sub/deep/d.ONNX", "sub/notes.txt", ".git/e.onnx", "empty/readme.md"])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(root, file))!);
            File.WriteAllText(Path.Combine(root, file), "");
        }
    }

    public void Dispose() => Directory.Delete(root, recursive: true);

    string[] Expand(params string[] arguments) => [.. ModelPaths.Expand(arguments.Select(a => Path.Combine(root, a))).Select(p => Path.GetRelativePath(root, p.File))];

    [Fact]
    public void A_folder_is_searched_and_hidden_ones_are_not() => Assert.Equal(["a.onnx", "b.onnx", "sub/c.onnx", "sub/deep/d.ONNX"], Expand(""));

    [Theory]
    [InlineData("*.onnx", "a.onnx,b.onnx")]
    [InlineData("?.onnx", "a.onnx,b.onnx")]
    [InlineData("*/*.onnx", "sub/c.onnx")]
    [InlineData("**/*.onnx", "a.onnx,b.onnx,sub/c.onnx")]
    [InlineData("sub/**", "sub/c.onnx,sub/deep/d.ONNX")]
    [InlineData("s*/**/d.*", "sub/deep/d.ONNX")]
    public void A_pattern_is_matched(string pattern, string expected) => Assert.Equal(expected.Split(','), Expand(pattern));

    [Fact]
    public void A_model_is_named_once_and_the_order_is_that_of_the_arguments() => Assert.Equal(["b.onnx", "a.onnx", "sub/c.onnx", "sub/deep/d.ONNX"], Expand("b.onnx", "", "a.onnx"));

    [Fact]
    public void A_file_that_is_not_there_is_kept_for_the_report() => Assert.Equal(["missing.onnx"], Expand("missing.onnx"));

    [Theory]
    [InlineData("empty")]
    [InlineData("*.pt")]
    public void Where_there_is_no_model_it_is_said(string argument) => Assert.Throws<UsageException>(() => Expand(argument));

    [Fact]
    public void A_report_names_no_absolute_path()
    {
        Assert.Equal("a.onnx", ModelPaths.Expand([Path.Combine(root, "a.onnx")])[0].Shown);
        Assert.Equal($"{Path.GetFileName(root)}/sub/c.onnx", ModelPaths.Expand([root])[2].Shown);
        Assert.Equal("models/x.onnx", ModelPaths.Expand(["./models/x.onnx"])[0].Shown);
        Assert.Equal("x.onnx", ModelPaths.Expand([Path.GetFullPath("x.onnx")])[0].Shown);
        Assert.Equal("-", ModelPaths.Expand(["-"])[0].Shown);
    }
}
