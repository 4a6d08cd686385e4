using Google.Protobuf;
using Google.Protobuf.Collections;
using GraphRewriter.Ir;
using GraphRewriter.Onnx;

namespace GraphRewriter.Serialization;

/// <summary>Turns the intermediate representation into messages.</summary>
sealed class GraphWriter(Model model, TensorWriter tensors)
{
    Namer names = new(model.Graph);

    /// <summary>The stored model.</summary>
    public ModelProto Write()
    {
        var proto = new ModelProto { IrVersion = model.IrVersion };
        if (model.ProducerName.Length > 0) proto.ProducerName = model.ProducerName;
        if (model.ProducerVersion.Length > 0) proto.ProducerVersion = model.ProducerVersion;
        if (model.Domain.Length > 0) proto.Domain = model.Domain;
        if (model.ModelVersion != 0) proto.ModelVersion = model.ModelVersion;
        if (model.Documentation is { } text) proto.DocString = text;
        proto.Graph = Write(model.Graph);
        WriteOpsets(model.Opsets, proto.OpsetImport);
        WriteMetadata(model.Metadata, proto.MetadataProps);
        foreach (var function in model.Functions) proto.Functions.Add(Write(function));
        proto.MergeFrom(model.UnknownFields.Span);
        return proto;
    }

    GraphProto Write(Graph graph)
    {
        var proto = new GraphProto { Name = graph.Name };
        if (graph.Documentation is { } text) proto.DocString = text;
        WriteMetadata(graph.Metadata, proto.MetadataProps);
        var shown = graph.Inputs.Concat(graph.Outputs).ToHashSet();
        foreach (var input in graph.Inputs) proto.Input.Add(WriteInfo(input));
        foreach (var initializer in graph.Initializers) WriteInitializer(initializer, proto, hasInfo: shown.Contains(initializer) || graph.Annotated.Contains(initializer));
        WriteNodes(graph, proto.Node);
        foreach (var output in graph.Outputs) proto.Output.Add(WriteInfo(output));
        WriteAnnotations(graph, shown, proto.ValueInfo);
        proto.MergeFrom(graph.UnknownFields.Span);
        return proto;
    }

    FunctionProto Write(Function function)
    {
        var outside = names;
        names = new Namer(function.Body);
        var proto = new FunctionProto { Name = function.Name, Domain = function.Domain };
        if (function.Overload.Length > 0) proto.Overload = function.Overload;
        if (function.Documentation is { } text) proto.DocString = text;
        proto.Input.AddRange(function.Body.Inputs.Select(v => names[v]));
        proto.Output.AddRange(function.Body.Outputs.Select(v => names[v]));
        proto.Attribute.AddRange(function.AttributeNames);
        proto.AttributeProto.AddRange(function.AttributeDefaults.Select(a => Write(a, $"function '{function.Name}'")));
        WriteNodes(function.Body, proto.Node);
        WriteAnnotations(function.Body, [], proto.ValueInfo);
        WriteOpsets(function.Opsets, proto.OpsetImport);
        WriteMetadata(function.Metadata, proto.MetadataProps);
        proto.MergeFrom(function.UnknownFields.Span);
        names = outside;
        return proto;
    }

    /// <summary>Infos in the order in which the values are defined, as sets have no order of their own.</summary>
    void WriteAnnotations(Graph graph, HashSet<Value> shown, RepeatedField<ValueInfoProto> target)
    {
        var defined = graph.Inputs.Concat(graph.Initializers).Concat(graph.Nodes.SelectMany(n => n.Outputs)).OfType<Value>().Distinct();
        foreach (var value in defined)
            if (graph.Annotated.Contains(value) && !shown.Contains(value)) target.Add(WriteInfo(value));
    }

    ValueInfoProto WriteInfo(Value value)
    {
        var proto = new ValueInfoProto { Name = names[value] };
        if (TypeCodec.Encode(value) is { } type) proto.Type = type;
        if (value.Documentation is { } text) proto.DocString = text;
        WriteMetadata(value.Metadata, proto.MetadataProps);
        if (!value.UnknownFields.IsEmpty && GraphProto.Parser.ParseFrom(value.UnknownFields.Span).ValueInfo.FirstOrDefault() is { } rest) TypeCodec.Restore(proto, rest);
        return proto;
    }

    void WriteInitializer(Value value, GraphProto graph, bool hasInfo)
    {
        var name = names[value];
        if (value.SparseData is { } sparse)
        {
            var stored = tensors.Sparse(sparse, name);
            stored.Values.Name = name;
            graph.SparseInitializer.Add(stored);
            return;
        }
        if (value.Data is null) throw new ModelException(ModelProblem.InvalidGraph, $"The initializer '{value.Name}' has no contents.");
        var proto = tensors.Initializer(value, name);
        if (!hasInfo)
        {
            if (value.Documentation is { } text) proto.DocString = text;
            WriteMetadata(value.Metadata, proto.MetadataProps);
        }
        if (!value.UnknownFields.IsEmpty && GraphProto.Parser.ParseFrom(value.UnknownFields.Span).Initializer.FirstOrDefault() is { } rest) proto.MergeFrom(rest);
        graph.Initializer.Add(proto);
    }

