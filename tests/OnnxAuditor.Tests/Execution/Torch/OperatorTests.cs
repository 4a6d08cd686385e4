using GraphRewriter.Gradients;
using GraphRewriter.Inference;
using GraphRewriter.Ir;
using GraphRewriter.Tests;
using GraphRewriter.Tests.Gradients;
using OnnxAuditor.Execution.Torch;
using OnnxAuditor.Tests.Execution.Torch.Samples;
using Xunit;
using Attribute = GraphRewriter.Ir.Attribute;

namespace OnnxAuditor.Tests.Execution.Torch;

/// <summary>Operators on Torch and on ONNX Runtime, on types and numbers that the gradient samples do not have.</summary>
public class OperatorTests
{
    static readonly Dictionary<string, OpSample> ById =
        ((OpSample[])[.. ArithmeticSamples.All, .. MovementSamples.All, .. Samples.ReductionSamples.All, .. Samples.QuantizationSamples.All]).ToDictionary(s => s.Id, StringComparer.Ordinal);

    static readonly Dictionary<string, SpecifiedSample> Specified = SpecifiedSamples.All.ToDictionary(s => s.Sample.Id, StringComparer.Ordinal);

    public static TheoryData<string> Ids => [.. ById.Keys];

    public static TheoryData<string> SpecifiedIds => [.. Specified.Keys];

    [Theory]
    [MemberData(nameof(Ids))]
    public void Operators_give_what_Onnx_Runtime_gives(string id)
    {
        var (model, feeds) = Build(ById[id]);
        using var runtime = new PlainRuntime(model);

        var expected = runtime.Run(feeds);

        foreach (var (name, y) in Run(model, feeds)) AssertEqual(expected[name], y);
    }

    [Theory]
    [MemberData(nameof(SpecifiedIds))]
    public void Operators_that_Onnx_Runtime_lacks_give_what_the_specification_says(string id)
    {
        var (model, feeds) = Build(Specified[id].Sample);

        Assert.Equal(Specified[id].Outputs, Run(model, feeds).Values.Select(y => y.ToDoubles()));
    }

    public static TheoryData<ElementType> CastTypes =>
    [
        ElementType.Float32, ElementType.Float64, ElementType.Float16, ElementType.BFloat16, ElementType.Bool, ElementType.Int64, ElementType.Int32, ElementType.Int16, ElementType.Int8,
        ElementType.UInt64, ElementType.UInt32, ElementType.UInt16, ElementType.UInt8,
    ];

    [Theory]
    [MemberData(nameof(CastTypes))]
    public void Numbers_are_converted_as_by_Onnx_Runtime(ElementType from)
    {
        foreach (var to in CastTypes.Select(t => t.Data).Concat([ElementType.Int4, ElementType.UInt4]))
        {
            var x = TensorData.FromNumbers(from, [CastNumbers(from, to).Length], CastNumbers(from, to));
            // What has four bits cannot be handed over: it is widened again.
            Attribute[][] steps = to.Bits == 4 ? [[Attribute.Of("to", (long)to)], [Attribute.Of("to", (long)ElementType.Int32)]] : [[Attribute.Of("to", (long)to)]];
            var (model, feeds) = (Chain("Cast", x, steps), new Dictionary<string, TensorData>(StringComparer.Ordinal) { ["x"] = x });
            using var runtime = new PlainRuntime(model);

            AssertEqual(runtime.Run(feeds)["y"], Run(model, feeds)["y"]);
        }
    }

    /// <summary>Numbers of a type. Integers may lie beyond the range of the other; of floats that do ONNX leaves the result open, and it depends on the processor.</summary>
    static double[] CastNumbers(ElementType from, ElementType to)
    {
        double[] all = [0, 0.5, 1, 1.5, 2.5, 7, 8, 9, 15, 16, 127, 128, 200, 255, 256, 300, 32767, 65535, 65536, 70000, 2147483647, 3e9, 4294967295, 4294967296, 5e9, 1e18, 9223372036854775808, 1e19];
        if (from == ElementType.Bool) return [0, 1];
        double[] signed = [.. all, .. all.Select(x => -x)];
        return from.IsInteger ? [.. signed.Where(x => x == Math.Floor(x) && IsIn(from, x))]
            : to.IsInteger ? [.. signed.Where(x => IsIn(to, x))]
            : [.. signed, double.NaN, double.PositiveInfinity, double.NegativeInfinity];
    }

