using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using OnnxAuditor.Measurement;
using OnnxAuditor.Reports;
using OnnxAuditor.Rules;
using Attribute = GraphRewriter.Ir.Attribute;

namespace OnnxAuditor.Tests.Rules;

/// <summary>A pair of models for a rule: one in which it finds the given severity, one in which it must say nothing.</summary>
sealed record RuleCase(string Id, Severity Severity, Func<RuleContext> Fires, Func<RuleContext> Silent)
{
    public override string ToString() => $"{Id} {Severity}";
}

/// <summary>At least one case a rule; <see cref="RuleTests"/> checks that none is missing.</summary>
static class RuleCases
{
    public static readonly RuleCase[] All =
    [
        .. WeightRuleCases.All,
        new("GRD007", Severity.Warning, () => Curved(Mlp(fresh: true).Context(), largest: 130), () => Curved(Mlp(fresh: true).Context(), largest: 19)),
        new("GRD007", Severity.Info, () => Curved(Mlp(fresh: true).Context(), largest: 110), () => Curved(Mlp(fresh: true).Context(), largest: 19)),
        new("GRD007", Severity.Warning, () => Curved(Plain(), largest: 130, ownTargets: true), Plain),
        new("GRD007", Severity.Info, () => Curved(Plain(), largest: 130), () => Curved(Plain())),
        new("GRD008", Severity.Info, () => Curved(Plain(), trace: 1.5), () => Curved(Plain())),
        new("GRD008", Severity.Info, () => Curved(Plain(), trace: 1.5), () => Curved(Plain(), trace: 1.5, smallest: -0.5)),
        new("GRD008", Severity.Info, () => Curved(Plain(), trace: 1.5), () => Curved(Plain(), trace: 1.5, traceError: 0.3)),
        new("GRD010", Severity.Warning, () => Curved(Plain(), autocorrelation: 0.1), () => Curved(Plain())),
        new("GRD010", Severity.Warning, () => Curved(Plain(), autocorrelation: -0.02), () => Curved(Plain(), autocorrelation: null)),
        new("GRD011", Severity.Warning, () => Curved(Plain(), gain: 1e-6), () => Curved(Plain(), gain: 0)),
        new("GRD011", Severity.Warning, () => Curved(Plain(), gain: 1e6), () => Curved(Plain())),
        new("GRD015", Severity.Info, () => Checked(gradient: Agreement.Kink), () => Checked()),
        new("GRD016", Severity.Warning, () => Tried(TrialOutcome.Stalls), () => Tried(TrialOutcome.Slow)),
        new("GRD016", Severity.Warning, () => Tried(TrialOutcome.Diverges), () => Tried(TrialOutcome.Diverges, TrialOutcome.Overfits)),
        new("GRD016", Severity.Info, () => Tried(TrialOutcome.Stalls, madeUp: true), () => Tried(TrialOutcome.Slow, madeUp: true)),
        new("GRD016", Severity.Warning, () => Tried(TrialOutcome.Diverges, madeUp: true), () => Tried(TrialOutcome.Slow, madeUp: true)),
        new("GRD016", Severity.Info, () => Tried(TrialOutcome.Overfits, reinit: TrialOutcome.Stalls), () => Tried(TrialOutcome.Overfits, reinit: TrialOutcome.Slow)),
        new("GRD016", Severity.Info, () => Tried(TrialOutcome.Overfits, still: "fc1.weight"), () => Tried(TrialOutcome.Overfits, still: "fc1.bias")),
        new("NUM003", Severity.Error, () => Checked(output: Agreement.Differs), () => Checked(output: Agreement.Kink)),
        new("NUM004", Severity.Error, () => Checked(gradient: Agreement.Differs), () => Checked(gradient: Agreement.Kink)),
        new("NUM004", Severity.Error, () => Checked(layer: Agreement.Differs), Plain),
        new("ONX001", Severity.Error, () => Healthy().AsRead(new ReadProblem("ONX001", "m.onnx", "is a web page")), Plain),
        new("ONX002", Severity.Warning, () => Healthy().AsRead(new ReadProblem("ONX002", "graph", "the nodes were sorted")), Plain),
        new("ONX003", Severity.Error, () => Healthy().AsRead(new ReadProblem("ONX003", "w", "external data file 'w.bin' is missing")), Plain),
        new("SEC001", Severity.Error, () => Healthy().AsRead(new ReadProblem("SEC001", "w", "external data path '../w' leaves the model's folder; refused")), Plain),
        new("SEC002", Severity.Error, () => Healthy().AsRead(new ReadProblem("SEC002", "w", "declares 1 TB")), Plain),
        new("SEC003", Severity.Warning, () => WithUnary("acme::Swirl").AsRead(), () => WithUnary("com.microsoft::FastGelu").AsRead()),
        new("SEC004", Severity.Warning, () => WithUnary("com.microsoft::EPContext").AsRead(), Plain),
        new("SEC004", Severity.Error, () => WithUnary("com.microsoft::EPContext", Attribute.Of("embed_mode", 0L), Attribute.Of("ep_cache_context", "../../x.bin")).AsRead(), Plain),
        new("SEC005", Severity.Error, () => WithUnary("com.microsoft::PythonOp").AsRead(), Plain),
        new("SEC006", Severity.Warning, () => Said("<script>alert(1)</script>"), () => Said("A classifier & more, x < 3.")),
        new("SEC006", Severity.Warning, () => Said("red \u001b[31mtext"), () => Said("two\nlines\tand a tab")),
        new("SEC006", Severity.Info, () => Said("See https://example.org."), () => Said("example.org")),
        new("ONX004", Severity.Info, () => Image(-1, 3, -1, -1).Context(), Plain),
        new("ONX004", Severity.Warning, () => UnknownRank().AsRead(), Plain),
        new("ONX005", Severity.Info, Unnamed, Plain),
        new("ONX006", Severity.Info, WithFunction, Plain),
        new("ONX007", Severity.Warning, SparseInitializer, Plain),
        new("TRN001", Severity.Warning, () => DeepCnn(norm: false, spread: 0.5).Context(), () => DeepCnn(norm: true, spread: 0.5).Context()),
        new("TRN001", Severity.Warning, () => DeepCnn(norm: false, spread: 0.5).Context(), () => DeepCnn(norm: false, spread: 0).Context()),
        new("TRN002", Severity.Info, () => DeepCnn(norm: true, spread: 0).Context(), Plain),
        new("TRN003", Severity.Warning, TrainingNorm, () => DeepCnn(norm: true, spread: 0).Context()),
        new("TRN004", Severity.Info, () => WithUnary("Dropout").Context(), Plain),
        new("TRN005", Severity.Warning, () => ConstantWeight(16 * 16), Plain),
        new("TRN005", Severity.Warning, () => ConstantWeight(16 * 16), () => ConstantWeight(4 * 4)),
        new("TRN006", Severity.Warning, () => Branches(byFlag: true).Context(), Plain),
        new("TRN008", Severity.Warning, Quantized, Plain),
        new("TRN009", Severity.Error, IntegerMatMul, Quantized),
        new("TRN010", Severity.Warning, () => WithUnary("com.microsoft::FastGelu").Context(), Plain),
        new("TRN010", Severity.Error, () => WithUnary("com.microsoft::NobodyKnowsThis").Context(), () => WithUnary("Tanh").Context()),
        new("TRN011", Severity.Error, () => WithUnary("acme::Swirl").AsRead(), () => WithUnary("com.microsoft::FastGelu").AsRead()),
        new("TRN011", Severity.Warning, CustomInFront, Plain),
        new("TRN012", Severity.Error, () => WithUnary("Round").Context(), Plain),
        new("TRN012", Severity.Info, LabelBesideScores, HandWrittenRelu),
        new("TRN014", Severity.Warning, DetachedHead, Plain),
        new("TRN015", Severity.Error, () => Gradients((p, i) => p.Name == "fc1.weight" ? 0 : 0.01), () => Gradients((p, i) => 0.01)),
        new("TRN015", Severity.Warning, () => Gradients((p, i) => p.Name == "fc1.bias" ? 0 : 0.01), () => Gradients((p, i) => 1e-30)),
        new("TRN015", Severity.Info, ZeroState, () => Gradients((p, i) => 0.01)),
        new("TRN016", Severity.Info, DetachedHead, Plain),
        new("TRN017", Severity.Warning, () => TwoMatrices(equal: true), () => TwoMatrices(equal: false)),
        new("TRN018", Severity.Info, SharedMatrix, () => TwoMatrices(equal: false)),
        new("TRN019", Severity.Info, () => Image(1, 3, 8, 8).Context(), () => Image(-1, 3, 8, 8).Context()),
        new("TRN019", Severity.Warning, BatchInReshape, () => Image(-1, 3, 8, 8).Context()),
        new("TRN021", Severity.Warning, () => Branches(byFlag: false).Context(), Plain),
        new("TRN021", Severity.Info, () => Branches(byFlag: true).Context(), Plain),
        new("TRN022", Severity.Info, () => Stateful("h0", "hn"), () => Stateful("inputImage", "outputImage")),
        new("TRN022", Severity.Info, () => Stateful("past_key_values.0.key", "present.0.key"), () => Stateful("state_a", "state_b")),
        new("TRN023", Severity.Warning, () => WithUnary("ai.onnx.contrib::DecodeImage").AsRead(), Plain),
        new("TRN023", Severity.Info, ByteInput, Plain),
        new("TRN024", Severity.Info, () => Head("Softmax").Context(), Plain),
        new("TRN024", Severity.Info, () => Head("Sigmoid").Context(), () => Head("Relu").Context()),
        new("TRN025", Severity.Info, () => WithUnary("com.microsoft::ReluGrad").AsRead(), Plain),
        new("TRN026", Severity.Warning, () => Mlp(fresh: true).Context(), () => Mlp(fresh: false).Context()),
        new("TRN027", Severity.Error, () => Filled(0.02f), Plain),
        new("TRN028", Severity.Info, Trees, Plain),
        new("TRN029", Severity.Error, () => new Net().AsRead(), Plain),
        new("TRN029", Severity.Error, ConstantOutput, Plain),
        new("TRN030", Severity.Info, () => Healthy(opset: 9).AsRead(), Plain),
        new("TRN030", Severity.Warning, () => Healthy(opset: 6).AsRead(), Plain),
        new("WGT001", Severity.Error, () => Changed((w, _) => w[3] = float.NaN), Plain),
        new("WGT001", Severity.Error, () => Changed((w, _) => w[3] = float.PositiveInfinity), Plain),
        new("WGT002", Severity.Warning, () => Changed((w, n) => Array.Fill(w, 1e-40f, 0, n / 2)), Plain),
        new("WGT003", Severity.Error, () => Changed((w, n) => Array.Clear(w)), ZeroResidualScale),
        new("WGT003", Severity.Warning, () => Changed((w, n) => Array.Clear(w, 0, n / 2)), Plain),
        new("WGT003", Severity.Info, () => Changed((w, n) => Array.Clear(w, 0, n / 32)), Plain),
        new("WGT004", Severity.Warning, () => Changed((w, n) => Array.Fill(w, 0.5f)), () => Changed((w, n) => Array.Clear(w))),
        new("WGT005", Severity.Error, () => Changed((w, n) => Repeat(w, 4)), Plain),
        new("WGT005", Severity.Warning, () => Changed((w, n) => Repeat(w, 56)), Plain),
        new("WGT010", Severity.Info, () => Changed((w, n) => w[7] = 1000), Plain),
        new("WGT011", Severity.Warning, () => Changed((w, n) => Thin(w)), Plain),
        new("WGT016", Severity.Warning, () => NormChannels(dead: 8), () => NormChannels(dead: 0)),
        new("WGT016", Severity.Info, () => NormChannels(dead: 1), () => NormChannels(dead: 0)),
        new("WGT017", Severity.Warning, DoubleWeights, Plain),
        new("ACT001", Severity.Error, () => OnData(Activations(Dead(0.8))), () => OnData(Activations(Dead(0.05)))),
        new("ACT001", Severity.Warning, () => OnData(Activations(Dead(0.2))), () => OnData(Activations(Dead(0.8), "HardSwish"))),
        new("ACT001", Severity.Error, () => Activations(Dead(0.8, valuesPerUnit: 16), biasOff: 48), () => Activations(Dead(0.8, valuesPerUnit: 16))),
        new("ACT001", Severity.Warning, () => Activations(Dead(0.8)), () => Activations(Dead(0.1))),
        new("ACT001", Severity.Info, () => Activations(Dead(0.3)), () => Activations(Dead(0.3, valuesPerUnit: 16))),
        new("ACT003", Severity.Warning, () => Scales(l => Math.Pow(10, 0.3 * l)), () => Scales(l => 1 + 0.3 * (l % 3))),
        new("ACT003", Severity.Error, () => Scales(l => Math.Pow(10, -0.8 * l)), () => Scales(l => Math.Pow(10, 0.05 * l))),
        new("ACT009", Severity.Error, () => Half(70000), () => Half(60000)),
        new("ACT012", Severity.Warning, () => Mlp(fresh: false, depth: 32).Context(), () => Deep(skip: true)),
        new("ACT012", Severity.Warning, () => Deep(skip: false), () => Mlp(fresh: false, depth: 20).Context()),
        new("ACT014", Severity.Warning, () => Outputs(1, 1.00001f), () => Outputs(1, 2)),
        new("ACT010", Severity.Error, () => Healthy().Measured((layers, _) => new Made([], [], NonFinite: layers[0].Name)), () => Healthy().Measured((_, _) => new Made([], []))),
        new("GRD001", Severity.Warning, () => Gradients((_, depth) => Math.Pow(10, 0.7 * depth)), () => Gradients((_, depth) => Math.Pow(10, 0.2 * depth))),
        new("GRD001", Severity.Error, () => Gradients((_, depth) => Math.Pow(10, 1.2 * depth)), () => Gradients((_, _) => 0.01)),
        new("GRD002", Severity.Warning, () => Gradients((_, depth) => Math.Pow(10, -0.7 * depth)), () => Gradients((_, depth) => Math.Pow(10, -0.2 * depth))),
        new("GRD002", Severity.Error, () => Gradients((_, depth) => Math.Pow(10, -1.2 * depth)), () => Gradients((_, _) => 0.01)),
        new("GRD003", Severity.Error, () => Gradients((_, _) => double.NaN), () => Gradients((_, _) => 0.01)),
        .. SignalCases.All,
    ];

