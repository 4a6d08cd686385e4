using GraphRewriter.Canonicalization;
using GraphRewriter.Emission;
using GraphRewriter.Inference;
using GraphRewriter.Ir;

namespace GraphRewriter.Tests.Gradients;

/// <summary>
/// A sample as a model: x0, x1, … are its inputs, y0, y1, … its outputs; once differentiated, c0, c1, … are the cotangents of the outputs and g0, g1, … the gradients
/// of the inputs; once differentiated again, w0, w1, … are the cotangents of those and h0, h1, … the second gradients.
/// </summary>
sealed class SampleGraph
{
    readonly OpSample sample;
    readonly Value?[] inputs;

    /// <summary>Builds the forward graph, in canonical form.</summary>
    /// <param name="sample">The sample.</param>
    /// <param name="values">The values of each input.</param>
    /// <param name="real">The float type.</param>
    /// <param name="hideShapes">Whether the dimensions of what is fed are stated as unknown.</param>
    public SampleGraph(OpSample sample, double[]?[] values, ElementType real, bool hideShapes = false)
    {
        this.sample = sample;
        (Model, inputs) = Build(sample, values, real, hideShapes);
        if (sample.IsLowered)
        {
            var canonical = Canonicalizer.Run(Model, new CanonicalOptions { KeepDynamic = true, ComputeInFloat32 = false, FixControlInputs = false });
            Xunit.Assert.Equal("", string.Join("; ", canonical.Unsupported.Select(u => u.Reason)));
            Model = canonical.Model;
            inputs = [.. inputs.Select(i => Model.Graph.Inputs.Find(v => string.Equals(v.Name, i?.Name, StringComparison.Ordinal)))];
        }
        Outputs = [.. Model.Graph.Outputs];
        ForwardNodes = Model.Graph.Nodes.Count;
    }

    /// <summary>The sample for ONNX Runtime to evaluate: the operator as it is, or where there is no kernel for it what computes the same.</summary>
    public static Model Original(OpSample sample, double[]?[] values, ElementType real)
    {
        var (model, inputs) = Build(sample, values, real, hideShapes: false);
        if (sample.Reference is null) return model;
        var graph = model.Graph;
        var outputs = graph.Outputs.ToList();
        graph.Nodes.Clear();
        graph.Outputs.Clear();
        var tape = new Tape(graph);
        var results = sample.Reference(tape, inputs);
        foreach (var (output, result) in outputs.Zip(results)) tape.Emit(new Node("Identity", [result], [output], name: output.Name + "/alias"));
        tape.AppendTo(graph);
        graph.Outputs.AddRange(outputs);
        return model;
    }

    static (Model Model, Value?[] Inputs) Build(OpSample sample, double[]?[] values, ElementType real, bool hideShapes)
    {
        var graph = new Graph { Name = "sample" };
        var made = new Value?[sample.Inputs.Length];
        for (var i = 0; i < made.Length; i++)
        {
            if (sample.Inputs[i] is not { } input) continue;
            var data = TensorData.FromNumbers(input.IsFloat ? real : input.Type, input.Dims, values[i]!);
            if (input.IsConstant) made[i] = graph.AddInitializer($"x{i}", data);
            else graph.Inputs.Add(made[i] = new Value($"x{i}", data.Type, hideShapes && !input.IsShaped ? Shape.OfRank(input.Dims.Length) : Shape.Of(input.Dims)));
        }
        var given = made.Where((_, i) => sample.Inputs[i] is not { IsCaptured: true });
        var node = new Node(sample.OpType, given, Enumerable.Range(0, sample.Outputs).Select(k => sample.LeftOut.Contains(k) ? null : new Value($"y{k}")), sample.Attributes?.Select(a => Bound(a, made)), sample.OpDomain, "node");
        graph.Nodes.Add(node);
        graph.Outputs.AddRange(node.Outputs.OfType<Value>());
        var model = new Model(graph);
        model.Opsets[""] = sample.Opset ?? Model.CanonicalOpset;
        if (sample.OpDomain.Length > 0) model.Opsets[sample.OpDomain] = 1;
        ShapeInference.Infer(graph);
        return (model, made);
    }

    public Model Model { get; }

    public IReadOnlyList<Value> Outputs { get; }

    /// <summary>How many nodes the sample itself takes.</summary>
    int ForwardNodes { get; }

    /// <summary>The operators that the rule emitted.</summary>
    public IEnumerable<string> EmittedOperators => Model.Graph.Nodes.Skip(ForwardNodes).Select(n => n.OpType).Distinct(StringComparer.Ordinal);

    /// <summary>The slots of the inputs with gradient.</summary>
    public IEnumerable<int> Slots => Enumerable.Range(0, inputs.Length).Where(i => sample.Inputs[i] is { IsFloat: true, HasGradient: true });

    /// <summary>Adds the gradients of the inputs; returns those of which there is one.</summary>
    public IReadOnlyList<int> Differentiate()
    {
        var seeds = Outputs.Where(o => o.IsFloat).Select((o, k) => (o, Cotangent($"c{k}", o))).ToList();
        return Derive(seeds, "g");
    }

    /// <summary>Adds the gradients of the products of the given first gradients with cotangents.</summary>
    public IReadOnlyList<int> DifferentiateAgain(IReadOnlyList<int> first)
    {
        var seeds = first.Select(i => (Output($"g{i}"), Cotangent($"w{i}", Output($"g{i}")))).ToList();
        return Derive(seeds, "h");
    }

    /// <summary>An attribute of its own for each graph: a subgraph is copied, and what it names without defining it is the input of that name.</summary>
    static GraphRewriter.Ir.Attribute Bound(GraphRewriter.Ir.Attribute attribute, Value?[] inputs)
    {
        if (attribute.Content is not Graph body) return attribute;
        var map = GraphRewriter.Gradients.Iteration.CapturedBy(body).ToDictionary(v => v, v => inputs.Single(i => i is not null && string.Equals(i.Name, v.Name, StringComparison.Ordinal))!);
        return GraphRewriter.Ir.Attribute.Of(attribute.Name, body.Copy(map));
    }

    Value Output(string name) => Model.Graph.Outputs.Single(o => string.Equals(o.Name, name, StringComparison.Ordinal));

    Value Cotangent(string name, Value of)
    {
        var cotangent = new Value(name, of.Type, of.Shape);
        Model.Graph.Inputs.Add(cotangent);
        return cotangent;
    }

    List<int> Derive(List<(Value, Value)> seeds, string prefix)
    {
        var graph = Model.Graph;
        var targets = Slots.Select(i => inputs[i]!).ToList();
        var result = GraphRewriter.Gradients.Differentiate.Run(graph, seeds, targets, new Tape(graph) { Prefix = prefix + "rad/" });
        var missing = result.Blocked.Where(b => b.IsMissingRule).Select(b => b.Reason).ToList();
        Xunit.Assert.True(missing.Count == 0, $"{sample.Id}: {string.Join("; ", missing)}");
        var found = new List<int>();
        foreach (var i in Slots)
        {
            if (!result.Gradients.TryGetValue(inputs[i]!, out var gradient)) continue;
            Xunit.Assert.Equal(inputs[i]!.Type, gradient.Type);
            // One value may be the gradient of several inputs, or an input itself; an Identity gives each its own name.
            var named = new Value($"{prefix}{i}");
            var alias = new Node("Identity", [gradient], [named], name: named.Name + "/alias");
            ShapeInference.Infer(alias);
            graph.Nodes.Add(alias);
            graph.Outputs.Add(named);
            found.Add(i);
        }
        return found;
    }
}
