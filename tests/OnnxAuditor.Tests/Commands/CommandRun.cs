using OnnxAuditor.Commands;

namespace OnnxAuditor.Tests.Commands;

/// <summary>Runs a command line inside the test's process.</summary>
static class CommandRun
{
    internal static (int Code, string Output, string Error) Of(params string[] args)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var code = CommandLine.Run(args, output, error);
        return (code, output.ToString(), error.ToString());
    }
}
