using Google.Protobuf;
using Google.Protobuf.Collections;
using GraphRewriter.Ir;
using GraphRewriter.Onnx;

namespace GraphRewriter.Serialization;

/// <summary>Turns a stored graph, its subgraphs included, or a function's body into the intermediate representation.</summary>
sealed class GraphReader(ReadContext context)
{
    readonly TensorReader tensors = new(context);

    /// <summary>The main graph.</summary>
    public Graph Read(GraphProto proto) => Read(proto, null, "");

    /// <summary>The body of a function, as a graph whose inputs and outputs have the types that value_info gives, if any.</summary>
    public Graph ReadFunctionBody(FunctionProto proto)
    {
        var where = $"function '{proto.Name}': ";
        var graph = new Graph { Name = proto.Name };
        var scope = new Scope(null);
        foreach (var input in proto.Input)
            if (Define(scope, input, where, "input") is { } value) graph.Inputs.Add(value);
        var outputs = DefineOutputs(scope, proto.Node, where);
        ReadAnnotations(proto.ValueInfo, graph, scope, where);
        ReadNodes(proto.Node, outputs, graph, scope, where);
        foreach (var output in proto.Output)
        {
            if (scope.Find(output) is { } value) graph.Outputs.Add(value);
            else context.Errors.Add($"{where}the output '{output}' is defined nowhere");
        }
        return graph;
    }

    /// <summary>An attribute with the default of a function's attribute.</summary>
    public Ir.Attribute ReadDefault(AttributeProto proto, string where) => ReadAttribute(proto, new Scope(null), where);

    Graph Read(GraphProto proto, Scope? outer, string where)
    {
        var graph = new Graph { Name = proto.Name, Documentation = proto.HasDocString ? proto.DocString : null, UnknownFields = Rest(proto) };
        ModelReader.ReadMetadata(proto.MetadataProps, graph.Metadata);
        var scope = new Scope(outer);
        foreach (var info in proto.Input)
            if (Define(scope, info.Name, where, "input") is { } value) graph.Inputs.Add(value);
        ReadInitializers(proto, graph, scope, where);
        // All outputs of nodes are known before any input is looked up: nodes need not be in order.
        var outputs = DefineOutputs(scope, proto.Node, where);
        foreach (var info in proto.Input)
            if (scope.Own(info.Name) is { } value) ReadInfo(info, value, $"{where}input '{info.Name}'");
        ReadAnnotations(proto.ValueInfo, graph, scope, where);
        ReadNodes(proto.Node, outputs, graph, scope, where);
        foreach (var info in proto.Output)
        {
            if (scope.Find(info.Name) is { } value)
            {
                graph.Outputs.Add(value);
                if (scope.Own(info.Name) is not null) ReadInfo(info, value, $"{where}output '{info.Name}'");
            }
            else
            {
                context.Errors.Add($"{where}the output '{info.Name}' is defined nowhere");
            }
        }
        // After the value infos, whose texts come first.
        for (var i = 0; i < proto.Initializer.Count; i++)
            if (scope.Own(proto.Initializer[i].Name) is { Data: not null } value) KeepTexts(proto.Initializer[i], value);
        return graph;
    }

    Value? Define(Scope scope, string name, string where, string kind, int producer = -1)
    {
        if (name.Length == 0)
        {
            context.Errors.Add($"{where}an {kind} has no name");
            return null;
        }
        var value = scope.Define(name, producer);
        if (value is null) context.Errors.Add($"{where}the {kind} '{name}' has the name of another value");
        return value;
    }

    void ReadInitializers(GraphProto proto, Graph graph, Scope scope, string where)
    {
        var inputs = graph.Inputs.ToHashSet();
        foreach (var tensor in proto.Initializer)
        {
            if (Declare(tensor.Name) is not { } value) continue;
            value.Data = tensors.Read(tensor, $"{where}initializer '{tensor.Name}'");
            value.Type = value.Data.Type;
            value.Shape = value.Data.Shape;
        }
        foreach (var sparse in proto.SparseInitializer)
        {
            var name = sparse.Values?.Name ?? "";
            if (tensors.ReadSparse(sparse, $"{where}sparse initializer '{name}'") is not { } data || Declare(name) is not { } value) continue;
            value.SparseData = data;
            value.Type = data.Values.Type;
            value.Shape = Shape.Of([.. data.Dims]);
        }

        // Up to version 3 of the format initializers are inputs as well, with the initializer as the default.
        Value? Declare(string name)
        {
            var value = scope.Own(name) is { Data: null, SparseData: null } input && inputs.Contains(input) ? input : Define(scope, name, where, "initializer");
            if (value is not null) graph.Initializers.Add(value);
            return value;
        }
    }