    static bool IsIn(ElementType type, double x) => type is ElementType.Int4 or ElementType.Int8 or ElementType.Int16 or ElementType.Int32 or ElementType.Int64
        ? Math.Abs(x) < Math.Pow(2, type.Bits - 1)
        : x >= 0 && x < Math.Pow(2, type.Bits) - 1;

    static readonly ElementType[] EightBits = [ElementType.Float8E4M3FN, ElementType.Float8E4M3FNUZ, ElementType.Float8E5M2, ElementType.Float8E5M2FNUZ];

    public static TheoryData<ElementType, bool> EightBitCases => [.. EightBits.SelectMany(t => new[] { new TheoryDataRow<ElementType, bool>(t, true), new(t, false) })];

    [Theory]
    [MemberData(nameof(EightBitCases))]
    public void Floats_are_rounded_to_eight_bits_as_by_Onnx_Runtime(ElementType type, bool saturate)
    {
        var random = new Random(1);
        double[] drawn = [.. Enumerable.Range(0, 2000).Select(_ => (double)(float)((random.NextDouble() - 0.5) * Math.Pow(2, random.Next(-18, 18))))];
        double[] ties = [.. Enumerable.Range(0, 500).Select(i => i / 32.0).SelectMany(x => new[] { x, 64 * x, x / 1024, -x, x * 4096 })];
        double[] numbers = [.. drawn, .. ties, 464, 1e9, double.NaN, double.PositiveInfinity, double.NegativeInfinity];
        // Without saturation ONNX Runtime misses the rounding that carries into the first numbers that are too large: it gives 448 for 480, and NaN for 61440.
        if (!saturate) numbers = [.. numbers.Where(v => Math.Abs(v) is not (>= 480 and < 512 or >= 61440 and < 65536))];
        var x = TensorData.FromNumbers(ElementType.Float32, [numbers.Length], numbers);
        var feeds = new Dictionary<string, TensorData>(StringComparer.Ordinal) { ["x"] = x };
        // Eight bits cannot be handed over: they are widened again.
        var model = Chain("Cast", x, [Attribute.Of("to", (long)type), Attribute.Of("saturate", saturate ? 1L : 0)], [Attribute.Of("to", (long)ElementType.Float32)]);
        using var runtime = new PlainRuntime(model);

        AssertEqual(runtime.Run(feeds)["y"], Run(model, feeds)["y"]);
    }

    [Fact]
    public void Floats_of_eight_bits_keep_their_codes()
    {
        foreach (var type in EightBits)
        {
            var x = TensorData.FromBytes(type, [256], Enumerable.Range(0, 256).Select(i => (byte)i).ToArray());
            var isNumber = x.ToDoubles().Select(v => !double.IsNaN(v)).ToArray();

            var y = Run(Chain("Identity", x, [[]]), new(StringComparer.Ordinal) { ["x"] = x })["y"];

            Assert.Equal(type, y.Type);
            Assert.Equal(x.ToDoubles(), y.ToDoubles());
            Assert.All(Enumerable.Range(0, 256).Where(i => isNumber[i]), i => Assert.Equal(i, y.Bytes.Span[i]));
        }
    }

