using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using GraphRewriter.Ir;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>
/// Tensors from our data and back. libtorch lacks the wider unsigned integers, so uint16, uint32 and uint64 are held in int32 and int64 (uint64 by its bits); what has
/// fewer than 8 bits is held in a byte an element, floats of 8 bits in float32. The declared element type of the value says what to write back.
/// </summary>
static class TorchTensors
{
    /// <summary>The type that elements are held in.</summary>
    /// <exception cref="ModelException">libtorch has no type that could hold it.</exception>
    public static ScalarType ScalarTypeOf(ElementType type) => type switch
    {
        ElementType.Float32 => ScalarType.Float32,
        ElementType.Float64 => ScalarType.Float64,
        ElementType.Float16 => ScalarType.Float16,
        ElementType.BFloat16 => ScalarType.BFloat16,
        ElementType.Int64 or ElementType.UInt64 or ElementType.UInt32 => ScalarType.Int64,
        ElementType.Int32 or ElementType.UInt16 => ScalarType.Int32,
        ElementType.Int16 => ScalarType.Int16,
        ElementType.Int8 or ElementType.Int4 or ElementType.Int2 => ScalarType.Int8,
        ElementType.UInt8 or ElementType.UInt4 or ElementType.UInt2 => ScalarType.Byte,
        ElementType.Bool => ScalarType.Bool,
        ElementType.Complex64 => ScalarType.ComplexFloat32,
        ElementType.Complex128 => ScalarType.ComplexFloat64,
        _ when Float8.Is(type) => ScalarType.Float32,
        _ => throw new ModelException(ModelProblem.Unsupported, $"Torch has no tensors of {type}."),
    };

    /// <summary>A tensor over the memory that the data lie in, which stays pinned until the handle is disposed; a copy where the types differ in size or the memory is not aligned.</summary>
    /// <param name="data">The data; they must not be written to.</param>
    /// <param name="pins">Receives the handle to dispose once the tensor is no longer used.</param>
    public static unsafe Tensor Share(TensorData data, List<MemoryHandle> pins)
    {
        if (!IsHeldAsIs(data.Type) || data.Count == 0) return Widened(data);
        var pin = data.Bytes.Pin();
        long[] dims = [.. data.Dims];
        if ((nint)pin.Pointer % (data.Type.Bits / 8) != 0)
        {
            pin.Dispose();
            return Aligned(data, dims);
        }
        pins.Add(pin);
        var type = (sbyte)ScalarTypeOf(data.Type);
        fixed (long* sizes = dims)
        {
            // The deleter does nothing: the memory is ours, and outlives the tensor.
            var handle = NewOverMemory((nint)pin.Pointer, &Keep, (nint)sizes, dims.Length, type, type, (int)TorchSharp.DeviceType.CPU, -1, 0);
            if (handle == 0) throw new InvalidOperationException($"libtorch refused a tensor of {data}.");
            return Tensor.UnsafeCreateTensor(handle);
        }
    }

    /// <summary>The contents of a tensor as data of a declared element type.</summary>
    public static TensorData Fetch(Tensor tensor, ElementType declared)
    {
        var type = declared is ElementType.Undefined ? OwnType(tensor.dtype) : declared;
        using var made = NewDisposeScope();
        var held = tensor.detach().to(ScalarTypeOf(type)).cpu().contiguous();
        // The zeros that autograd gives where a derivative vanishes everywhere have no memory.
        var bytes = tensor.numel() == 0 ? [] : Unsafe.IsNullRef(in held.bytes[0]) ? new byte[held.bytes.Length] : held.bytes.ToArray();
        return IsHeldAsIs(type) ? TensorData.FromBytes(type, held.shape, bytes) : Narrowed(type, held);
    }

    /// <summary>A copy: libtorch's machine code takes it for granted that an element lies on a multiple of its size, which a file does not promise.</summary>
    static Tensor Aligned(TensorData data, long[] dims)
    {
        var copy = empty(dims, ScalarTypeOf(data.Type));
        data.Bytes.Span.CopyTo(copy.bytes);
        return copy;
    }

    static bool IsHeldAsIs(ElementType type) => type is not (ElementType.UInt16 or ElementType.UInt32) && type.Bits >= 8 && type.Bits == BitsOf(ScalarTypeOf(type));

    static int BitsOf(ScalarType type) => type switch
    {
        ScalarType.Byte or ScalarType.Int8 or ScalarType.Bool => 8,
        ScalarType.Int16 or ScalarType.Float16 or ScalarType.BFloat16 => 16,
        ScalarType.Int32 or ScalarType.Float32 => 32,
        ScalarType.Int64 or ScalarType.Float64 or ScalarType.ComplexFloat32 => 64,
        _ => 128,
    };

    static ElementType OwnType(ScalarType type) => type switch
    {
        ScalarType.Float32 => ElementType.Float32,
        ScalarType.Float64 => ElementType.Float64,
        ScalarType.Float16 => ElementType.Float16,
        ScalarType.BFloat16 => ElementType.BFloat16,
        ScalarType.Int64 => ElementType.Int64,
        ScalarType.Int32 => ElementType.Int32,
        ScalarType.Int16 => ElementType.Int16,
        ScalarType.Int8 => ElementType.Int8,
        ScalarType.Byte => ElementType.UInt8,
        ScalarType.Bool => ElementType.Bool,
        ScalarType.ComplexFloat32 => ElementType.Complex64,
        ScalarType.ComplexFloat64 => ElementType.Complex128,
        _ => throw new ModelException(ModelProblem.Unsupported, $"Nothing here holds tensors of {type}."),
    };

    static Tensor Widened(TensorData data)
    {
        var (held, dims) = (ScalarTypeOf(data.Type), data.Dims.ToArray());
        if (data.Count == 0) return empty(dims, held);
        return Float8.Is(data.Type) ? tensor(data.ToFloats(), dims) : tensor(data.ToInt64s(), dims).to(held);
    }

    static TensorData Narrowed(ElementType type, Tensor held)
    {
        if (Float8.Is(type)) return TensorData.FromBytes(type, held.shape, held.data<float>().Select(x => Float8.Encode(x, type)).ToArray());
        var wide = held.to(ScalarType.Int64);
        var numbers = wide.data<long>().ToArray();
        var bytes = new byte[type.ByteCount(numbers.Length)];
        var perByte = 8 / Math.Max(type.Bits, 1);
        for (var i = 0; i < numbers.Length; i++)
        {
            if (type == ElementType.UInt16) MemoryMarshal.Cast<byte, ushort>(bytes.AsSpan())[i] = (ushort)numbers[i];
            else if (type == ElementType.UInt32) MemoryMarshal.Cast<byte, uint>(bytes.AsSpan())[i] = (uint)numbers[i];
            else bytes[i / perByte] |= (byte)((numbers[i] & ((1 << type.Bits) - 1)) << (i % perByte * type.Bits));
        }
        return TensorData.FromBytes(type, held.shape, bytes);
    }

    [UnmanagedCallersOnly]
    static void Keep(nint _)
    {
    }

    // TorchSharp offers tensors over managed arrays only; ours also lie in mapped files.
    [DllImport("LibTorchSharp", EntryPoint = "THSTensor_new", ExactSpelling = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories | DllImportSearchPath.AssemblyDirectory)]
    static extern unsafe nint NewOverMemory(nint data, delegate* unmanaged<nint, void> deleter, nint sizes, int rank, sbyte type, sbyte wanted, int deviceType, int deviceIndex, byte requiresGrad);
}
