using Google.Protobuf;

namespace GraphRewriter.Onnx;

// The generated messages keep fields of later versions of the format, but privately; the writer needs them back.
#pragma warning disable MA0048 // One line per message.

sealed partial class ModelProto
{
    internal UnknownFieldSet? Unknown { get => _unknownFields; set => _unknownFields = value; }
}

sealed partial class GraphProto
{
    internal UnknownFieldSet? Unknown { get => _unknownFields; set => _unknownFields = value; }
}

sealed partial class FunctionProto
{
    internal UnknownFieldSet? Unknown { get => _unknownFields; set => _unknownFields = value; }
}

sealed partial class NodeProto
{
    internal UnknownFieldSet? Unknown { get => _unknownFields; set => _unknownFields = value; }
}

sealed partial class AttributeProto
{
    internal UnknownFieldSet? Unknown { get => _unknownFields; set => _unknownFields = value; }
}

sealed partial class TensorProto
{
    internal UnknownFieldSet? Unknown { get => _unknownFields; set => _unknownFields = value; }
}