    [Theory]
    [InlineData("RandomNormal", "", 1.5, 0.5)]
    [InlineData("RandomNormalLike", "x", 1.5, 0.5)]
    [InlineData("RandomUniform", "", 2.5, 0.866)]
    [InlineData("RandomUniformLike", "x", 2.5, 0.866)]
    [InlineData("Bernoulli", "x", 0.25, 0.433)]
    [InlineData("Multinomial", "x", 1.5, 1.118)]
    public void Random_numbers_have_the_distribution_asked_for_and_are_the_same_in_each_run(string op, string input, double mean, double deviation)
    {
        var x = TensorData.FromFloats([100, 4], [.. Enumerable.Repeat(0.25f, 400)]);
        Attribute[] attributes =
        [
            Attribute.Of("mean", 1.5f), Attribute.Of("scale", 0.5f), Attribute.Of("low", 1f), Attribute.Of("high", 4f), Attribute.Of("sample_size", 50L),
            .. op is "Multinomial" ? [Attribute.Of("dtype", (long)ElementType.Int64)] : new[] { Attribute.Of("dtype", (long)ElementType.Float64) },
            .. input.Length == 0 ? [Attribute.Of("shape", [50L, 100L])] : Array.Empty<Attribute>(),
        ];
        var model = input.Length == 0 ? Chain(op, null, attributes) : Chain(op, x, attributes);
        var feeds = input.Length == 0 ? new Dictionary<string, TensorData>(StringComparer.Ordinal) : new(StringComparer.Ordinal) { ["x"] = x };

        var y = Run(model, feeds)["y"];

        var numbers = y.ToDoubles();
        Assert.Equal(op is "Multinomial" ? "Int64[100,50]" : input.Length == 0 ? "Float64[50,100]" : "Float64[100,4]", y.ToString());
        // Five standard errors.
        Assert.InRange(numbers.Average(), mean - 5 * deviation / Math.Sqrt(numbers.Length), mean + 5 * deviation / Math.Sqrt(numbers.Length));
        Assert.InRange(Math.Sqrt(numbers.Average(n => (n - mean) * (n - mean))), 0.85 * deviation, 1.15 * deviation);
        Assert.Equal(numbers, Run(model, feeds)["y"].ToDoubles());
    }

    [Fact]
    public void Draws_of_Dropout_are_refused()
    {
        var (model, feeds) = Build(new OpSample("Dropout", "training", [Inputs.F(1, 2), Inputs.F([], 0.5), Inputs.V(ElementType.Bool, [], 1)]));
        var refused = Assert.Throws<ModelException>(() => Run(model, feeds));
        Assert.Equal("Torch cannot run Dropout 'node': it draws at random in training mode.", refused.Message);
    }

    [Fact]
    public void Text_is_refused()
    {
        var text = TensorData.FromStrings([1], ["1.5"u8.ToArray()]);
        var model = Chain("Cast", text, [Attribute.Of("to", (long)ElementType.Float32)]);
        Assert.Equal("Torch has no tensors of String.", Assert.Throws<ModelException>(() => Run(model, new(StringComparer.Ordinal) { ["x"] = text })).Message);
    }

    [Theory]
    [InlineData("DynamicQuantizeLinear/both signs", 0)]
    [InlineData("Unique/sorted", 0)]
    [InlineData("OneHot/first axis, float indices", 2)]
    public void What_stops_the_gradient_of_our_rules_stops_it_on_Torch(string id, int input)
    {
        var (model, feeds) = Build(ById[id]);
        using var executor = new TorchExecutor(model);
        using var pass = executor.Forward(feeds, model.Graph.Outputs, [model.Graph.Inputs[input]], TestContext.Current.CancellationToken);

        Assert.Contains(model.Graph.Nodes[0].OpType, GradientRules.Stops.Keys);
        Assert.All(model.Graph.Outputs, o => Assert.False(pass[o].requires_grad));
    }

    [Fact]
    public void Four_bits_are_dequantized_as_by_Onnx_Runtime()
    {
        foreach (var type in new[] { ElementType.Int4, ElementType.UInt4 })
        {
            var graph = new Graph { Name = "quantized" };
            var x = graph.AddInitializer("x", TensorData.FromBytes(type, [3, 3], new byte[] { 0x10, 0x72, 0x8F, 0xE9, 0x05 }));
            var scale = graph.AddInitializer("scale", TensorData.FromFloats([3], [0.5f, 2, 3]));
            var zero = graph.AddInitializer("zero", TensorData.FromBytes(type, [3], new byte[] { 0xF1, 0x03 }));
            var node = new Node("DequantizeLinear", [x, scale, zero], [new Value("y")], [Attribute.Of("axis", 0L)], name: "node");
            AssertSame(graph, node);
        }
    }

