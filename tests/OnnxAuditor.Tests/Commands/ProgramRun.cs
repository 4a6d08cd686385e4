using System.Diagnostics;

namespace OnnxAuditor.Tests.Commands;

/// <summary>Runs the built program as a process of its own, as a user does.</summary>
static class ProgramRun
{
    /// <summary>The program, beside the tests.</summary>
    internal static string Program { get; } = Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "onnx-auditor.exe" : "onnx-auditor");

    /// <summary>Runs it to its end.</summary>
    internal static (int Code, string Output, string Error) Of(params string[] args) => Run(Start(Program, Path.GetTempPath(), args));

    /// <summary>Runs what was started to its end.</summary>
    internal static (int Code, string Output, string Error) Run(Process process)
    {
        using (process)
        {
            var error = process.StandardError.ReadToEndAsync();
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, output, error.GetAwaiter().GetResult());
        }
    }

    /// <summary>Starts a program with an empty input.</summary>
    internal static Process Start(string program, string folder, IEnumerable<string> args)
    {
        var start = new ProcessStartInfo(program, args) { UseShellExecute = false, WorkingDirectory = folder, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        var process = Process.Start(start)!;
        process.StandardInput.Close();
        return process;
    }
}
