using System.CommandLine;
using System.Runtime.InteropServices;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Execution.Torch;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Commands;

/// <summary><c>doctor</c>: what is there, what is missing, and how to get it.</summary>
static class DoctorCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("doctor", "Tells versions and execution providers, what is missing and how to get it.");
        command.SetAction(_ =>
        {
            foreach (var (name, value) in Facts()) terminal.Output.WriteLine($"{name,-20}{value}");
            return (int)ExitCode.Clean;
        });
        return command;
    }

    static IEnumerable<(string Name, string Value)> Facts()
    {
        yield return ("onnx-auditor", CommandLine.Tool.Version);
        yield return (".NET", $"{Environment.Version} on {RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}");
        yield return ("memory", NumberFormat.Bytes(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes));
        yield return ("processors", $"{Environment.ProcessorCount} logical");
        yield return ("ONNX Runtime", $"{OrtDevice.RuntimeVersion} (package {OrtDevice.Package})");
        yield return ("providers", string.Join(", ", OrtDevice.AvailableProviders));
        if (!OrtDevice.AvailableProviders.Contains("CUDAExecutionProvider", StringComparer.Ordinal))
            yield return ("missing: cuda", "build from source with -p:OrtFlavor=Gpu, which takes the package Microsoft.ML.OnnxRuntime.Gpu, on a machine with CUDA and cuDNN");
        yield return ("TorchSharp", TorchLibrary.Version);
        if (TorchLibrary.Unavailable is { } reason) yield return ("missing: libtorch", reason);
    }
}
