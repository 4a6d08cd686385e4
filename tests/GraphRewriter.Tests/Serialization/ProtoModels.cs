using Google.Protobuf;
using GraphRewriter.Ir;
using GraphRewriter.Onnx;
using GraphRewriter.Serialization;

namespace GraphRewriter.Tests.Serialization;

/// <summary>Small stored models, written field by field, so that the reader is tested on what the writer would never write.</summary>
static class ProtoModels
{
    /// <summary>A model around a graph: format version 8, opset 17.</summary>
    public static ModelProto Model(GraphProto graph) => new()
    {
        IrVersion = 8,
        Graph = graph,
        OpsetImport = { new OperatorSetIdProto { Domain = "", Version = 17 } },
    };

    /// <summary>A graph of one float input "x", one output and the given nodes.</summary>
    public static GraphProto Graph(string output, params NodeProto[] nodes) => new()
    {
        Name = "g",
        Input = { Float("x", 2) },
        Output = { new ValueInfoProto { Name = output } },
        Node = { nodes },
    };

    public static NodeProto Node(string op, string name, string[] inputs, params string[] outputs) => new() { OpType = op, Name = name, Input = { inputs }, Output = { outputs } };

    /// <summary>A float32 value's type.</summary>
    public static ValueInfoProto Float(string name, params long[] dims)
    {
        var shape = new TensorShapeProto();
        shape.Dim.AddRange(dims.Select(d => new TensorShapeProto.Types.Dimension { DimValue = d }));
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = 1, Shape = shape } } };
    }

    /// <summary>A float32 tensor.</summary>
    public static TensorProto Tensor(string name, params float[] values) => new() { Name = name, DataType = 1, Dims = { values.Length }, FloatData = { values } };

    /// <summary>A model with one initializer "w" that an Identity hands on.</summary>
    public static ModelProto WithInitializer(TensorProto tensor)
    {
        tensor.Name = "w";
        var graph = Graph("y", Node("Identity", "id", ["w"], "y"));
        graph.Initializer.Add(tensor);
        return Model(graph);
    }

    public static ModelFile Read(this ModelProto proto, string? folder = null, ReadOptions? options = null) => OnnxReader.Read(proto.ToByteArray(), folder, options);

    /// <summary>Reads a model that must be refused and returns the exception.</summary>
    public static ModelException Refused(this ModelProto proto, ReadOptions? options = null) => Xunit.Assert.Throws<ModelException>(() => proto.Read(options: options));
}