    Value?[][] DefineOutputs(Scope scope, RepeatedField<NodeProto> nodes, string where)
    {
        var outputs = new Value?[nodes.Count][];
        for (var n = 0; n < nodes.Count; n++)
        {
            var node = nodes[n];
            outputs[n] = new Value?[node.Output.Count];
            for (var i = 0; i < node.Output.Count; i++)
            {
                var name = node.Output[i];
                if (name.Length == 0) continue;
                outputs[n][i] = scope.Define(name, n);
                if (outputs[n][i] is null) context.Errors.Add($"{where}{Label(node, n)}: the output '{name}' has the name of another value");
            }
        }
        return outputs;
    }

    void ReadAnnotations(RepeatedField<ValueInfoProto> infos, Graph graph, Scope scope, string where)
    {
        foreach (var info in infos)
        {
            // Exporters leave infos of values that they removed; they mean nothing.
            if (scope.Own(info.Name) is not { } value) continue;
            ReadInfo(info, value, $"{where}value '{info.Name}'");
            graph.Annotated.Add(value);
        }
    }

    void ReadInfo(ValueInfoProto info, Value value, string where)
    {
        if (TypeCodec.Apply(info, value) is { } fault) context.Errors.Add($"{where} {fault}");
        if (info.HasDocString) value.Documentation ??= info.DocString;
        ModelReader.ReadMetadata(info.MetadataProps, value.Metadata);
        info.ClearName();
        info.ClearDocString();
        info.MetadataProps.Clear();
        if (value.UnknownFields.IsEmpty && info.CalculateSize() > 0) value.UnknownFields = new GraphProto { ValueInfo = { info } }.ToByteArray();
    }

    /// <summary>Keeps what a stored initializer says beyond its contents, beside what a value info says of the same value.</summary>
    static void KeepTexts(TensorProto tensor, Value value)
    {
        var rest = Rest(tensor, keepName: false);
        if (rest.HasDocString && value.Documentation is null)
        {
            value.Documentation = rest.DocString;
            rest.ClearDocString();
        }
        if (value.Metadata.Count == 0)
        {
            ModelReader.ReadMetadata(rest.MetadataProps, value.Metadata);
            rest.MetadataProps.Clear();
        }
        if (rest.CalculateSize() == 0) return;
        var kept = GraphProto.Parser.ParseFrom(value.UnknownFields.Span);
        kept.Initializer.Add(rest);
        value.UnknownFields = kept.ToByteArray();
    }

    void ReadNodes(RepeatedField<NodeProto> protos, Value?[][] outputs, Graph graph, Scope scope, string where)
    {
        var nodes = new Node[protos.Count];
        for (var n = 0; n < protos.Count; n++)
        {
            scope.CurrentNode = n;
            nodes[n] = ReadNode(protos[n], outputs[n], scope, where + Label(protos[n], n));
        }
        scope.CurrentNode = -1;
        foreach (var twins in protos.GroupBy(n => n.Name, StringComparer.Ordinal).Where(g => g.Key.Length > 0 && g.Skip(1).Any()))
            context.Problems.Add(new("ONX002", $"{where}node '{twins.Key}'", $"{twins.Count()} nodes have this name"));

        var (order, cycles) = scope.Sort(nodes.Length);
        foreach (var cycle in cycles)
            context.Errors.Add($"{where}a cycle of {cycle.Length} nodes: {string.Join(" → ", cycle.Append(cycle[0]).Select(n => Label(protos[n], n)))}");
        if (cycles.Count == 0 && !order.SequenceEqual(Enumerable.Range(0, nodes.Length)))
            context.Problems.Add(new("ONX002", $"{where}graph '{graph.Name}'", "the nodes are not in topological order; they were sorted"));
        foreach (var n in order) graph.Nodes.Add(nodes[n]);
    }

    Node ReadNode(NodeProto proto, Value?[] outputs, Scope scope, string label)
    {
        if (proto.OpType.Length == 0) context.Errors.Add($"{label}: the operator (op_type) is missing");
        var inputs = new Value?[proto.Input.Count];
        for (var i = 0; i < inputs.Length; i++)
        {
            var name = proto.Input[i];
            if (name.Length == 0) continue;
            inputs[i] = scope.Find(name);
            if (inputs[i] is null) context.Errors.Add($"{label}: the input '{name}' (number {i}) is defined nowhere");
        }
        var node = new Node(proto.OpType, inputs, outputs, null, ModelReader.Domain(proto.Domain), proto.Name)
        {
            Overload = proto.Overload,
            Documentation = proto.HasDocString ? proto.DocString : null,
            UnknownFields = Rest(proto),
        };
        ModelReader.ReadMetadata(proto.MetadataProps, node.Metadata);
        foreach (var attribute in proto.Attribute)
            if (!node.Attributes.TryAdd(attribute.Name, ReadAttribute(attribute, scope, label)))
                context.Errors.Add($"{label}: the attribute '{attribute.Name}' is given twice");
        return node;
    }

