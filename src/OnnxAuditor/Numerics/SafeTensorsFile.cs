using System.Buffers.Binary;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using GraphRewriter.Ir;

namespace OnnxAuditor.Numerics;

/// <summary>
/// Writes safetensors files (https://huggingface.co/docs/safetensors, "Format"): the length of a JSON header as a little-endian 64-bit number, the header, which names each
/// tensor's type, shape and place, and the contents, little-endian and row-major, without gaps.
/// </summary>
static class SafeTensorsFile
{
    /// <summary>The header is filled up with spaces to a multiple of this, so that the contents are aligned.</summary>
    const int Alignment = 8;

    /// <summary>Writes tensors under their names, in the order given.</summary>
    /// <param name="path">The file; one that is there is replaced.</param>
    /// <param name="tensors">Names, each once, and contents.</param>
    /// <exception cref="NotSupportedException">The format has no such element type.</exception>
    public static void Write(string path, IReadOnlyList<(string Name, TensorData Data)> tensors)
    {
        var header = Header(tensors);
        using var file = File.Create(path);
        Span<byte> length = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        file.Write(length);
        file.Write(header);
        foreach (var (_, data) in tensors) file.Write(data.Bytes.Span);
    }

    static byte[] Header(IReadOnlyList<(string Name, TensorData Data)> tensors)
    {
        using var buffer = new MemoryStream();
        // Names stay readable; the format is plain UTF-8, and no web page is made of it.
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            long offset = 0;
            foreach (var (name, data) in tensors)
            {
                json.WriteStartObject(name);
                json.WriteString("dtype", Code(data.Type));
                json.WriteStartArray("shape");
                foreach (var d in data.Dims) json.WriteNumberValue(d);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += data.Bytes.Length);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        buffer.Write(Encoding.UTF8.GetBytes(new string(' ', (int)((Alignment - buffer.Length % Alignment) % Alignment))));
        return buffer.ToArray();
    }

    static string Code(ElementType type) => type switch
    {
        ElementType.Float64 => "F64",
        ElementType.Float32 => "F32",
        ElementType.Float16 => "F16",
        ElementType.BFloat16 => "BF16",
        ElementType.Int64 => "I64",
        ElementType.Int32 => "I32",
        ElementType.Bool => "BOOL",
        _ => throw new NotSupportedException($"A {type} tensor is not written to a safetensors file."),
    };
}
