using System.Globalization;
using TorchSharp;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Devices by name.</summary>
static class TorchDevice
{
    /// <summary>The device of a name.</summary>
    /// <param name="name">"cpu", "auto", "cuda" or "cuda:N".</param>
    /// <exception cref="UsageException">There is no such device; the message says what it needs.</exception>
    public static torch.Device Open(string name)
    {
        var parts = name.ToLowerInvariant().Split(':', 2);
        if (parts is ["cpu"]) return torch.CPU;
        if (parts is ["auto"]) return torch.cuda.is_available() ? torch.CUDA : torch.CPU;
        if (parts[0] is not "cuda") throw new UsageException($"Torch runs on cpu and cuda, not on '{name}'.");
        if (!int.TryParse(parts.Length > 1 ? parts[1] : "0", NumberStyles.None, CultureInfo.InvariantCulture, out var index)) throw new UsageException($"'{parts[1]}' is no device number; write 'cuda:0'.");
        if (!torch.cuda.is_available())
            throw new UsageException($"The device '{name}' needs an NVIDIA GPU and libtorch with CUDA: the package {Package} {TorchLibrary.LibTorchVersion} in place of libtorch-cpu.");
        var count = torch.cuda.device_count();
        return index < count ? new torch.Device(DeviceType.CUDA, index) : throw new UsageException($"There is no device '{name}': CUDA devices are numbered 0 to {count - 1}.");
    }

    static string Package => OperatingSystem.IsWindows() ? "libtorch-cuda-12.8-win-x64" : "libtorch-cuda-12.8-linux-x64";
}