    /// <summary>A trained-looking classifier of two layers for batches of any size, ending in logits.</summary>
    public static Net Healthy(long opset = 17)
    {
        var net = new Net(opset);
        var x = net.Input("x", -1, 64);
        return net.Output(net.Linear("fc2", net.Op("Relu", [net.Linear("fc1", x, 64, 64)]), 64, 10));
    }

    /// <summary>A healthy network, and what holding both engines against each other is said to have given.</summary>
    static RuleContext Checked(Agreement output = Agreement.Agrees, Agreement layer = Agreement.Agrees, Agreement gradient = Agreement.Agrees)
    {
        ComparedTensor Tensor(string name, Agreement agreement) => new(name, agreement == Agreement.Agrees ? 1e-6 : 0.01, agreement);
        return Plain() with
        {
            CrossChecked = new CrossChecked(
                [Tensor("y", output)], null, [Tensor("fc1", layer)], [Tensor("fc1.weight", gradient)], null, layer == Agreement.Differs ? "fc1" : null,
                gradient == Agreement.Differs ? new DirectionalDerivative(1, 2, 2, 1e-9) : null, null),
        };
    }

    /// <summary>A measurement of curvature that no rule minds, but for what is given.</summary>
    /// <summary>Trials from the shipped weights with frozen and with batch statistics, and from re-initialised ones.</summary>
    static RuleContext Tried(TrialOutcome frozen, TrialOutcome? batch = null, TrialOutcome? reinit = null, string? still = null, bool madeUp = false) => Plain() with
    {
        Trials =
        [
            new TrialReport("shipped", "frozen", "momentum", 16) { Outcome = frozen, NeverMoved = still is null ? [] : [still], HasMadeUpTargets = madeUp },
            new TrialReport("shipped", "batch", "momentum", 16) { Outcome = batch, Unavailable = batch is null ? "there is no norm" : null },
            new TrialReport("reinit", "frozen", "momentum", 16) { Outcome = reinit ?? TrialOutcome.Overfits },
        ],
    };