    /// <summary>The nodes; a name that a node before has already gets a number, as ONNX Runtime refuses equal names.</summary>
    void WriteNodes(Graph graph, RepeatedField<NodeProto> target)
    {
        var taken = new HashSet<string>(graph.Nodes.Select(n => n.Name), StringComparer.Ordinal);
        var used = new HashSet<string>(StringComparer.Ordinal);
        foreach (var node in graph.Nodes)
        {
            var proto = Write(node);
            target.Add(proto);
            if (node.Name.Length == 0 || used.Add(node.Name)) continue;
            var number = 2;
            while (!taken.Add($"{node.Name}_{number}")) number++;
            proto.Name = $"{node.Name}_{number}";
        }
    }

    NodeProto Write(Node node)
    {
        var proto = new NodeProto { OpType = node.OpType };
        proto.Input.AddRange(node.Inputs.Select(v => names[v]));
        proto.Output.AddRange(node.Outputs.Select(v => names[v]));
        if (node.Name.Length > 0) proto.Name = node.Name;
        if (node.Domain.Length > 0) proto.Domain = node.Domain;
        if (node.Overload.Length > 0) proto.Overload = node.Overload;
        if (node.Documentation is { } text) proto.DocString = text;
        foreach (var attribute in node.Attributes.Values) proto.Attribute.Add(Write(attribute, $"attribute '{attribute.Name}' of node {node}"));
        WriteMetadata(node.Metadata, proto.MetadataProps);
        proto.MergeFrom(node.UnknownFields.Span);
        return proto;
    }

    AttributeProto Write(Ir.Attribute attribute, string where)
    {
        var proto = new AttributeProto { Name = attribute.Name };
        if (attribute.Kind != AttributeKind.Undefined) proto.Type = (AttributeProto.Types.AttributeType)attribute.Kind;
        if (attribute.Reference is { } reference) proto.RefAttrName = reference;
        else SetContent(proto, attribute, where);
        if (attribute.UnknownFields.IsEmpty) return proto;
        var rest = AttributeProto.Parser.ParseFrom(attribute.UnknownFields.Span);
        // A pass may have given the attribute a content of another kind since.
        if (proto.T is null) rest.T = null;
        proto.MergeFrom(rest);
        return proto;
    }

    void SetContent(AttributeProto proto, Ir.Attribute attribute, string where)
    {
        switch (attribute.Kind, attribute.Content)
        {
            case (AttributeKind.Float, float value): proto.F = value; break;
            case (AttributeKind.Int, long value): proto.I = value; break;
            case (AttributeKind.String, byte[] value): proto.S = UnsafeByteOperations.UnsafeWrap(value); break;
            case (AttributeKind.Tensor, TensorData value): proto.T = tensors.Tensor(value, where); break;
            case (AttributeKind.Graph, Graph value): proto.G = Write(value); break;
            case (AttributeKind.Floats, float[] value): proto.Floats.AddRange(value); break;
            case (AttributeKind.Ints, long[] value): proto.Ints.AddRange(value); break;
            case (AttributeKind.Strings, byte[][] value): proto.Strings.AddRange(value.Select(v => UnsafeByteOperations.UnsafeWrap(v))); break;
            case (AttributeKind.Tensors, TensorData[] value): proto.Tensors.AddRange(value.Select(v => tensors.Tensor(v, where))); break;
            case (AttributeKind.Graphs, Graph[] value): proto.Graphs.AddRange(value.Select(Write)); break;
            case (AttributeKind.SparseTensor, SparseTensorData value): proto.SparseTensor = tensors.Sparse(value, where); break;
            case (AttributeKind.SparseTensors, SparseTensorData[] value): proto.SparseTensors.AddRange(value.Select(v => tensors.Sparse(v, where))); break;
            case (AttributeKind.Type, byte[] value): proto.Tp = TypeProto.Parser.ParseFrom(value); break;
            case (AttributeKind.Types, byte[][] value): proto.TypeProtos.AddRange(value.Select(v => TypeProto.Parser.ParseFrom(v))); break;
            case (AttributeKind.Undefined, null): break;
            default: throw new ModelException(ModelProblem.InvalidGraph, $"{where}: kind {attribute.Kind} does not go with a {attribute.Content?.GetType().Name ?? "missing"} content.");
        }
    }

    static void WriteOpsets(SortedDictionary<string, long> opsets, RepeatedField<OperatorSetIdProto> target)
    {
        foreach (var (domain, version) in opsets) target.Add(new OperatorSetIdProto { Domain = domain, Version = version });
    }

    static void WriteMetadata(Dictionary<string, string> metadata, RepeatedField<StringStringEntryProto> target)
    {
        foreach (var (key, value) in metadata) target.Add(new StringStringEntryProto { Key = key, Value = value });
    }
}
