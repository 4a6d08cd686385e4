using System.Globalization;
using Google.Protobuf;
using GraphRewriter.Ir;
using GraphRewriter.Onnx;

namespace GraphRewriter.Serialization;

/// <summary>Turns tensors into messages that refer to the same bytes, and collects what goes to the second file.</summary>
/// <param name="options">How to write.</param>
/// <param name="sidecar">The name of the second file; null for none.</param>
sealed class TensorWriter(WriteOptions options, string? sidecar)
{
    /// <summary>Tensors in the second file begin at multiples of the page size, so that they can be mapped one by one.</summary>
    const long Alignment = 4096;

    readonly List<(long Offset, ReadOnlyMemory<byte> Bytes)> outside = [];
    long end;

    /// <summary>The bytes of contents that go into the model file.</summary>
    public long InlineBytes { get; private set; }

    /// <summary>What goes to the second file, in ascending order.</summary>
    public IReadOnlyList<(long Offset, ReadOnlyMemory<byte> Bytes)> Outside => outside;

    /// <summary>An initializer.</summary>
    public TensorProto Initializer(Value value, string name)
    {
        var data = value.Data!;
        var proto = Header(data);
        proto.Name = name;
        if (options.References.TryGetValue(value, out var reference)) SetExternal(proto, reference);
        else if (sidecar is not null && data.Type != ElementType.String && data.Bytes.Length >= options.ExternalThreshold) SetExternal(proto, PutOutside(data.Bytes));
        else SetContents(proto, data, name);
        return proto;
    }

    /// <summary>A tensor that is no initializer, such as an attribute.</summary>
    public TensorProto Tensor(TensorData data, string where)
    {
        var proto = Header(data);
        SetContents(proto, data, where);
        return proto;
    }

    /// <summary>A sparse tensor.</summary>
    public SparseTensorProto Sparse(SparseTensorData data, string where)
    {
        var proto = new SparseTensorProto { Values = Tensor(data.Values, where), Indices = Tensor(data.Indices, where) };
        proto.Dims.AddRange(data.Dims);
        return proto;
    }

    /// <summary>Writes the second file.</summary>
    public void WriteOutside(Stream stream)
    {
        foreach (var (offset, bytes) in outside)
        {
            stream.Position = offset;
            stream.Write(bytes.Span);
        }
    }

    ExternalReference PutOutside(ReadOnlyMemory<byte> bytes)
    {
        var offset = (end + Alignment - 1) / Alignment * Alignment;
        outside.Add((offset, bytes));
        end = offset + bytes.Length;
        return new ExternalReference(sidecar!, offset, bytes.Length);
    }

    void SetContents(TensorProto proto, TensorData data, string where)
    {
        if (data.Unavailable is { } why) throw new ModelException(ModelProblem.ExternalData, $"'{where}' cannot be written: {why}");
        if (data.Type == ElementType.String)
        {
            foreach (var text in data.Strings) proto.StringData.Add(UnsafeByteOperations.UnsafeWrap(text));
            return;
        }
        InlineBytes += data.Bytes.Length;
        proto.RawData = UnsafeByteOperations.UnsafeWrap(data.Bytes);
    }

    static TensorProto Header(TensorData data)
    {
        var proto = new TensorProto { DataType = (int)data.Type };
        proto.Dims.AddRange(data.Dims);
        return proto;
    }

    static void SetExternal(TensorProto proto, ExternalReference reference)
    {
        proto.DataLocation = TensorProto.Types.DataLocation.External;
        proto.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = reference.Location });
        proto.ExternalData.Add(new StringStringEntryProto { Key = "offset", Value = reference.Offset.ToString(CultureInfo.InvariantCulture) });
        proto.ExternalData.Add(new StringStringEntryProto { Key = "length", Value = reference.Length.ToString(CultureInfo.InvariantCulture) });
    }
}
