using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>
/// Turns Constant nodes in all their forms, sparse initializers, initializers of subgraphs and inputs with a default into dense initializers of the main graph.
/// Names stay, but where two subgraphs use the same one.
/// </summary>
static class LiftConstants
{
    public static void Apply(PassContext context)
    {
        var main = context.Model.Graph;
        TakeDefaults(context, main);
        var taken = main.Inputs.Concat(main.Initializers).Concat(main.Nodes.SelectMany(n => n.Outputs).OfType<Value>()).Select(v => v.Name).ToHashSet(StringComparer.Ordinal);
        var replaced = new Dictionary<Value, Value>();
        foreach (var graph in main.SelfAndSubgraphs().ToList())
        {
            foreach (var constant in LiftNodes(context, graph, replaced)) Adopt(constant, isMain: graph == main);
            if (graph == main) continue;
            foreach (var constant in graph.Initializers) Adopt(constant, isMain: false);
            graph.Initializers.Clear();
        }
        main.ReplaceUses(replaced);
        foreach (var initializer in main.Initializers) Densify(initializer);
        foreach (var graph in main.SelfAndSubgraphs().ToList()) ShieldOutputs(context, graph);

        void Adopt(Value constant, bool isMain)
        {
            if (!isMain && !taken.Add(constant.Name))
            {
                context.GivenNames[constant] = constant.Name;
                constant.Name = context.FreshName(constant.Name);
                taken.Add(constant.Name);
            }
            main.Initializers.Add(constant);
        }
    }

    /// <summary>IR 3 lists every initializer among the inputs; from IR 4 on, an input with contents is one the caller may leave out.</summary>
    static void TakeDefaults(PassContext context, Graph main)
    {
        var listed = main.Initializers.ToHashSet();
        var count = 0;
        foreach (var input in main.Inputs.Where(v => v.Data is not null || v.SparseData is not null).ToList())
        {
            main.Inputs.Remove(input);
            if (listed.Add(input)) main.Initializers.Add(input);
            count++;
        }
        if (count > 0 && context.Model.IrVersion >= 4) context.Note(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{count} inputs with contents in the file are taken as constants."));
    }

    static List<Value> LiftNodes(PassContext context, Graph graph, Dictionary<Value, Value> replaced)
    {
        var lifted = new List<Value>();
        var kept = new List<Node>(graph.Nodes.Count);
        foreach (var node in graph.Nodes)
        {
            if (!node.Is("Constant") || Contents(node) is not { } data)
            {
                kept.Add(node);
                continue;
            }
            var constant = new Value(node.Output.Name, data.Type, data.Shape) { Data = data, Documentation = node.Output.Documentation };
            context.FromConstantNodes.Add(constant);
            replaced[node.Output] = constant;
            lifted.Add(constant);
        }
        graph.Nodes.Clear();
        graph.Nodes.AddRange(kept);
        return lifted;
    }

    /// <summary>What leaves a graph must be made in it: an Identity passes on a constant that is an output.</summary>
    static void ShieldOutputs(PassContext context, Graph graph)
    {
        for (var i = 0; i < graph.Outputs.Count; i++)
        {
            var constant = graph.Outputs[i];
            if (constant.Data is null) continue;
            var isMain = graph == context.Model.Graph;
            var name = constant.Name;
            if (isMain) constant.Name = context.FreshName(name + "_value");
            var output = new Value(isMain ? name : context.FreshName(name + "_out"), constant.Type, constant.Shape);
            var passing = context.FreshName("Identity_" + name);
            graph.Nodes.Add(new Node("Identity", [constant], [output], name: passing));
            for (var k = i; k < graph.Outputs.Count; k++) if (graph.Outputs[k] == constant) graph.Outputs[k] = output;
        }
    }

    /// <summary>The contents of a Constant node; null where it holds none (a reference left open, a sparse string tensor).</summary>
    static TensorData? Contents(Node node)
    {
        if (node.Tensor("value") is { } tensor) return tensor;
        if (node.Attributes.TryGetValue("sparse_value", out var sparse) && sparse.Content is SparseTensorData s) return Dense(s);
        if (node.Attributes.TryGetValue("value_float", out var f) && f.Content is float single) return TensorData.FromFloats([], [single]);
        if (node.Floats("value_floats") is { } floats) return TensorData.FromFloats([floats.Length], floats);
        if (node.Attributes.TryGetValue("value_int", out var n) && n.Content is long whole) return TensorData.Scalar(whole);
        if (node.Ints("value_ints") is { } wholes) return TensorData.Vector(wholes);
        if (node.Attributes.TryGetValue("value_string", out var t) && t is { Kind: AttributeKind.String, Content: byte[] text }) return TensorData.FromStrings([], [text]);
        return node.Attributes.TryGetValue("value_strings", out var u) && u is { Kind: AttributeKind.Strings, Content: byte[][] texts }
            ? TensorData.FromStrings([texts.Length], texts)
            : null;
    }

    static void Densify(Value initializer)
    {
        if (initializer.SparseData is not { } sparse) return;
        initializer.Data = Dense(sparse);
        initializer.SparseData = null;
        initializer.Other = null;
        initializer.Type = initializer.Data.Type;
        initializer.Shape = initializer.Data.Shape;
    }

    /// <summary>The dense form of a sparse tensor of byte-sized elements.</summary>
    internal static TensorData Dense(SparseTensorData sparse)
    {
        var dims = sparse.Dims.ToArray();
        var width = sparse.Values.Type.Bits / 8;
        if (width == 0) throw new ModelException(ModelProblem.Unsupported, $"A sparse tensor of {sparse.Values.Type} has no dense form here.");
        var count = dims.Aggregate(1L, (a, b) => checked(a * b));
        var bytes = new byte[checked((int)(count * width))];
        var source = sparse.Values.Bytes.Span;
        var indices = sparse.Indices.ToInt64s();
        var linear = sparse.Indices.Dims.Count == 1;
        for (var i = 0; i < sparse.Values.Count; i++)
        {
            var at = linear ? indices[i] : Linear(indices.AsSpan(i * dims.Length, dims.Length), dims);
            if (at < 0 || at >= count) throw new ModelException(ModelProblem.InvalidGraph, $"A sparse tensor has index {at}, outside its {count} elements.");
            source.Slice(i * width, width).CopyTo(bytes.AsSpan((int)at * width));
        }
        return TensorData.FromBytes(sparse.Values.Type, dims, bytes);
    }

    static long Linear(ReadOnlySpan<long> coordinates, long[] dims)
    {
        var at = 0L;
        for (var d = 0; d < dims.Length; d++) at = at * dims[d] + coordinates[d];
        return at;
    }
}
