using System.Buffers;
using System.Runtime.InteropServices;

namespace GraphRewriter.Ir;

/// <summary>Shows an array of numbers as the bytes it consists of, without copying (little-endian machines only, as ONNX data is).</summary>
sealed class ArrayBytes<T>(T[] values) : MemoryManager<byte> where T : unmanaged
{
    public override Span<byte> GetSpan() => MemoryMarshal.AsBytes(values.AsSpan());

    public override unsafe MemoryHandle Pin(int elementIndex = 0)
    {
        var handle = GCHandle.Alloc(values, GCHandleType.Pinned);
        return new MemoryHandle((byte*)handle.AddrOfPinnedObject() + elementIndex, handle);
    }

    public override void Unpin()
    {
        // The MemoryHandle owns the GCHandle and frees it.
    }

    protected override void Dispose(bool disposing)
    {
        // Nothing is owned but the array.
    }
}