    static RuleContext Curved(RuleContext context, double largest = 1, double smallest = 0, double? trace = null, double traceError = 0.1, double? autocorrelation = 0.9, double gain = 1, bool ownTargets = false) => context with
    {
        Curvature = new CurvatureMeasurement(new HessianMeasurement(1000, largest, smallest, 0.01, trace ?? 10 * largest, traceError, 30), null, new InputMeasurement("x", "y", autocorrelation, 32, gain, 5, 10), null) { OwnTargets = ownTargets },
    };

    public static RuleContext Plain() => Healthy().Context();

    public static Net DeepCnn(bool norm, double spread)
    {
        var net = new Net();
        var x = net.Input("x", -1, 3, 8, 8);
        for (var i = 0; i < 9; i++) x = net.ConvBlock($"layer{i}", x, i == 0 ? 3 : 16, 16, norm, bias: !norm, spread);
        return net.Output(net.Op("GlobalAveragePool", [x]));
    }

    public static Net Mlp(bool fresh, int depth = 12)
    {
        var net = new Net();
        var x = net.Input("x", -1, 32);
        for (var i = 1; i <= depth; i++)
        {
            if (fresh)
            {
                var weight = net.Initializer($"fc{i}.weight", [32, 32], Uniform($"fc{i}.weight", 32 * 32, 1 / Math.Sqrt(32)));
                x = net.Op("Gemm", [x, weight, net.Weight($"fc{i}.bias", [32])], Attribute.Of("transB", 1L));
            }
            else
            {
                x = net.Linear($"fc{i}", x, 32, 32);
            }
            if (i < depth) x = net.Op("Relu", [x]);
        }
        return net.Output(x);
    }

