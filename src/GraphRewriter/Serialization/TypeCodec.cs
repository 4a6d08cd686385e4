using Google.Protobuf;
using GraphRewriter.Ir;
using GraphRewriter.Onnx;

namespace GraphRewriter.Serialization;

/// <summary>Types and shapes of values, both ways.</summary>
static class TypeCodec
{
    /// <summary>
    /// Gives a value the type and shape the model states for it, where nothing is known of them yet.
    /// What the value cannot hold (denotations, fields of later versions) remains in the message.
    /// </summary>
    /// <returns>What is wrong with the type; null where nothing is.</returns>
    public static string? Apply(ValueInfoProto info, Value value)
    {
        if (info.Type is not { } type) return null;
        if (type.ValueCase is not (TypeProto.ValueOneofCase.TensorType or TypeProto.ValueOneofCase.None))
        {
            value.Other ??= new OtherType(KindOf(type.ValueCase), type.ToByteArray());
            info.Type = null;
            return null;
        }
        if (type.TensorType is not { } tensor)
        {
            if (type.CalculateSize() == 0) info.Type = null;
            return null;
        }
        var element = (ElementType)tensor.ElemType;
        if (!Enum.IsDefined(element)) return $"has the unknown element type {tensor.ElemType}";
        if (value.Data is not null && element != ElementType.Undefined && value.Type != element) return $"is declared as {element}, the initializer is {value.Type}";
        if (value.Type == ElementType.Undefined) value.Type = element;
        if (tensor.Shape is { } shape) value.Shape ??= new Shape(shape.Dim.Select(ToDim));
        KeepRest(type, tensor);
        if (type.CalculateSize() == 0) info.Type = null;
        return null;
    }

    /// <summary>The stored type of a value; null where nothing is known of it.</summary>
    public static TypeProto? Encode(Value value)
    {
        if (value.Other is { } other) return TypeProto.Parser.ParseFrom(other.Encoded.Span);
        if (value.Type == ElementType.Undefined && value.Shape is null) return null;
        var tensor = new TypeProto.Types.Tensor { ElemType = (int)value.Type };
        if (value.Shape is { } shape)
        {
            tensor.Shape = new TensorShapeProto();
            tensor.Shape.Dim.AddRange(shape.Select(ToProto));
        }
        return new TypeProto { TensorType = tensor };
    }

    /// <summary>Puts back what <see cref="Apply"/> left in a message.</summary>
    public static void Restore(ValueInfoProto target, ValueInfoProto rest)
    {
        if (rest.Type?.TensorType?.Shape is { } kept)
        {
            if (target.Type?.TensorType?.Shape is { } shape && shape.Dim.Count == kept.Dim.Count)
                for (var i = 0; i < kept.Dim.Count; i++) shape.Dim[i].MergeFrom(kept.Dim[i]);
            kept.Dim.Clear();
            if (target.Type?.TensorType?.Shape is null) rest.Type.TensorType.Shape = null;
        }
        if (target.Type?.TensorType is null && rest.Type is { } type) type.ClearValue();
        if (rest.Type is { } left && left.CalculateSize() == 0) rest.Type = null;
        target.MergeFrom(rest);
    }

    /// <summary>Clears what was read, so that only the rest remains.</summary>
    static void KeepRest(TypeProto type, TypeProto.Types.Tensor tensor)
    {
        tensor.ClearElemType();
        if (tensor.Shape is { } shape)
        {
            foreach (var dim in shape.Dim) dim.ClearValue();
            if (shape.Dim.All(d => d.CalculateSize() == 0)) shape.Dim.Clear();
            if (shape.CalculateSize() == 0) tensor.Shape = null;
        }
        if (tensor.CalculateSize() == 0) type.ClearValue();
    }

    static Dim ToDim(TensorShapeProto.Types.Dimension dim) => dim.ValueCase switch
    {
        TensorShapeProto.Types.Dimension.ValueOneofCase.DimValue => dim.DimValue,
        TensorShapeProto.Types.Dimension.ValueOneofCase.DimParam when dim.DimParam.Length > 0 => new Dim(-1, dim.DimParam),
        _ => Dim.Unknown,
    };

    static TensorShapeProto.Types.Dimension ToProto(Dim dim)
    {
        var proto = new TensorShapeProto.Types.Dimension();
        if (dim.IsKnown) proto.DimValue = dim.Size;
        else if (dim.Symbol is { } symbol) proto.DimParam = symbol;
        return proto;
    }

    static OtherKind KindOf(TypeProto.ValueOneofCase kind) => kind switch
    {
        TypeProto.ValueOneofCase.SequenceType => OtherKind.Sequence,
        TypeProto.ValueOneofCase.OptionalType => OtherKind.Optional,
        TypeProto.ValueOneofCase.MapType => OtherKind.Map,
        TypeProto.ValueOneofCase.SparseTensorType => OtherKind.SparseTensor,
        _ => OtherKind.Opaque,
    };
}