    [Fact]
    public void A_float_is_quantized_to_four_bits_as_by_Onnx_Runtime()
    {
        foreach (var type in new[] { ElementType.Int4, ElementType.UInt4 })
        {
            var graph = new Graph { Name = "quantized" };
            var x = graph.AddInitializer("x", TensorData.FromFloats([6], [-100, -2.5f, -0.5f, 0.5f, 1.5f, 100]));
            var scale = graph.AddInitializer("scale", TensorData.FromFloats([], [1]));
            var quantize = new Node("QuantizeLinear", [x, scale], [new Value("q")], [Attribute.Of("output_dtype", (long)type)], name: "quantize");
            graph.Nodes.Add(quantize);
            ShapeInference.Infer(quantize);
            AssertSame(graph, new Node("Cast", [quantize.Output], [new Value("y")], [Attribute.Of("to", (long)ElementType.Int32)], name: "node"));
        }
    }

    static void AssertSame(Graph graph, Node last)
    {
        if (TorchLibrary.Unavailable is { } why) Assert.Skip(why);
        graph.Nodes.Add(last);
        ShapeInference.Infer(last);
        graph.Outputs.Add(last.Output);
        var model = new Model(graph);
        model.Opsets[""] = Model.CanonicalOpset;
        using var runtime = new PlainRuntime(model);
        AssertEqual(runtime.Run(new Dictionary<string, TensorData>(StringComparer.Ordinal))["y"], Run(model, [])["y"]);
    }

    /// <summary>Calls of one operator with different attributes, one after another, from x, if it is given, to y.</summary>
    static Model Chain(string op, TensorData? x, params Attribute[][] steps)
    {
        if (TorchLibrary.Unavailable is { } why) Assert.Skip(why);
        var graph = new Graph { Name = "chain" };
        Value? value = null;
        if (x is not null) graph.Inputs.Add(value = new Value("x", x.Type, x.Shape));
        for (var i = 0; i < steps.Length; i++)
        {
            var node = new Node(op, value is null ? [] : [value], [value = new Value(i == steps.Length - 1 ? "y" : $"x{i}")], steps[i], name: $"node{i}");
            graph.Nodes.Add(node);
            ShapeInference.Infer(node);
        }
        graph.Outputs.Add(value!);
        var model = new Model(graph);
        model.Opsets[""] = Model.CanonicalOpset;
        return model;
    }

    static (Model Model, Dictionary<string, TensorData> Feeds) Build(OpSample sample)
    {
        if (TorchLibrary.Unavailable is { } why) Assert.Skip(why);
        var graph = new SampleGraph(sample, [.. sample.Inputs.Select(i => i?.Values)], ElementType.Float32);
        var feeds = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        for (var i = 0; i < sample.Inputs.Length; i++)
            if (sample.Inputs[i] is { IsConstant: false } input) feeds[$"x{i}"] = TensorData.FromNumbers(input.Type, input.Dims, input.Values!);
        return (graph.Model, feeds);
    }

    static SortedDictionary<string, TensorData> Run(Model model, Dictionary<string, TensorData> feeds)
    {
        using var executor = new TorchExecutor(model);
        List<string> names = [.. model.Graph.Outputs.Select(o => o.Name)];
        return new(names.Zip(executor.Run(feeds, names, TestContext.Current.CancellationToken)).ToDictionary(p => p.First, p => p.Second, StringComparer.Ordinal), StringComparer.Ordinal);
    }

    /// <summary>Integers are the same, floats but for the rounding of float32.</summary>
    static void AssertEqual(TensorData expected, TensorData found)
    {
        Assert.Equal(expected.ToString(), found.ToString());
        var (a, b) = (expected.ToDoubles(), found.ToDoubles());
        for (var i = 0; i < a.Length; i++)
            Assert.True(a[i].Equals(b[i]) || a[i] == b[i] || expected.Type.IsFloat && Math.Abs(a[i] - b[i]) <= 1e-6 * Math.Abs(a[i]) + 1e-12, $"{expected}, element {i} is {b[i]}, by ONNX Runtime {a[i]}.");
    }
}
