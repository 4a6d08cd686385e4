using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace ModelGenerator;

/// <summary>
/// Builds a model node by node, with the names PyTorch's exporter would give: a layer "layer1.0.conv1" has the parameter "layer1.0.conv1.weight",
/// its node is "/layer1/layer1.0/layer1.0.conv1/Conv" and that node's value ends in "_output_0".
/// </summary>
sealed class NetworkBuilder
{
    readonly string modelName;
    readonly Graph graph = new();
    readonly HashSet<string> nodeNames;

    /// <summary>Starts an empty model; its name is part of every random key.</summary>
    internal NetworkBuilder(string modelName)
        : this(modelName, modelName, new HashSet<string>(StringComparer.Ordinal))
    {
    }

    NetworkBuilder(string modelName, string graphName, HashSet<string> nodeNames)
    {
        this.modelName = modelName;
        this.nodeNames = nodeNames;
        graph.Name = graphName;
    }

    /// <summary>A batch of any size.</summary>
    internal static Dim Batch => new(-1, "batch");

    /// <summary>A sequence of any length.</summary>
    internal static Dim Sequence => new(-1, "sequence");

    /// <summary>Adds a graph input.</summary>
    internal Value Input(string name, ElementType type, params ReadOnlySpan<Dim> dims)
    {
        var value = new Value(name, type, new Shape(dims));
        graph.Inputs.Add(value);
        return value;
    }

    /// <summary>Adds a float32 parameter filled as told.</summary>
    internal Value Parameter(string name, Init init, params ReadOnlySpan<long> dims)
    {
        var count = 1L;
        foreach (var d in dims) count *= d;
        return Parameter(name, init.Fill(count, $"{modelName}/{name}"), dims);
    }

    /// <summary>Adds a float32 parameter with the given values.</summary>
    internal Value Parameter(string name, float[] values, params ReadOnlySpan<long> dims) => graph.AddInitializer(name, TensorData.FromFloats(dims, values));

    /// <summary>Adds a constant that is no parameter: a shape, an axis, a number.</summary>
    internal Value Constant(string name, TensorData data) => graph.AddInitializer(name, data);

    /// <summary>Adds a node with one output, inside a layer.</summary>
    internal Value Op(string layer, string opType, ReadOnlySpan<Value?> inputs, params ReadOnlySpan<Attribute> attributes)
    {
        var name = UniqueName(layer, opType);
        var output = new Value($"{name}_output_0");
        graph.Nodes.Add(new Node(opType, inputs.ToArray(), [output], attributes.ToArray(), name: name));
        return output;
    }

    /// <summary>Makes a node's output a graph output, under a name of its own.</summary>
    internal void Output(Value value, string name, ElementType type, params ReadOnlySpan<Dim> dims)
    {
        value.Name = name;
        value.Type = type;
        value.Shape = new Shape(dims);
        graph.Outputs.Add(value);
    }

    /// <summary>Starts the graph of a branch, whose nodes may use this graph's values.</summary>
    internal NetworkBuilder Branch(string name) => new(modelName, name, nodeNames);

    /// <summary>The graph as built so far.</summary>
    internal Graph Graph => graph;

    /// <summary>The finished model.</summary>
    internal Model Build(long opset, long irVersion)
    {
        var model = new Model(graph) { IrVersion = irVersion, ProducerName = "ModelGenerator", ProducerVersion = "1" };
        model.Opsets[""] = opset;
        return model;
    }

    string UniqueName(string layer, string opType)
    {
        var prefix = "";
        for (var dot = layer.IndexOf('.', StringComparison.Ordinal); dot >= 0; dot = layer.IndexOf('.', dot + 1)) prefix += $"/{layer[..dot]}";
        var stem = layer.Length == 0 ? $"/{opType}" : $"{prefix}/{layer}/{opType}";
        var name = stem;
        for (var i = 1; !nodeNames.Add(name); i++) name = $"{stem}_{i}";
        return name;
    }
}
