using GraphRewriter.Canonicalization;
using GraphRewriter.Inference;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace OnnxAuditor.Execution.Ort;

/// <summary>An operator that ONNX Runtime runs on float32, but not on a type that a graph uses it on.</summary>
/// <param name="Operator">The operator.</param>
/// <param name="Type">The type: float16, bfloat16 or float64.</param>
/// <param name="Loads">Whether a graph with it loads all the same; it fails when it runs then.</param>
/// <param name="Nodes">The nodes, in graph order.</param>
sealed record MissingKernel(string Operator, ElementType Type, bool Loads, IReadOnlyList<Node> Nodes);

/// <summary>
/// Finds what ONNX Runtime cannot run in a graph of float16, bfloat16 or float64 by trying: loading is no evidence, as some kernels look at the type when they run.
/// Each kind of node (operator, types, ranks, attributes) is loaded and run once, alone, on the CPU, and once more on float32: where only that works, it is the type.
/// </summary>
static class MissingKernels
{
    /// <summary>A size for dimensions that only a run tells: as large as most kernels of a convolution at least.</summary>
    const long AnySize = 8;

    /// <summary>Contents up to this many elements are axes, sizes and the like and are given as they are.</summary>
    const long Settings = 64;

    /// <summary>Nodes with more elements than this are loaded only: 64 MiB of float32.</summary>
    const long LargestRun = 1 << 24;

    enum Outcome
    {
        Refused,
        Loads,
        Runs,
    }

    /// <summary>What cannot be run, in the order of the graph's nodes.</summary>
    /// <param name="model">The model; types and shapes are inferred.</param>
    public static IReadOnlyList<MissingKernel> Of(Model model)
    {
        var missing = new List<(ElementType Type, Node Node, bool Loads)>();
        var nodes = model.Graph.AllNodes().ToList();
        // Nodes with subgraphs take any type; what is in them is tried by itself.
        foreach (var kind in nodes.Where(n => !n.Subgraphs.Any() && TypeOf(n) is not null).GroupBy(Kind, StringComparer.Ordinal))
        {
            var smallest = kind.MinBy(n => n.Inputs.Sum(i => i is null ? 0 : Elements(i)))!;
            var outcome = Try(model, smallest, type => type);
            if (outcome == Outcome.Runs || outcome >= Try(model, smallest, InFloat32)) continue;
            missing.AddRange(kind.Select(n => (TypeOf(n)!.Value, n, outcome == Outcome.Loads)));
        }
        var order = nodes.Index().ToDictionary(n => n.Item, n => n.Index);
        return [.. missing.OrderBy(m => order[m.Node]).GroupBy(m => (m.Node.OpType, m.Type, m.Loads)).Select(g => new MissingKernel(g.Key.OpType, g.Key.Type, g.Key.Loads, [.. g.Select(m => m.Node)]))];
    }

    /// <summary>The first type of a node that is a float but not float32; null where there is none.</summary>
    static ElementType? TypeOf(Node node) =>
        node.Inputs.Concat(node.Outputs).FirstOrDefault(v => v is { IsFloat: true } && v.Type != ElementType.Float32)?.Type;

    static ElementType InFloat32(ElementType type) => type.IsFloat ? ElementType.Float32 : type;

    static string Kind(Node n) =>
        $"{n.Domain}::{n.OpType}({string.Join(',', n.Inputs.Select(Describe))})->{string.Join(',', n.Outputs.Select(Describe))} {string.Join(',', n.Attributes.Values.Select(Describe))}";

    static string Describe(Value? value) => value is null ? "" : $"{value.Type}{value.Shape?.Rank}";

    static string Describe(Attribute a) => $"{a.Name}={a.Content switch { long[] list => string.Join(' ', list), byte[] text => Convert.ToHexString(text), var other => other }}";

    static Outcome Try(Model model, Node node, Func<ElementType, ElementType> types)
    {
        var graph = new Graph { Name = "trial" };
        var feeds = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        var canRun = true;
        Value? Input(Value? given, int index)
        {
            if (given is null) return null;
            // Dimensions are not stated: a size in the place of an unknown one may contradict another.
            var value = new Value($"x{index}", types(given.Type));
            if (given.Constant is { Unavailable: null } data && data.Count <= Settings) return graph.AddInitializer(value.Name, data.Type == value.Type ? data : TensorData.FromNumbers(value.Type, [.. data.Dims], data.ToDoubles()));
            graph.Inputs.Add(value);
            if (given.Shape is null || Elements(given) > LargestRun) canRun = false;
            else feeds[value.Name] = Filled(value.Type, [.. given.Shape.Select(d => (long)Size(d))]);
            return value;
        }

        var inputs = node.Inputs.Select(Input).ToList();
        var outputs = node.Outputs.Select((o, i) => o is null ? null : new Value($"y{i}", types(o.Type))).ToList();
        graph.Nodes.Add(new Node(node.OpType, inputs, outputs, node.Attributes.Values.Select(a => InTypes(a, types)), node.Domain, "node"));
        graph.Outputs.AddRange(outputs.OfType<Value>());
        var trial = new Model(graph) { IrVersion = model.IrVersion };
        foreach (var (domain, version) in model.Opsets) trial.Opsets[domain] = version;
        var outcome = Outcome.Refused;
        try
        {
            using var executor = new OrtExecutor(trial, new OrtSettings(Threads: 1));
            outcome = Outcome.Loads;
            if (!canRun) return outcome;
            executor.Run(feeds, [.. graph.Outputs.Select(o => o.Name)]);
            return Outcome.Runs;
        }
        catch (ModelException)
        {
            // Whether it throws, and when, is what the trial is to tell.
            return outcome;
        }
    }

    /// <summary>An attribute that names a type, or holds a tensor, in the type that stands for its own.</summary>
    static Attribute InTypes(Attribute attribute, Func<ElementType, ElementType> types) => attribute.Content switch
    {
        long type when WidenFloats.TypeAttributes.Contains(attribute.Name, StringComparer.Ordinal) => Attribute.Of(attribute.Name, (long)types((ElementType)type)),
        TensorData data when types(data.Type) != data.Type => attribute with { Content = TensorData.FromNumbers(types(data.Type), [.. data.Dims], data.ToDoubles()) },
        _ => attribute,
    };

    /// <summary>Ones for floats; zeros, which are valid indices, for whole numbers.</summary>
    static TensorData Filled(ElementType type, long[] dims)
    {
        var values = new double[dims.Aggregate(1L, (a, b) => a * b)];
        if (type.IsFloat) Array.Fill(values, 1);
        return TensorData.FromNumbers(type, dims, values);
    }

    static double Elements(Value value) => value.Shape?.Aggregate(1.0, (count, d) => count * Size(d)) ?? 0;

    /// <summary>A size for a dimension; equal and multiplied symbols have equal and multiplied sizes.</summary>
    static double Size(Dim dim)
    {
        var symbols = new List<string>();
        SymbolicProduct.TryFactor(dim, symbols, out var number);
        return number * Math.Pow(AnySize, symbols.Count);
    }
}