    Ir.Attribute ReadAttribute(AttributeProto proto, Scope scope, string label)
    {
        var kind = KindOf(proto);
        var where = $"{label}: attribute '{proto.Name}'";
        var isReference = proto.HasRefAttrName && proto.RefAttrName.Length > 0;
        object? content = isReference ? null : kind switch
        {
            AttributeKind.Float => proto.F,
            AttributeKind.Int => proto.I,
            AttributeKind.String => proto.S.ToByteArray(),
            AttributeKind.Tensor => tensors.Read(proto.T ?? new TensorProto(), where),
            AttributeKind.Graph => Read(proto.G ?? new GraphProto(), scope, $"{label} {proto.Name}: "),
            AttributeKind.Floats => proto.Floats.ToArray(),
            AttributeKind.Ints => proto.Ints.ToArray(),
            AttributeKind.Strings => proto.Strings.Select(s => s.ToByteArray()).ToArray(),
            AttributeKind.Tensors => proto.Tensors.Select(t => tensors.Read(t, where)).ToArray(),
            AttributeKind.Graphs => proto.Graphs.Select((g, i) => Read(g, scope, $"{label} {proto.Name}[{i}]: ")).ToArray(),
            AttributeKind.SparseTensor => tensors.ReadSparse(proto.SparseTensor ?? new SparseTensorProto(), where),
            AttributeKind.SparseTensors => proto.SparseTensors.Select(s => tensors.ReadSparse(s, where)).OfType<SparseTensorData>().ToArray(),
            AttributeKind.Type => (proto.Tp ?? new TypeProto()).ToByteArray(),
            AttributeKind.Types => proto.TypeProtos.Select(t => t.ToByteArray()).ToArray(),
            _ => null,
        };
        return new Ir.Attribute(proto.Name, kind, content) { Reference = isReference ? proto.RefAttrName : null, UnknownFields = Rest(proto, kind) };
    }

    /// <summary>The kind that is stated, or, in files that state none, that of the field which is set.</summary>
    static AttributeKind KindOf(AttributeProto a) => a.HasType && a.Type != AttributeProto.Types.AttributeType.Undefined ? (AttributeKind)a.Type
        : a.HasF ? AttributeKind.Float
        : a.HasI ? AttributeKind.Int
        : a.HasS ? AttributeKind.String
        : a.T is not null ? AttributeKind.Tensor
        : a.G is not null ? AttributeKind.Graph
        : a.Floats.Count > 0 ? AttributeKind.Floats
        : a.Ints.Count > 0 ? AttributeKind.Ints
        : a.Strings.Count > 0 ? AttributeKind.Strings
        : a.Tensors.Count > 0 ? AttributeKind.Tensors
        : a.Graphs.Count > 0 ? AttributeKind.Graphs
        : a.SparseTensor is not null ? AttributeKind.SparseTensor
        : a.SparseTensors.Count > 0 ? AttributeKind.SparseTensors
        : a.Tp is not null ? AttributeKind.Type
        : a.TypeProtos.Count > 0 ? AttributeKind.Types
        : AttributeKind.Undefined;

    static string Label(NodeProto node, int index) => node.Name.Length > 0
        ? $"node '{node.Name}' ({node.OpType})"
        : $"node #{index} ({node.OpType}{(node.Output.Count > 0 ? $" making '{node.Output[0]}'" : "")})";

    static byte[] Rest(GraphProto proto)
    {
        var rest = new GraphProto { Unknown = proto.Unknown };
        rest.QuantizationAnnotation.AddRange(proto.QuantizationAnnotation);
        return rest.ToByteArray();
    }

    static byte[] Rest(NodeProto proto)
    {
        if (proto.Unknown is null && proto.DeviceConfigurations.Count == 0) return [];
        var rest = new NodeProto { Unknown = proto.Unknown };
        rest.DeviceConfigurations.AddRange(proto.DeviceConfigurations);
        return rest.ToByteArray();
    }

    static byte[] Rest(AttributeProto proto, AttributeKind kind)
    {
        var rest = new AttributeProto { Unknown = proto.Unknown };
        if (proto.HasDocString) rest.DocString = proto.DocString;
        if (kind == AttributeKind.Tensor && proto.T is { } tensor && Rest(tensor, keepName: true) is var kept && kept.CalculateSize() > 0) rest.T = kept;
        return rest.CalculateSize() == 0 ? [] : rest.ToByteArray();
    }

    static TensorProto Rest(TensorProto proto, bool keepName)
    {
        var rest = new TensorProto { Unknown = proto.Unknown, Segment = proto.Segment };
        if (keepName && proto.Name.Length > 0) rest.Name = proto.Name;
        if (proto.HasDocString) rest.DocString = proto.DocString;
        rest.MetadataProps.AddRange(proto.MetadataProps);
        return rest;
    }
}
