namespace GraphRewriter.Ir;

/// <summary>Copies models; tensor contents are shared, as they are never written to.</summary>
public static class ModelCopy
{
    /// <summary>A copy whose graph, nodes and values can be changed without touching the original.</summary>
    /// <param name="model">The model.</param>
    /// <param name="map">Filled with the copy of each value, where given.</param>
    public static Model Copy(this Model model, Dictionary<Value, Value>? map = null)
    {
        map ??= [];
        var copy = new Model(Copy(model.Graph, map))
        {
            IrVersion = model.IrVersion,
            ProducerName = model.ProducerName,
            ProducerVersion = model.ProducerVersion,
            Domain = model.Domain,
            ModelVersion = model.ModelVersion,
            Documentation = model.Documentation,
            UnknownFields = model.UnknownFields,
        };
        foreach (var (k, v) in model.Opsets) copy.Opsets[k] = v;
        foreach (var (k, v) in model.Metadata) copy.Metadata[k] = v;
        foreach (var f in model.Functions) copy.Functions.Add(f.Copy());
        return copy;
    }

    /// <summary>A copy of a function.</summary>
    public static Function Copy(this Function function)
    {
        var copy = new Function(function.Domain, function.Name, function.Overload, Copy(function.Body, []))
        {
            Documentation = function.Documentation,
            UnknownFields = function.UnknownFields,
        };
        foreach (var (k, v) in function.Opsets) copy.Opsets[k] = v;
        foreach (var (k, v) in function.Metadata) copy.Metadata[k] = v;
        copy.AttributeNames.AddRange(function.AttributeNames);
        copy.AttributeDefaults.AddRange(function.AttributeDefaults);
        return copy;
    }

    /// <summary>A copy of a graph; values in <paramref name="map"/> are replaced by their images, values of enclosing graphs that are not in it stay as they are.</summary>
    public static Graph Copy(this Graph graph, Dictionary<Value, Value> map)
    {
        var copy = new Graph { Name = graph.Name, Documentation = graph.Documentation, UnknownFields = graph.UnknownFields };
        foreach (var (k, v) in graph.Metadata) copy.Metadata[k] = v;
        Value Define(Value value) => map.TryGetValue(value, out var known) ? known : map[value] = value.CopyValue();
        Value? Use(Value? value) => value is null ? null : map.GetValueOrDefault(value, value);
        foreach (var v in graph.Inputs) copy.Inputs.Add(Define(v));
        foreach (var v in graph.Initializers) copy.Initializers.Add(Define(v));
        // Outputs are defined before inputs are looked up, so that a graph that is not sorted copies as well.
        foreach (var node in graph.Nodes)
            foreach (var o in node.Outputs) if (o is not null) Define(o);
        foreach (var node in graph.Nodes) copy.Nodes.Add(node.CopyNode(node.Inputs.Select(Use), node.Outputs.Select(Use), map));
        foreach (var v in graph.Outputs) copy.Outputs.Add(Use(v)!);
        foreach (var v in graph.Annotated) if (map.TryGetValue(v, out var image)) copy.Annotated.Add(image);
        return copy;
    }

    /// <summary>A copy of a value without its producer.</summary>
    public static Value CopyValue(this Value value)
    {
        var copy = new Value(value.Name, value.Type, value.Shape)
        {
            Other = value.Other,
            Data = value.Data,
            SparseData = value.SparseData,
            Evaluated = value.Evaluated,
            Dims = value.Dims,
            Documentation = value.Documentation,
            UnknownFields = value.UnknownFields,
        };
        foreach (var (k, v) in value.Metadata) copy.Metadata[k] = v;
        return copy;
    }

    /// <summary>A copy of a node around other inputs and outputs; subgraphs are copied through <paramref name="map"/>.</summary>
    public static Node CopyNode(this Node node, IEnumerable<Value?> inputs, IEnumerable<Value?> outputs, Dictionary<Value, Value> map)
    {
        var copy = new Node(node.OpType, inputs, outputs, null, node.Domain, node.Name)
        {
            Overload = node.Overload,
            Origin = node.Origin,
            Documentation = node.Documentation,
            UnknownFields = node.UnknownFields,
        };
        foreach (var (k, v) in node.Metadata) copy.Metadata[k] = v;
        foreach (var a in node.Attributes.Values)
        {
            copy.Attributes[a.Name] = a.Content switch
            {
                Graph g => a with { Content = Copy(g, map) },
                Graph[] many => a with { Content = many.Select(g => Copy(g, map)).ToArray() },
                _ => a,
            };
        }
        return copy;
    }
}
