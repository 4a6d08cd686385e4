using OnnxAuditor.Commands;
using Xunit;

namespace OnnxAuditor.Tests.Commands;

public class ProgressDisplayTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Steps_are_shown_on_the_error_stream_alone(bool hasColor)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var terminal = new Terminal(output, error, Stream.Null, IsInteractive: true);
        var result = ProgressDisplay.Run(terminal, isShown: true, hasColor, progress =>
        {
            progress!.Report(new("a/model.onnx", "reading", 0));
            progress.Report(new("a/model.onnx", "hostile [red]\u001b[31m name", 0.5));
            progress.Report(new("b.onnx", "", 1));
            return 7;
        });
        Assert.Equal(7, result);
        Assert.Equal("", output.ToString());
        Assert.NotEmpty(error.ToString());
    }

    [Fact]
    public void Nothing_is_shown_where_nobody_watches()
    {
        using var error = new StringWriter();
        Assert.True(ProgressDisplay.Run(new Terminal(TextWriter.Null, error, Stream.Null, IsInteractive: false), isShown: false, hasColor: true, progress => progress is null));
        Assert.Equal("", error.ToString());
    }
}
