using GraphRewriter.Canonicalization;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Measurement;
using OnnxAuditor.Numerics;
using OnnxAuditor.Tests.Commands;
using OnnxAuditor.Tests.Rules;
using Xunit;
using Attribute = GraphRewriter.Ir.Attribute;

namespace OnnxAuditor.Tests;

/// <summary>Rewritten models of float16, bfloat16 and float64: they keep their types, and what ONNX Runtime cannot run of them is said.</summary>
public sealed class RewriteTypesTests : IDisposable
{
    /// <summary>What rounding to float16 and to bfloat16 changes, at most, of a number.</summary>
    const double Half = 1.0 / 2048, BHalf = 1.0 / 256;

    readonly string folder = Directory.CreateTempSubdirectory("types-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void A_float16_network_keeps_its_types_and_runs()
    {
        var source = Read("real/squeezenet_fp16.onnx");
        var rewritten = WithGradients(source);

        Assert.Equal(ElementType.Float32, Assert.Single(rewritten.Graph.Outputs, o => o.Name == "loss").Type);
        var gradients = rewritten.Graph.Outputs.Where(o => o.Name.StartsWith("grad/", StringComparison.Ordinal)).ToList();
        Assert.Equal(52, gradients.Count);
        Assert.All(gradients, g => Assert.Equal(ElementType.Float16, g.Type));
        var forward = Canonicalizer.Run(source, new CanonicalOptions { KeepDynamic = true, ComputeInFloat32 = false }).Model.Graph.AllValues().ToDictionary(v => v.Name, v => v.Type, StringComparer.Ordinal);
        Assert.All(rewritten.Graph.AllValues().Where(v => forward.ContainsKey(v.Name)), v => Assert.Equal(forward[v.Name], v.Type));
        Assert.Empty(MissingKernels.Of(rewritten));
    }

    /// <summary>
    /// The audit's float32 graph of the same network, whose activations are rounded to float16, gives the same gradients but for their own rounding to float16. (Without
    /// that rounding a few ReLUs near zero and a few maxima that tie decide otherwise.)
    /// </summary>
    [Fact]
    public void The_gradients_of_a_float16_network_are_those_of_the_audit()
    {
        var source = Read("real/squeezenet_fp16.onnx");
        var canonical = Canonicalizer.Run(source, new CanonicalOptions());
        var graph = canonical.Model.Graph;
        var forward = graph.Nodes.ToList();
        var attached = AttachLoss.Run(graph);
        var trainable = canonical.Parameters.Where(p => p.Trainable).ToList();
        var gradients = Differentiate.Run(graph, attached.Loss, [.. trainable.Select(p => p.Value)]).Gradients;
        graph.Outputs.AddRange(trainable.Select(p => gradients[p.Value]));
        RoundOutputs(graph, forward, ElementType.Float16);
        var narrow = WithGradients(source);
        BetweenCasts.Put(narrow.Graph);

        // ONNX Runtime's optimisations leave some roundings out.
        var (actual, expected) = (Run(narrow, optimize: false), Run(canonical.Model, optimize: false));
        Assert.Equal(52, trainable.Count);
        Assert.All(trainable, p => Assert.InRange(Difference(expected[gradients[p.Value].Name], actual[$"grad/{p.Name}"]), 0, Half));
    }

    /// <summary>
    /// ONNX Runtime rounds activations where and how its kernels do, so that of hundreds of thousands of ReLUs and maxima a few decide otherwise than in float32.
    /// </summary>
    [Fact]
    public void ONNX_Runtime_runs_the_gradients_of_a_float16_network()
    {
        var source = Read("real/squeezenet_fp16.onnx");
        var (actual, expected) = (Run(WithGradients(source)), Run(WithGradients(Retyped("real/squeezenet_fp16.onnx", ElementType.Float16, ElementType.Float32))));

        Assert.InRange(Difference(expected["loss"], actual["loss"]), 0, Half);
        Assert.All(expected.Where(e => e.Key.StartsWith("grad/", StringComparison.Ordinal)), e => Assert.InRange(Distance(e.Value.ToDoubles(), actual[e.Key].ToDoubles()), 0, 0.06));
    }

    /// <summary>The norm of the difference over the norm.</summary>
    static double Distance(double[] expected, double[] actual) =>
        Math.Sqrt(expected.Zip(actual, (e, a) => (e - a) * (e - a)).Sum() / expected.Sum(e => e * e));

    /// <summary>Rounds what nodes make to a narrow type and back.</summary>
    static void RoundOutputs(Graph graph, List<Node> nodes, ElementType type)
    {
        foreach (var node in nodes)
            foreach (var value in node.Outputs.Where(o => o is { IsFloat: true }).Select(o => o!))
            {
                var (narrow, rounded) = (new Value($"{value.Name}/narrow", type, value.Shape), new Value($"{value.Name}/rounded", ElementType.Float32, value.Shape));
                graph.ReplaceUses(value, rounded);
                graph.Nodes.InsertRange(graph.Nodes.IndexOf(node) + 1,
                [
                    new Node("Cast", [value], [narrow], [Attribute.Of("to", (long)type)], "", narrow.Name),
                    new Node("Cast", [narrow], [rounded], [Attribute.Of("to", (long)ElementType.Float32)], "", rounded.Name),
                ]);
            }
    }

    [Theory]
    [InlineData(ElementType.Float16, 4 * Half)]
    [InlineData(ElementType.BFloat16, 4 * BHalf)]
    public void The_gradients_of_a_narrow_transformer_are_those_of_float32(ElementType type, double tolerance)
    {
        var narrow = WithGradients(Retyped("torch/torch_gpt.onnx", type));
        BetweenCasts.Put(narrow.Graph);
        // The same numbers in float32.
        var wide = WithGradients(Retyped("torch/torch_gpt.onnx", type, ElementType.Float32));
        var (actual, expected) = (Run(narrow), Run(wide));
        Assert.All(expected, e => Assert.InRange(Difference(e.Value, actual[e.Key]), 0, tolerance));
    }

    [Fact]
    public void Batch_statistics_of_a_float16_network_are_taken_in_float32()
    {
        var source = Retyped("residual_cnn.onnx", ElementType.Float16);
        var options = new RewriteOptions { Gradients = GradientTargets.Weights, Statistics = NormStatistics.Batch, Shapes = new Dictionary<string, Shape>(StringComparer.Ordinal) { ["image"] = Shape.Of(2, 3, 32, 32) } };
        var model = Rewrite.Apply(source, options).Model;

        var means = model.Graph.Nodes.Where(n => n.Is("ReduceMean")).ToList();
        Assert.NotEmpty(means);
        Assert.All(means, n => Assert.Equal(ElementType.Float32, n.Inputs[0]!.Type));
        // Squares of what is 1000 times as large leave the range of float16; what is normalised stays.
        var outputs = Run(model, scale: 1000);
        Assert.Equal(ElementType.Float16, outputs["logits"].Type);
        Assert.All(outputs, o => Assert.All(o.Value.ToDoubles(), v => Assert.True(double.IsFinite(v), o.Key)));
    }

    [Fact]
    public void What_ONNX_Runtime_cannot_run_in_bfloat16_is_said_for_each_operator()
    {
        var input = Path.Combine(folder, "in.onnx");
        OnnxWriter.Write(Retyped("torch/torch_gpt.onnx", ElementType.BFloat16), input);
        var (code, _, error) = CommandRun.Of("rewrite", input, Path.Combine(folder, "out.onnx"), "--gradients");
        var said = error.Split('\n').Where(l => l.Contains("does not run", StringComparison.Ordinal)).Select(l => l.Split(" does not run ")[1]).ToList();

        Assert.Equal(0, code);
        Assert.All(said, s => Assert.Contains(" on BFloat16: the graph does not load (", s, StringComparison.Ordinal));
        var operators = said.Select(s => s.Split(' ')[0]).ToList();
        Assert.Equal(operators.Distinct(StringComparer.Ordinal), operators);
        Assert.Superset(new HashSet<string>(["MatMul", "Add", "Softmax"], StringComparer.Ordinal), operators.ToHashSet(StringComparer.Ordinal));
        // Data is moved in any type, and what is emitted computes in float32.
        Assert.Empty(operators.Intersect(["Gather", "Reshape", "Transpose", "Cast", "ScatterElements", "Gemm", "ReduceSum"], StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(ElementType.Float32, null)]
    [InlineData(ElementType.Float16, true)]
    [InlineData(ElementType.BFloat16, true)]
    [InlineData(ElementType.Float64, null)]
    public void What_loads_and_fails_when_it_runs_is_said(ElementType type, bool? loads)
    {
        var net = new Net(21);
        var x = net.Input("x", type, 4);
        var y = net.Op("ScatterElements", [x, net.Indices("i", 0, 0), net.Input("u", type, 2)], Attribute.Of("reduction", "add"));
        net.Output(y, type: type);
        var (model, _, _) = Rewrite.Apply(net.Model, new RewriteOptions { Gradients = GradientTargets.Inputs });

        var missing = MissingKernels.Of(model);
        Assert.Equal(loads, missing.SingleOrDefault()?.Loads);
        if (loads is not null) Assert.Equal(("ScatterElements", type, 1), (missing[0].Operator, missing[0].Type, missing[0].Nodes.Count));
        // What is said is what happens.
        if (loads is null) Run(model);
        else Assert.Contains("failed while running", Assert.Throws<ModelException>(() => Run(model)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("deep_sigmoid_mlp.onnx", "logits", 1e-10)]
    [InlineData("real/gpt2_tiny_fused.onnx", "logits", 1e-9)] // The function that the standard gives for Gelu has its constants in float32.
    public void A_float64_network_stays_float64_and_has_the_gradients_of_differences(string network, string output, double tolerance)
    {
        var model = WithGradients(Retyped(network, ElementType.Float64), GradientTargets.Weights | GradientTargets.Inputs, output);
        Assert.DoesNotContain(model.Graph.AllValues(), v => v.IsFloat && v.Type != ElementType.Float64 && v.Name != "loss/OneHot" && v.Data is null);
        Assert.Empty(MissingKernels.Of(model));

        // Along a direction near the gradient's the loss changes most, and its rounding counts least.
        var random = new SeededRandom(1, "direction");
        var gradients = Run(model).Where(r => r.Key.StartsWith("grad/", StringComparison.Ordinal)).ToDictionary(r => r.Key[5..], r => r.Value.ToDoubles(), StringComparer.Ordinal);
        var norm = Math.Sqrt(gradients.Values.Sum(g => g.Sum(v => v * v)));
        var direction = gradients.ToDictionary(g => g.Key, g => g.Value.Select(v => v / norm * random.Uniform(0.5, 1.5)).ToArray(), StringComparer.Ordinal);
        double Loss(double step) => Run(model, moved: direction.ToDictionary(d => d.Key, d => d.Value.Select(v => step * v).ToArray(), StringComparer.Ordinal))["loss"].ToDoubles()[0];
        // The central difference of sixth order: its error is the seventh derivative's, times the sixth power of the step.
        const double Step = 1.0 / 4096;
        double Difference(int steps) => Loss(steps * Step) - Loss(-steps * Step);
        var difference = (45 * Difference(1) - 9 * Difference(2) + Difference(3)) / (60 * Step);

        var expected = gradients.Sum(g => g.Value.Zip(direction[g.Key], (v, d) => v * d).Sum());
        Assert.True(expected > 0.1, $"{expected}");
        Assert.InRange(Math.Abs(difference / expected - 1), 0, tolerance);
    }

    /// <summary>The rewritten model; free dimensions are 2, those that join past and present 4.</summary>
    static Model WithGradients(Model model, GradientTargets targets = GradientTargets.Weights, string? target = null)
    {
        static Dim Bound(Dim d) => d.IsKnown ? d : d.Symbol == "total_seq_len" ? 4 : 2;
        var shapes = model.Graph.Inputs.Where(i => i.Data is null && i.Shape is { IsStatic: false }).ToDictionary(i => i.Name, i => new Shape(i.Shape!.Select(Bound)), StringComparer.Ordinal);
        var (rewritten, _, missing) = Rewrite.Apply(model, new RewriteOptions { Gradients = targets, Shapes = shapes, Target = target });
        Assert.Empty(missing);
        return rewritten;
    }

    static Model Read(string network) => OnnxReader.Read(network.Contains('/', StringComparison.Ordinal) ? SharedFiles.Require("models", network) : Checkout.Path("models", network)).Model;

    /// <summary>A network whose floats are rounded to a type, and stored in that or another.</summary>
    static Model Retyped(string network, ElementType rounded, ElementType? stored = null)
    {
        var (model, type) = (Read(network).Copy(), stored ?? rounded);
        TensorData In(TensorData data) => TensorData.FromNumbers(type, [.. data.Dims], TensorData.FromNumbers(rounded, [.. data.Dims], data.ToDoubles()).ToDoubles());
        foreach (var value in model.Graph.AllValues().Where(v => v.IsFloat))
        {
            value.Type = type;
            value.Data = value.Data is { } data ? In(data) : null;
        }
        foreach (var node in model.Graph.AllNodes())
        {
            if (node.Tensor("value") is { Type: ElementType.Float32 } data) node.Set(Attribute.Of("value", In(data)));
            if (node.Int("to") == (long)ElementType.Float32) node.Set(Attribute.Of("to", (long)type));
        }
        return model;
    }

    /// <summary>
    /// Runs a model on seeded inputs that are exact in every float type: multiples of 1/64 in [-1, 1), whole numbers 0 and 1, masks of ones. (What masks everything adds so large a
    /// number that the scores are lost in it, and with them the derivative that the rules state.)
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="optimize">Whether ONNX Runtime may optimise the graph.</param>
    /// <param name="moved">What is added to inputs and parameters, by name.</param>
    /// <param name="scale">What inputs are multiplied by.</param>
    static Dictionary<string, TensorData> Run(Model model, bool optimize = true, Dictionary<string, double[]>? moved = null, double scale = 1)
    {
        var feeds = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        foreach (var input in model.Graph.Inputs.Where(i => i.Data is null))
        {
            var random = new SeededRandom(1, input.Name);
            var dims = input.Shape!.ToArray();
            var numbers = Enumerable.Range(0, (int)dims.Aggregate(1L, (a, b) => a * b)).Select(_ => Math.Floor(random.Uniform(-64, 64)) / 64);
            feeds[input.Name] = Moved(input.Name, TensorData.FromNumbers(input.Type, dims, [.. input.Type.IsInteger ? numbers.Select(v => v > 0 || input.Name.Contains("mask", StringComparison.Ordinal) ? 1.0 : 0) : numbers.Select(v => scale * v)]), moved);
        }
        var copy = model.Copy();
        foreach (var parameter in copy.Graph.Initializers.Where(i => i.IsFloat)) parameter.Data = Moved(parameter.Name, parameter.Data!, moved);
        using var executor = new OrtExecutor(copy, new OrtSettings(Optimize: optimize));
        string[] names = [.. model.Graph.Outputs.Select(o => o.Name)];
        return names.Zip(executor.Run(feeds, names)).ToDictionary(r => r.First, r => r.Second, StringComparer.Ordinal);
    }

    static TensorData Moved(string name, TensorData data, Dictionary<string, double[]>? moved) =>
        moved?.GetValueOrDefault(name) is { } by ? TensorData.FromNumbers(data.Type, [.. data.Dims], [.. data.ToDoubles().Zip(by, (v, d) => v + d)]) : data;

    /// <summary>The largest difference over the largest entry.</summary>
    static double Difference(TensorData expected, TensorData actual)
    {
        var (e, a) = (expected.ToDoubles(), actual.ToDoubles());
        return e.Zip(a, (x, y) => Math.Abs(x - y)).Max() / e.Max(Math.Abs);
    }
}
