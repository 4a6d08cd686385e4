using System.Diagnostics;
using OnnxAuditor.Commands;
using Xunit;

namespace OnnxAuditor.Tests.Commands;

/// <summary>Each exit code, brought about in the built program as a process of its own.</summary>
public sealed class ExitCodeTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("exit-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    static string Model(string name) => Checkout.Path("models", name);

    [Fact]
    public void A_clean_model_is_0()
    {
        var (code, output, error) = ProgramRun.Of("check", Model("residual_cnn.onnx"));
        Assert.Equal((0, ""), (code, error));
        Assert.EndsWith("1 model: 0 errors, 1 warning, 1 note\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Findings_are_1()
    {
        var (code, output, error) = ProgramRun.Of("check", Model("nan_weight_cnn.onnx"));
        Assert.Equal((1, ""), (code, error));
        Assert.Contains("error WGT001", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_failed_gate_is_1() => Assert.Equal(1, ProgramRun.Of("check", Model("residual_cnn.onnx"), "--gate", "parameters < 1k").Code);

    [Theory]
    [InlineData("check", "x.onnx", "--fail-om", "error")]
    [InlineData("check", "x.onnx", "--gate", "intrain>=1")]
    [InlineData("chek", "x.onnx")]
    public void Wrong_usage_is_2(params string[] args)
    {
        var (code, output, error) = ProgramRun.Of(args);
        Assert.Equal((2, ""), (code, output));
        Assert.StartsWith("onnx-auditor: ", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_no_model_is_3()
    {
        var pointer = Path.Combine(folder, "pointer.onnx");
        File.WriteAllText(pointer, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n");
        var (code, output, _) = ProgramRun.Of("check", pointer, Model("residual_cnn.onnx"));
        Assert.Equal(3, code);
        Assert.Contains("git-LFS pointer", output, StringComparison.Ordinal);
    }

    /// <summary>An abort is what native code ends with where it finds itself in a wrong state; a process that the system kills has run out of memory.</summary>
    [Theory]
    [InlineData("ABRT", 4, "the audit ended with exit code 134, without a report")]
    [InlineData("SEGV", 4, "the audit ended with exit code 139, without a report")]
    [InlineData("KILL", 5, "the audit was killed, which the system does when memory runs out")]
    public void A_crash_of_one_audit_is_4_and_a_lack_of_memory_5_and_the_other_audit_is_made(string signal, int expected, string reason)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Finds the child by /proc.");
        foreach (var name in (string[])["a.onnx", "b.onnx"]) File.Copy(Model("residual_cnn.onnx"), Path.Combine(folder, name));
        var process = ProgramRun.Start(ProgramRun.Program, folder, ["audit", "a.onnx", "b.onnx", "--profile", "fast", "--proxies", "none", "--format", "json"]);
        var child = FirstChild(process);
        using (var kill = Process.Start("sh", ["-c", $"kill -{signal} {child}"])) kill.WaitForExit();
        var (code, output, error) = ProgramRun.Run(process);
        Assert.True(expected == code, $"exit code {code}: {error}");
        Assert.Contains(reason, error, StringComparison.Ordinal);
        Assert.Contains("\"a.onnx\"", output, StringComparison.Ordinal);
        Assert.Contains("\"b.onnx\"", output, StringComparison.Ordinal);
        Assert.Contains("\"verdict\": \"undetermined\"", output, StringComparison.Ordinal);
        Assert.Single(error.Split('\n'), l => l.StartsWith(Terminal.Prefix, StringComparison.Ordinal));
    }

    /// <summary>The first audit that a process starts; waits until it runs as one, and is no mere copy of its parent any more.</summary>
    static string FirstChild(Process parent)
    {
        while (!parent.HasExited)
        {
            // A thread may end between the listing and the reading.
            foreach (var task in Directory.GetDirectories($"/proc/{parent.Id}/task"))
                if (File.Exists($"{task}/children") && File.ReadAllText($"{task}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var first, ..] && File.ReadAllText($"/proc/{first}/cmdline").Contains(AuditProcess.ChildOption, StringComparison.Ordinal)) return first;
            Thread.Sleep(5);
        }
        throw new InvalidOperationException($"The process ended before it started another: {parent.StandardError.ReadToEnd()}");
    }

    [Fact]
    public void A_budget_that_is_spent_is_5()
    {
        var (code, output, _) = ProgramRun.Of("check", Model("residual_cnn.onnx"), "--max-memory", "1KiB");
        Assert.Equal(5, code);
        Assert.Contains("more than the budget", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_check_needs_neither_engine_and_an_audit_needs_one()
    {
        // Without a list of dependencies .NET takes what lies beside the program; the engines and their native libraries do not.
        foreach (var file in Directory.EnumerateFiles(AppContext.BaseDirectory, "*.dll").Append(Path.Combine(AppContext.BaseDirectory, "onnx-auditor.runtimeconfig.json")))
            if (!Path.GetFileName(file).StartsWith("Microsoft.ML.OnnxRuntime", StringComparison.Ordinal) && !Path.GetFileName(file).StartsWith("TorchSharp", StringComparison.Ordinal))
                File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        var program = Path.Combine(folder, "onnx-auditor.dll");
        var (code, output, error) = ProgramRun.Run(ProgramRun.Start("dotnet", folder, [program, "check", Model("residual_cnn.onnx"), Model("nan_weight_cnn.onnx")]));
        Assert.Equal((1, ""), (code, error));
        Assert.Contains("2 models: ", output, StringComparison.Ordinal);
        (code, _, error) = ProgramRun.Run(ProgramRun.Start("dotnet", folder, [program, "audit", Model("residual_cnn.onnx"), "--profile", "fast"]));
        Assert.Equal(4, code);
        Assert.Contains("Microsoft.ML.OnnxRuntime", error, StringComparison.Ordinal);
    }
}
