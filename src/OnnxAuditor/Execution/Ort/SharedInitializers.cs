using System.Buffers;
using System.Runtime.InteropServices;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using Microsoft.ML.OnnxRuntime;

namespace OnnxAuditor.Execution.Ort;

/// <summary>
/// Gives weights to a session as constants without putting them into the protobuf: each is written as an external initializer of a file
/// that exists only as a block of memory (OrtApi::AddExternalInitializersFromFilesInMemory). The memory stays pinned as long as the session lives.
/// <c>SessionOptions.AddInitializer</c> is not used: with layout optimisation ONNX Runtime takes the file's values instead.
/// </summary>
sealed unsafe class SharedInitializers : IDisposable
{
    // Positions in the OrtApi table, which only ever grows at its end; the function came with API version 18.
    const int GetErrorMessageSlot = 2;
    const int ReleaseStatusSlot = 93;
    const int AddFilesInMemorySlot = 279;
    const uint ApiVersion = 18;

    readonly List<MemoryHandle> pins = [];

    /// <summary>Where each initializer is found; for <see cref="WriteOptions"/>.</summary>
    public Dictionary<Value, ExternalReference> References { get; } = [];

    /// <summary>Registers initializers with session options.</summary>
    /// <param name="options">The options of the session to be made.</param>
    /// <param name="initializers">Initializers with contents; empty tensors and strings are left where they are.</param>
    public SharedInitializers(SessionOptions options, IEnumerable<Value> initializers)
    {
        var names = new List<nint>();
        var buffers = new List<nint>();
        var lengths = new List<nuint>();
        try
        {
            foreach (var value in initializers)
            {
                var bytes = value.Data!.Bytes;
                var pin = bytes.Pin();
                pins.Add(pin);
                // The file name is a key only; a path separator or a name of the model could be mistaken for a real file.
                var location = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"in-memory-{names.Count}");
                References[value] = new ExternalReference(location, 0, bytes.Length);
                names.Add(OperatingSystem.IsWindows() ? Marshal.StringToHGlobalUni(location) : Marshal.StringToCoTaskMemUTF8(location));
                buffers.Add((nint)pin.Pointer);
                lengths.Add((nuint)bytes.Length);
            }
            if (names.Count > 0) Add(options, [.. names], [.. buffers], [.. lengths]);
        }
        catch
        {
            Dispose();
            throw;
        }
        finally
        {
            foreach (var name in names)
            {
                if (OperatingSystem.IsWindows()) Marshal.FreeHGlobal(name);
                else Marshal.FreeCoTaskMem(name);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var pin in pins) pin.Dispose();
        pins.Clear();
    }

    static void Add(SessionOptions options, nint[] names, nint[] buffers, nuint[] lengths)
    {
        var getApi = (delegate* unmanaged<uint, nint*>)OrtGetApiBase()[0];
        var api = getApi(ApiVersion);
        if (api is null) throw new InvalidOperationException($"The ONNX Runtime library does not know API version {ApiVersion}.");
        fixed (nint* name = names, buffer = buffers)
        fixed (nuint* length = lengths)
        {
            var add = (delegate* unmanaged<nint, nint*, nint*, nuint*, nuint, nint>)api[AddFilesInMemorySlot];
            var status = add(options.DangerousGetHandle(), name, buffer, length, (nuint)names.Length);
            if (status == 0) return;
            var message = Marshal.PtrToStringUTF8(((delegate* unmanaged<nint, nint>)api[GetErrorMessageSlot])(status));
            ((delegate* unmanaged<nint, void>)api[ReleaseStatusSlot])(status);
            throw new InvalidOperationException($"ONNX Runtime refused the weights: {message}");
        }
    }

    [DllImport("onnxruntime", ExactSpelling = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    static extern nint* OrtGetApiBase();
}
