using GraphRewriter.Ir;
using OnnxAuditor.Commands;
using OnnxAuditor.Execution.Torch;
using Xunit;

namespace OnnxAuditor.Tests.Commands;

public class CommandLineTests
{
    [Theory]
    [InlineData("help")]
    [InlineData("rewrite", "rewrite")]
    [InlineData("explain", "explain")]
    [InlineData("list", "list")]
    [InlineData("doctor", "doctor")]
    public void The_help_is_as_reviewed(string snapshot, params string[] command) => Snapshot.Match($"{snapshot}.txt", Help(command));

    /// <summary>The help of a command. Its usage names the running program, which is the test host here.</summary>
    internal static string Help(params string[] command)
    {
        var (code, output, error) = CommandRun.Of([.. command, "--help"]);
        Assert.Equal((0, ""), (code, error));
        var text = output.ReplaceLineEndings("\n").Replace(Path.GetFileNameWithoutExtension(Environment.ProcessPath!), "onnx-auditor", StringComparison.Ordinal);
        return string.Join('\n', text.Split('\n').Select(l => l.TrimEnd()));
    }

    [Theory]
    [InlineData("there is no command 'explan'; did you mean 'explain'?", "explan", "TRN012")]
    [InlineData("there is no rule or proxy 'TRN01'; did you mean 'TRN001'?", "explain", "TRN01")]
    [InlineData("there is no rule or proxy 'intrian'; did you mean 'intrain'?", "explain", "intrian")]
    [InlineData("'jsn' is no value of --format; did you mean 'json'? Allowed: text, json (", "list", "rules", "--format", "jsn")]
    [InlineData("there is no option '--actvations'; did you mean '--activations'?", "rewrite", "a.onnx", "b.onnx", "--actvations")]
    [InlineData("--gradients: 'wieghts' has no gradients; did you mean 'weights'? Allowed: weights, inputs, activations (", "rewrite", "a.onnx", "b.onnx", "--gradients=wieghts")]
    [InlineData("--loss: 'msee' is no loss; did you mean 'mse'?", "rewrite", "a.onnx", "b.onnx", "--loss=msee")]
    [InlineData("--shape: 'x' is no shape of an input: write NAME=1x3x224x224 (", "rewrite", "a.onnx", "b.onnx", "--canonical", "--shape", "x")]
    [InlineData("--shape: '0' in 'x=0x3' is no dimension", "rewrite", "a.onnx", "b.onnx", "--canonical", "--shape", "x=0x3")]
    [InlineData("say what to write", "rewrite", "a.onnx", "b.onnx")]
    [InlineData("Required argument 'OUT' missing", "rewrite", "a.onnx")]
    [InlineData("Required command was not provided")]
    public void A_mistake_on_the_command_line_is_told_in_one_line_with_exit_code_2(string expected, params string[] args)
    {
        var (code, output, error) = CommandRun.Of(args);
        Assert.Equal(2, code);
        Assert.Equal("", output);
        Assert.StartsWith($"onnx-auditor: {expected}", error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public void An_exception_has_one_exit_code()
    {
        Assert.Equal(ExitCode.Usage, ExitCodes.Of(new UsageException("x")));
        Assert.Equal(ExitCode.Usage, ExitCodes.Of(new ModelException(ModelProblem.Binding, "x")));
        Assert.Equal(ExitCode.Unreadable, ExitCodes.Of(new ModelException(ModelProblem.Unreadable, "x")));
        Assert.Equal(ExitCode.Unreadable, ExitCodes.Of(new ModelException(ModelProblem.InvalidGraph, "x")));
        Assert.Equal(ExitCode.Budget, ExitCodes.Of(new ModelException(ModelProblem.Budget, "x")));
        Assert.Equal(ExitCode.Findings, ExitCodes.Of(new ModelException(ModelProblem.Unsupported, "x")));
        Assert.Equal(ExitCode.Internal, ExitCodes.Of(new InvalidOperationException("x")));
    }

    [Fact]
    public void Only_an_error_of_this_program_shows_where_it_happened()
    {
        Assert.Equal("x", ExitCodes.Message(new UsageException("x")));
        Assert.Contains("InvalidOperationException", ExitCodes.Message(new InvalidOperationException("x")), StringComparison.Ordinal);
    }

    [Fact]
    public void Doctor_names_versions_and_providers()
    {
        var (code, output, _) = CommandRun.Of("doctor");
        Assert.Equal(0, code);
        Assert.Contains("ONNX Runtime", output, StringComparison.Ordinal);
        Assert.Contains("CPUExecutionProvider", output, StringComparison.Ordinal);
        Assert.Contains($"TorchSharp          {TorchLibrary.Version}\n", output, StringComparison.Ordinal);
        Assert.Equal(TorchLibrary.Unavailable is not null, output.Contains("missing: libtorch", StringComparison.Ordinal));
    }
}
