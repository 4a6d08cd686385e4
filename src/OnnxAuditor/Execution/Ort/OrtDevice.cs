using System.Globalization;
using Microsoft.ML.OnnxRuntime;

namespace OnnxAuditor.Execution.Ort;

/// <summary>Maps <c>--device</c> to an execution provider of ONNX Runtime.</summary>
static class OrtDevice
{
    /// <summary>The flavour of the ONNX Runtime package this program was built on.</summary>
#if ORT_GPU
    internal const string Package = "Microsoft.ML.OnnxRuntime.Gpu";
#else
    internal const string Package = "Microsoft.ML.OnnxRuntime";
#endif

    // Fastest first; "auto" takes the first that the package offers.
    static readonly (string Name, string Provider, string AppendName, string Where)[] Known =
    [
        ("tensorrt", "TensorrtExecutionProvider", "TensorRT", "the package Microsoft.ML.OnnxRuntime.Gpu (build with -p:OrtFlavor=Gpu)"),
        ("cuda", "CUDAExecutionProvider", "CUDA", "the package Microsoft.ML.OnnxRuntime.Gpu (build with -p:OrtFlavor=Gpu) and CUDA with cuDNN"),
        ("rocm", "ROCMExecutionProvider", "ROCM", "an ONNX Runtime build with ROCm"),
        ("migraphx", "MIGraphXExecutionProvider", "MIGraphX", "an ONNX Runtime build with MIGraphX"),
        ("dml", "DmlExecutionProvider", "DML", "the package Microsoft.ML.OnnxRuntime.DirectML"),
        ("coreml", "CoreMLExecutionProvider", "CoreML", "ONNX Runtime on macOS"),
        ("openvino", "OpenVINOExecutionProvider", "OpenVINO", "the package Intel.ML.OnnxRuntime.OpenVino"),
        ("qnn", "QNNExecutionProvider", "QNN", "the package Microsoft.ML.OnnxRuntime.QNN"),
        ("webgpu", "WebGpuExecutionProvider", "WebGPU", "an ONNX Runtime build with WebGPU"),
        ("xnnpack", "XnnpackExecutionProvider", "XNNPACK", "an ONNX Runtime build with XNNPACK"),
        ("dnnl", "DnnlExecutionProvider", "Dnnl", "an ONNX Runtime build with oneDNN"),
    ];

    /// <summary>The version of the native library.</summary>
    public static string RuntimeVersion => OrtEnv.Instance().GetVersionString();

    /// <summary>The providers that the native library offers, in its own order of preference.</summary>
    public static IReadOnlyList<string> AvailableProviders => OrtEnv.Instance().GetAvailableProviders();

    /// <summary>Adds the provider that a device name asks for to session options.</summary>
    /// <param name="options">The options.</param>
    /// <param name="device">"cpu", "auto", a provider's short name ("cuda", "cuda:1", "dml") or its full name.</param>
    /// <returns>The name of the provider, for the report.</returns>
    /// <exception cref="UsageException">The provider is unknown, or not in the package; the message names the package that has it.</exception>
    public static string Append(SessionOptions options, string device)
    {
        var parts = device.Split(':', 2);
        var name = parts[0].ToLowerInvariant();
        if (name == "cpu") return "CPUExecutionProvider";
        var available = AvailableProviders;
        if (name == "auto")
        {
            var best = Array.Find(Known, k => available.Contains(k.Provider, StringComparer.Ordinal));
            return best.Provider is null ? "CPUExecutionProvider" : Append(options, best.Name);
        }
        var known = Array.Find(Known, k => k.Name == name || string.Equals(k.Provider, parts[0], StringComparison.OrdinalIgnoreCase));
        if (known.Provider is null)
            throw new UsageException($"Unknown device '{device}'. Known: auto, cpu, {string.Join(", ", Known.Select(k => k.Name))}; the installed ONNX Runtime offers {string.Join(", ", available)}.");
        if (!available.Contains(known.Provider, StringComparer.Ordinal))
            throw new UsageException($"The device '{device}' needs {known.Provider}, which {Package} {RuntimeVersion} does not offer (it offers {string.Join(", ", available)}). It comes with {known.Where}.");
        try
        {
            AppendKnown(options, known.Name, known.AppendName, parts.Length > 1 ? parts[1] : "0");
        }
        catch (OnnxRuntimeException e)
        {
            throw new UsageException($"The device '{device}' could not be opened: {e.Message.ReplaceLineEndings(" ")}");
        }
        return known.Provider;
    }

    static void AppendKnown(SessionOptions options, string name, string appendName, string index)
    {
        if (!int.TryParse(index, NumberStyles.None, CultureInfo.InvariantCulture, out var id)) throw new UsageException($"'{index}' is no device number; write '{name}:0'.");
        switch (name)
        {
            case "cuda": options.AppendExecutionProvider_CUDA(id); break;
            case "tensorrt": options.AppendExecutionProvider_Tensorrt(id); break;
            case "rocm": options.AppendExecutionProvider_ROCm(id); break;
            case "migraphx": options.AppendExecutionProvider_MIGraphX(id); break;
            case "dml": options.AppendExecutionProvider_DML(id); break;
            case "dnnl": options.AppendExecutionProvider_Dnnl(id); break;
            default: options.AppendExecutionProvider(appendName, new Dictionary<string, string>(StringComparer.Ordinal)); break;
        }
    }
}