    public static float[] Uniform(string name, int count, double bound)
    {
        var seed = name.Aggregate(17, (h, c) => unchecked(h * 31 + c));
#pragma warning disable CA5394 // Test data, not secrets.
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(bound * (2 * random.NextDouble() - 1)))];
#pragma warning restore CA5394
    }

    static Net Image(params long[] dims)
    {
        var net = new Net();
        var x = net.ConvBlock("conv", net.Input("x", dims), 3, 8, norm: false);
        return net.Output(net.Op("GlobalAveragePool", [x]));
    }

    static Net UnknownRank()
    {
        var net = new Net();
        var x = new Value("x", ElementType.Float32);
        net.Model.Graph.Inputs.Add(x);
        return net.Output(net.Op("Relu", [x]));
    }

    static RuleContext Unnamed()
    {
        var net = Healthy();
        foreach (var node in net.Model.Graph.Nodes) node.Name = "";
        return net.Context();
    }

    static RuleContext WithFunction()
    {
        var body = new Graph();
        var x = new Value("a");
        body.Inputs.Add(x);
        var node = new Node("Tanh", [x], [new Value("b")]);
        body.Nodes.Add(node);
        body.Outputs.Add(node.Output);
        var net = WithUnary("local::Squash");
        var function = new Function("local", "Squash", "", body);
        function.Opsets[""] = 17;
        net.Model.Functions.Add(function);
        return net.Context();
    }

    static RuleContext SparseInitializer()
    {
        var net = new Net();
        var sparse = new Value("w", ElementType.Float32, Shape.Of(64, 10))
        {
            SparseData = new SparseTensorData(TensorData.FromFloats([2], [1, 2]), TensorData.Vector(3, 70), [64, 10]),
        };
        net.Model.Graph.Initializers.Add(sparse);
        return net.Output(net.Op("MatMul", [net.Input("x", -1, 64), sparse])).Context();
    }

    static RuleContext TrainingNorm()
    {
        var net = new Net();
        var x = net.ConvBlock("conv", net.Input("x", -1, 3, 8, 8), 3, 16, norm: false);
        return net.Output(net.Norm("bn", x, 16, null, null, Attribute.Of("training_mode", 1L))).Context();
    }

    static RuleContext ConstantWeight(int elements)
    {
        var side = (long)Math.Sqrt(elements);
        var net = new Net();
        var weight = net.Op("Constant", [], Attribute.Of("value", TensorData.FromFloats([side, side], Net.Skewed("w", elements, 0.1))));
        return net.Output(net.Op("MatMul", [net.Input("x", -1, side), weight])).Context();
    }

    static Net Branches(bool byFlag)
    {
        var net = new Net();
        var x = net.Input("x", -1, 64);
        Value condition;
        if (byFlag)
        {
            condition = net.Op("Equal", [net.Input("rate", ElementType.Int64, []), net.Model.Graph.AddInitializer("k", TensorData.Scalar(16000))]);
        }
        else
        {
            var mean = net.Op("ReduceMean", [x], Attribute.Of("keepdims", 0L));
            condition = net.Op("Greater", [mean, net.Initializer("zero", [], [0])]);
        }
        Graph Branch(string name)
        {
            var graph = new Graph { Name = name };
            var weight = graph.AddInitializer(name + ".weight", TensorData.FromFloats([64, 8], Net.Skewed(name, 512, 0.1)));
            var node = new Node("MatMul", [x, weight], [new Value(name + "_y", ElementType.Float32)], name: name + "/MatMul");
            graph.Nodes.Add(node);
            graph.Outputs.Add(node.Output);
            return graph;
        }
        return net.Output(net.Op("If", [condition], Attribute.Of("then_branch", Branch("wide")), Attribute.Of("else_branch", Branch("narrow"))));
    }

    static RuleContext Quantized()
    {
        var net = new Net();
        var bytes = Enumerable.Range(0, 64 * 16).Select(i => (byte)(i * 37 % 251)).ToArray();
        var weight = net.Model.Graph.AddInitializer("w_q", TensorData.FromBytes(ElementType.Int8, [64, 16], bytes));
        var dequantized = net.Op("DequantizeLinear", [weight, net.Initializer("scale", [], [0.01f])]);
        return net.Output(net.Op("MatMul", [net.Input("x", -1, 64), dequantized])).Context();
    }

    static RuleContext IntegerMatMul()
    {
        var net = new Net();
        var weight = net.Model.Graph.AddInitializer("w_q", TensorData.FromBytes(ElementType.Int8, [64, 16], new byte[64 * 16]));
        var product = net.Op("MatMulInteger", [net.Input("x", ElementType.UInt8, -1, 64), weight]);
        return net.Output(net.Op("Cast", [product], Attribute.Of("to", 1L))).AsRead();
    }

    static Net WithUnary(string op, params Attribute[] attributes)
    {
        var net = new Net();
        var x = net.Linear("fc1", net.Input("x", -1, 64), 64, 64);
        return net.Output(net.Op(op, [x], attributes));
    }

    static RuleContext Said(string text)
    {
        var net = Healthy();
        net.Model.Metadata["about"] = text;
        return net.AsRead();
    }

    static RuleContext Deep(bool skip)
    {
        var net = new Net();
        var x = net.Input("x", -1, 16);
        for (var i = 0; i < 33; i++)
        {
            var y = net.Op("Tanh", [net.Linear($"fc{i}", x, 16, 16)]);
            x = skip ? net.Op("Add", [x, y]) : y;
        }
        return net.Output(x).Context();
    }

    static RuleContext Half(double largest)
    {
        var net = new Net();
        var weight = net.Model.Graph.AddInitializer("w", TensorData.FromNumbers(ElementType.Float16, [64, 16], [.. Net.Skewed("w", 1024, 0.1).Select(v => (double)v)]));
        net.Output(net.Op("MatMul", [net.Input("x", ElementType.Float16, -1, 64), weight]), "y", ElementType.Float16);
        return net.Measured((layers, _) => new Made([new LayerMeasurement(layers[0], new Moments(256, 0, 1, largest, 0, null), null, null)], []));
    }

    static RuleContext Outputs(float first, float second)
    {
        var context = Healthy().Measured((_, _) => new Made([], []));
        var data = TensorData.FromFloats([2, 3], [first, 1, 2, second, 1, 2]);
        return context with { Shipped = context.Shipped! with { Outputs = [new OutputMeasurement("y", data)] } };
    }

    static RuleContext CustomInFront()
    {
        var net = new Net();
        return net.Output(net.Linear("fc1", net.Op("acme::Decode", [net.Input("x", -1, 64)]), 64, 64)).AsRead();
    }

    static RuleContext LabelBesideScores()
    {
        var net = new Net();
        var scores = net.Linear("fc1", net.Input("x", -1, 64), 64, 10);
        var label = net.Op("ArgMax", [scores], Attribute.Of("axis", 1L));
        return net.Output(scores).Output(label, "label", ElementType.Int64).Context();
    }

    static RuleContext HandWrittenRelu()
    {
        var net = new Net();
        var x = net.Linear("fc1", net.Input("x", -1, 64), 64, 10);
        var gate = net.Op("Cast", [net.Op("Greater", [x, net.Initializer("zero", [], [0])])], Attribute.Of("to", 1L));
        return net.Output(net.Op("Mul", [x, gate])).Context();
    }

    static RuleContext DetachedHead()
    {
        var net = Healthy();
        net.Linear("aux", net.Model.Graph.Nodes[0].Output, 64, 64);
        return net.Context();
    }

    static RuleContext TwoMatrices(bool equal)
    {
        var net = new Net();
        var first = net.Initializer("a.weight", [64, 64], Net.Skewed("a", 64 * 64, 0.1));
        var second = net.Initializer("b.weight", [64, 64], Net.Skewed(equal ? "a" : "b", 64 * 64, 0.1));
        return net.Output(net.Op("MatMul", [net.Op("Relu", [net.Op("MatMul", [net.Input("x", -1, 64), first])]), second])).Context();
    }

    static RuleContext SharedMatrix()
    {
        var net = new Net();
        var weight = net.Initializer("a.weight", [64, 64], Net.Skewed("a", 64 * 64, 0.1));
        return net.Output(net.Op("MatMul", [net.Op("Relu", [net.Op("MatMul", [net.Input("x", -1, 64), weight])]), weight])).Context();
    }

    static RuleContext BatchInReshape()
    {
        var net = new Net();
        var x = net.ConvBlock("conv", net.Input("x", 2, 3, 8, 8), 3, 8, norm: false);
        return net.Output(net.Linear("fc", net.Op("Reshape", [x, net.Indices("shape", 2, 512)]), 512, 10)).Context();
    }

    static RuleContext Stateful(string input, string output)
    {
        var net = new Net();
        var h = net.Input(input, -1, 64);
        var next = net.Op("Tanh", [net.Op("Add", [net.Linear("fc1", net.Input("x", -1, 64), 64, 64), h])]);
        return net.Output(net.Linear("fc2", next, 64, 10)).Output(next, output).AsRead();
    }

    /// <summary>A recurrent step of which the hidden-to-hidden matrix sees the zero state alone.</summary>
    static RuleContext ZeroState()
    {
        var net = new Net();
        var h = net.Op("MatMul", [net.Input("h0", -1, 64), net.Weight("w_hh", [64, 64])]);
        var next = net.Op("Tanh", [net.Op("Add", [net.Linear("fc1", net.Input("x", -1, 64), 64, 64), h])]);
        net.Output(net.Linear("fc2", next, 64, 10)).Output(next, "hn");
        return net.Measured((_, canonical) => new Made([], [.. canonical.Parameters.Select(p => new ParameterMeasurement(p, OfRms(p.Count, p.Name == "w_hh" ? 0 : 0.01)))]));
    }

    static RuleContext ByteInput()
    {
        var net = new Net();
        var x = net.Op("Cast", [net.Input("x", ElementType.UInt8, -1, 64)], Attribute.Of("to", 1L));
        return net.Output(net.Linear("fc1", x, 64, 10)).Context();
    }

    static Net Head(string op)
    {
        var net = new Net();
        var probabilities = net.Op(op, [net.Linear("fc1", net.Input("x", -1, 64), 64, 10)]);
        return net.Output(net.Op("Identity", [probabilities]));
    }

    static RuleContext Filled(float value)
    {
        var net = new Net();
        var shape = net.Indices("dims", 64, 64);
        var weight = net.Op("ConstantOfShape", [shape], Attribute.Of("value", TensorData.FromFloats([1], [value])));
        var hidden = net.Op("MatMul", [net.Input("x", -1, 64), weight]);
        return net.Output(net.Op("MatMul", [hidden, net.Fill("w2", [64, 16], value)])).Context();
    }

    static RuleContext Trees()
    {
        var net = new Net();
        return net.Output(net.Op("ai.onnx.ml::TreeEnsembleRegressor", [net.Input("x", -1, 4)])).AsRead();
    }

    static RuleContext ConstantOutput()
    {
        var net = new Net();
        net.Input("x", -1, 4);
        return net.Output(net.Op("Relu", [net.Weight("w", [4, 4])])).AsRead();
    }

    /// <summary>The healthy network with its first matrix [64, 64] changed.</summary>
    static RuleContext Changed(Action<float[], int> change)
    {
        var net = new Net();
        var x = net.Input("x", -1, 64);
        var data = Net.Skewed("fc1.weight", 64 * 64, 0.125);
        change(data, data.Length);
        var hidden = net.Op("Gemm", [x, net.Initializer("fc1.weight", [64, 64], data), net.Weight("fc1.bias", [64])], Attribute.Of("transB", 1L));
        hidden = net.Linear("fc2", net.Op("Relu", [hidden]), 64, 64);
        return net.Output(net.Linear("fc3", net.Op("Relu", [hidden]), 64, 10)).Context();
    }

    /// <summary>Makes every row of 64 a multiple of one of the first ones.</summary>
    static void Repeat(float[] weights, int first)
    {
        for (var i = first * 64; i < weights.Length; i++) weights[i] = weights[i - first * 64] * 2;
    }

    static void Thin(float[] weights)
    {
        for (var i = 0; i < weights.Length; i++) if (i % 4 < 2) weights[i] = 0;
    }

    static RuleContext ZeroResidualScale()
    {
        var net = new Net();
        var x = net.ConvBlock("stem", net.Input("x", -1, 3, 8, 8), 3, 16, norm: true);
        var branch = net.Norm("last", net.ConvBlock("branch", x, 16, 16, norm: true), 16, scale: new float[16]);
        return net.Output(net.Op("Add", [branch, x])).Context();
    }

    static RuleContext NormChannels(int dead)
    {
        var net = new Net();
        var variance = Enumerable.Range(0, 16).Select(i => i < dead ? 1e-12f : 1f).ToArray();
        var x = net.Op("Conv", [net.Input("x", -1, 3, 8, 8), net.Initializer("w", [16, 3, 3, 3], Net.Skewed("w", 16 * 27, 0.2))]);
        return net.Output(net.Norm("bn", x, 16, variance: variance)).Context();
    }

    static RuleContext DoubleWeights()
    {
        var net = new Net();
        var weight = net.Model.Graph.AddInitializer("w", TensorData.FromDoubles([64, 16], [.. Net.Skewed("w", 1024, 0.1).Select(v => (double)v)]));
        return net.Output(net.Op("MatMul", [net.Input("x", ElementType.Float64, -1, 64), weight]), "y", ElementType.Float64).AsRead();
    }

    static Moments Dead(double share, int valuesPerUnit = 1024) => new(valuesPerUnit * 64, 0.1, 1, 3, 0.8, share);

    static RuleContext OnData(RuleContext context) => context with { SyntheticInputs = false };

    /// <summary>One layer of 64 units and its activation, of which the given measurements are claimed; some biases are far below zero.</summary>
    static RuleContext Activations(Moments moments, string op = "Relu", int biasOff = 0)
    {
        var net = new Net();
        var bias = Net.Draw("fc.bias", [64], 0.1, 0);
        Array.Fill(bias, -50f, 0, biasOff);
        var x = net.Op("Gemm", [net.Input("x", -1, 32), net.Weight("fc.weight", [32, 64]), net.Initializer("fc.bias", [64], bias)]);
        net.Output(net.Op(op, [x]));
        return net.Measured((layers, _) => new Made([.. layers.Where(l => l.Node.OpType == op).Select(l => new LayerMeasurement(l, moments, null, null))], []));
    }

    /// <summary>The twelve-layer network with the given scale of its linear outputs by depth.</summary>
    static RuleContext Scales(Func<int, double> scale) => Mlp(fresh: false).Measured((layers, _) =>
        new Made([.. layers.Where(l => l.Kind == LayerKind.Linear).Select(l => new LayerMeasurement(l, new Moments(1024, 0, Math.Pow(scale(l.Depth), 2), 3, 0, null), null, null))], []));

    /// <summary>The twelve-layer network with the given gradient RMS by parameter and depth, and unit activations.</summary>
    static RuleContext Gradients(Func<GraphRewriter.Canonicalization.Parameter, int, double> rms) => Mlp(fresh: false).Measured((layers, canonical) => new Made(
        [.. layers.Select(l => new LayerMeasurement(l, new Moments(1024, 0, 1, 3, 0, l.Kind == LayerKind.Activation ? 0 : null), null, null))],
        [.. canonical.Parameters.Select(p => new ParameterMeasurement(p, OfRms(p.Count, rms(p, layers.FirstOrDefault(l => l.Node == p.Uses[0].Node)?.Depth ?? 0))))]));

    static GradientMoments OfRms(long count, double rms) => new(count, rms * Math.Sqrt(count), rms, rms, rms == 0 ? 1 : 0);
}
