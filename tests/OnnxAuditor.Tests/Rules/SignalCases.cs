using GraphRewriter.Ir;
using OnnxAuditor.Measurement;
using OnnxAuditor.Reports;
using OnnxAuditor.Rules;
using Attribute = GraphRewriter.Ir.Attribute;

namespace OnnxAuditor.Tests.Rules;

/// <summary>Cases of rules on the signal and on gradients. But for the device's, all are measured: the networks are built and run.</summary>
static class SignalCases
{
    public static readonly RuleCase[] All =
    [
        new("ACT002", Severity.Warning, () => Squashed("Tanh", gain: 8).Run(), () => Squashed("Tanh", gain: 1).Run()),
        new("ACT002", Severity.Warning, () => Squashed("Sigmoid", gain: 40).Run(), () => Squashed("Sigmoid", gain: 40, gate: true).Run()),
        new("ACT002", Severity.Warning, () => Squashed("HardSigmoid", gain: 20).Run(), () => Squashed("Relu", gain: 20).Run()),
        new("ACT004", Severity.Warning, () => Mixed(keep: 1e-3).Run(), () => Mixed(keep: 1).Run()),
        new("ACT004", Severity.Warning, () => RankOne(last: 4).Run(data: Noise(16, 32)), () => RankOne(last: 0).Run(data: Noise(16, 32))),
        new("ACT004", Severity.Warning, () => RankOne(last: 4).Run(data: Noise(16, 32)), () => RankOne(last: 4).Run()),
        new("ACT005", Severity.Warning, () => Squashed("Sigmoid", gain: 0.4).Run(), () => RuleCases.Mlp(fresh: false).Run()),
        new("ACT005", Severity.Warning, () => Squashed("Tanh", gain: 8).Run(thorough: true), () => Squashed("Tanh", gain: 1).Run(thorough: true)),
        new("ACT006", Severity.Warning, () => Attention(scale: 100).Run(), () => Attention(scale: 1).Run()),
        new("ACT006", Severity.Warning, () => Attention(scale: 0.01).Run(), () => Attention(scale: 0.01, fresh: true).Run()),
        new("ACT007", Severity.Warning, () => Stuck(bias: 1e4f).Run(), () => Stuck(bias: 0).Run()),
        new("ACT007", Severity.Warning, () => Stuck(bias: 1e4f, of: 4).Run(data: Noise(16, 3, 8, 8)), () => Stuck(bias: 1e4f, of: 4).Run()),
        new("ACT008", Severity.Warning, () => Outlying(1e5f).Run(), () => Outlying(50).Run()),
        new("ACT011", Severity.Warning, () => Block(scale: 1e3).Run(), () => Block(scale: 1).Run()),
        new("ACT011", Severity.Warning, () => Block(scale: 1e-5).Run(), () => Block(scale: 0).Run()),
        new("ACT013", Severity.Info, () => Normed(variance: 2).Run(data: Noise(16, 3, 8, 8, shift: 100, scale: 50)), () => Normed(variance: 2).Run(data: Noise(16, 3, 8, 8))),
        new("ACT013", Severity.Info, () => Normed(variance: 20).Run(data: Noise(16, 3, 8, 8)), () => Normed(variance: 20).Run()),
        new("ACT015", Severity.Info, () => Normed(variance: 5000).Run(), () => Normed(variance: 20).Run()),
        new("ACT015", Severity.Info, () => Biased(bias: 300).Run(thorough: true), () => Biased(bias: 1).Run(thorough: true)),
        new("GRD004", Severity.Warning, () => Classifier(fresh: true).Run(true, Alike(), Labels(i => i % 2)), () => Classifier(fresh: true).Run(true, Alike(), Labels(_ => 1))),
        new("GRD004", Severity.Info, () => Classifier(fresh: false).Run(true, Alike(), Labels(i => i % 2)), () => Classifier(fresh: false).Run(true)),
        new("GRD005", Severity.Info, () => Classifier(fresh: true).Run(true, Alike(), Labels(i => i % 2)), () => Classifier(fresh: true).Run(true, Alike(), Labels(_ => 1))),
        new("GRD006", Severity.Info, () => Classifier(fresh: true, factor: 1e4f).Run(), () => Classifier(fresh: true).Run()),
        new("GRD006", Severity.Info, () => Classifier(fresh: true, factor: 1e4f).Run(), () => Classifier(fresh: false, factor: 1e4f).Run()),
        new("GRD009", Severity.Info, () => Tokens(rows: 5000).Run(), () => Tokens(rows: 100).Run()),
        new("GRD012", Severity.Warning, () => Half(factor: 1e-6f).Run(), () => Half(factor: 1).Run()),
        new("GRD013", Severity.Info, () => RuleCases.Healthy().Run(true, Alike(64, spread: 0)), () => RuleCases.Healthy().Run(true, Noise(16, 64))),
        new("GRD013", Severity.Info, () => RuleCases.Healthy().Run(true, Alike(64, spread: 0)), () => Squashed("Sigmoid", gain: 0.4).Run(thorough: true)),
        new("GRD014", Severity.Warning, () => Squashed("Sigmoid", gain: 0.4).Run(), () => RuleCases.Mlp(fresh: false).Run()),
        new("NUM001", Severity.Warning, () => Drawing(share: 1).Run(thorough: true), () => RuleCases.Healthy().Run(thorough: true)),
        new("NUM001", Severity.Info, () => Drawing(share: 3e-6f).Run(thorough: true), () => Drawing(share: 1).Run()),
        new("NUM002", Severity.Warning, () => OnDevice(4e-3), () => OnDevice(2e-6)),
        new("NUM002", Severity.Warning, () => OnDevice(4e-3), () => OnDevice(4e-3, "the provider has no kernel")),
    ];

    static RuleContext OnDevice(double difference, string? failure = null) => RuleCases.Plain() with { Device = new DeviceComparison("cuda", [("y", difference)], failure) };

    /// <summary>Data of N(shift, scale²).</summary>
    public static TensorData Noise(long a, long b, long c = 0, long d = 0, double shift = 0, double scale = 1)
    {
        long[] dims = c == 0 ? [a, b] : [a, b, c, d];
        return TensorData.FromFloats(dims, Net.Draw("noise", dims, scale, shift));
    }

    /// <summary>Sixteen samples that hardly differ.</summary>
    static TensorData Alike(int width = 32, double spread = 0.05)
    {
        var (one, noise) = (Net.Draw("one", [width], 1, 0), Net.Draw("each", [16 * width], spread, 0));
        return TensorData.FromFloats([16, width], [.. noise.Select((v, i) => v + one[i % width])]);
    }

    static TensorData Labels(Func<int, long> of) => TensorData.Vector([.. Enumerable.Range(0, 16).Select(of)]);

    /// <summary>Twelve layers of 32 units with an activation behind each; the weights have the gain times 1/√32.</summary>
    public static Net Squashed(string activation, double gain, bool gate = false)
    {
        var net = new Net();
        var x = net.Input("x", -1, 32);
        for (var i = 0; i < 12; i++)
        {
            var z = net.Op("MatMul", [x, net.Initializer($"w{i}", [32, 32], Net.Draw($"weight {i} of twelve", [32, 32], gain / Math.Sqrt(32), 0))]);
            var y = net.Op(activation, [z]);
            x = gate ? net.Op("Mul", [y, z]) : y;
        }
        return net.Output(net.Linear("head", x, 32, 10));
    }

    /// <summary>Three blocks that put the mean over tokens in the place of each token, and a share of the token beside it.</summary>
    static Net Mixed(double keep)
    {
        var net = new Net();
        var x = net.Input("x", -1, 8, 16);
        for (var i = 0; i < 3; i++)
        {
            x = net.Op("LayerNormalization", [x, net.Fill($"g{i}", [16], 1), net.Fill($"b{i}", [16], 0)]);
            var mean = net.Op("ReduceMean", [x], Attribute.Of("axes", [1L]));
            x = net.Op("Add", [net.Op("Mul", [x, net.Fill($"keep{i}", [], (float)keep)]), mean]);
        }
        return net.Output(net.Op("MatMul", [x, net.Weight("w", [16, 4])]));
    }

    /// <summary>Twelve linear layers with ReLU, the last of which have matrices of rank one.</summary>
    static Net RankOne(int last)
    {
        var net = new Net();
        var x = net.Input("x", -1, 32);
        for (var i = 0; i < 12; i++)
        {
            var w = Net.Draw($"matrix {i} of twelve", [32, 32], 0.25, 0);
            if (i >= 12 - last) for (var k = 0; k < w.Length; k++) w[k] = Math.Abs(w[k / 32 * 32]) * (1 + k % 32) / 64;
            x = net.Op("Relu", [net.Op("MatMul", [x, net.Initializer($"w{i}", [32, 32], w)])]);
        }
        return net.Output(net.Linear("head", x, 32, 10));
    }

    /// <summary>One layer of attention of four heads; the products of queries and keys have the given scale.</summary>
    static Net Attention(double scale, bool fresh = false)
    {
        var net = new Net();
        var x = net.Input("x", -1, 8, 16);
        Value Project(string name, double s) => net.Op("Transpose",
        [
            net.Op("Reshape", [net.Op("MatMul", [x, net.Initializer(name, [16, 16], fresh ? Net.Draw(name, [16, 16], 0.02 * s, 0) : Net.Skewed(name, 256, s / 4))]), net.Indices(name + ".shape", 0, 8, 4, 4)]),
        ], Attribute.Of("perm", [0L, 2L, 1L, 3L]));
        var scores = net.Op("MatMul", [Project("q", fresh ? 1 : scale), net.Op("Transpose", [Project("k", 1)], Attribute.Of("perm", [0L, 1L, 3L, 2L]))]);
        var mixed = net.Op("MatMul", [net.Op("Softmax", [scores], Attribute.Of("axis", -1L)), Project("v", 1)]);
        return net.Output(net.Op("ReduceMean", [mixed], Attribute.Of("axes", [1L, 2L]), Attribute.Of("keepdims", 0L)));
    }

    /// <summary>A convolution behind units that are all stuck at 1, or as many of 16.</summary>
    static Net Stuck(float bias, int of = 16)
    {
        var net = new Net();
        var biases = new float[16];
        Array.Fill(biases, bias, 0, of);
        var x = net.Op("Conv", [net.Input("x", -1, 3, 8, 8), net.Initializer("w1", [16, 3, 3, 3], Net.Skewed("w1", 16 * 27, 0.2)), net.Initializer("b1", [16], biases)]);
        x = net.Op("HardSigmoid", [x]);
        x = net.Op("Conv", [x, net.Initializer("w2", [16, 1, 3, 3], Net.Skewed("w2", 16 * 9, 0.2)), net.Weight("b2", [16])], Attribute.Of("group", 16L));
        return net.Output(net.Op("GlobalAveragePool", [x]));
    }

    static Net Outlying(float bias)
    {
        var net = new Net();
        var biases = new float[64];
        biases[5] = bias;
        var x = net.Op("Gemm", [net.Input("x", -1, 64), net.Initializer("w", [64, 64], Net.Skewed("w", 4096, 0.125)), net.Initializer("b", [64], biases)]);
        return net.Output(net.Linear("head", net.Op("Relu", [x]), 64, 10));
    }

    static Net Block(double scale)
    {
        var net = new Net();
        var x = net.Linear("stem", net.Input("x", -1, 64), 64, 64);
        var branch = net.Op("MatMul", [net.Op("Relu", [net.Linear("fc", x, 64, 64)]), net.Initializer("w", [64, 64], Net.Skewed("w", 4096, 0.1 * scale))]);
        return net.Output(net.Linear("head", net.Op("Add", [x, branch]), 64, 10));
    }

    /// <summary>A convolution and BatchNormalization with running statistics of the given variance; the convolution's own is about 2 on data of N(0, 1).</summary>
    static Net Normed(float variance)
    {
        var net = new Net();
        var x = net.Op("Conv", [net.Input("x", -1, 3, 8, 8), net.Initializer("w", [16, 3, 3, 3], Net.Draw("w", [16, 27], 0.27, 0)), net.Weight("b", [16])]);
        x = net.Norm("bn", x, 16, variance: [.. Enumerable.Repeat(variance, 16)]);
        return net.Output(net.Op("GlobalAveragePool", [net.Op("Relu", [x])]));
    }

    static Net Biased(float bias)
    {
        var net = new Net();
        var x = net.Op("Gemm", [net.Input("x", -1, 32), net.Initializer("w", [32, 32], Net.Skewed("w", 1024, 0.2)), net.Fill("b", [32], bias)]);
        return net.Output(net.Op("MatMul", [net.Op("Relu", [x]), net.Weight("v", [32, 10])]));
    }

    /// <summary>Two classes from 32 features through two hidden layers; the logits are multiplied by a factor.</summary>
    static Net Classifier(bool fresh, float factor = 1)
    {
        var net = new Net();
        var x = net.Input("x", -1, 32);
        for (var i = 0; i < 2; i++)
        {
            var w = fresh ? RuleCases.Uniform($"fc{i}.weight", 1024, 1 / Math.Sqrt(32)) : Net.Skewed($"fc{i}", 1024, 0.15);
            x = net.Op("Relu", [net.Op("Gemm", [x, net.Initializer($"fc{i}.weight", [32, 32], w), net.Fill($"fc{i}.bias", [32], 0)], Attribute.Of("transB", 1L))]);
        }
        x = net.Op("MatMul", [x, net.Initializer("head", [32, 2], Net.Draw("head", [32, 2], 0.02, 0))]);
        return net.Output(net.Op("Softmax", [factor == 1 ? x : net.Op("Mul", [x, net.Fill("factor", [], factor)])], Attribute.Of("axis", -1L)));
    }

    static Net Tokens(long rows)
    {
        var net = new Net();
        var x = net.Op("Gather", [net.Initializer("table", [rows, 32], Net.Skewed("table", rows * 32, 0.5)), net.Input("x", ElementType.Int64, -1, 8)]);
        return net.Output(net.Op("MatMul", [x, net.Weight("w", [32, 10])]));
    }

    /// <summary>A classifier stored in float16 whose logits are multiplied by a factor.</summary>
    static Net Half(float factor)
    {
        var net = new Net();
        Value Weight(string name, long from, long to) => net.Model.Graph.AddInitializer(name, TensorData.FromNumbers(ElementType.Float16, [from, to], [.. Net.Skewed(name, from * to, 0.1).Select(v => (double)v)]));
        var x = net.Op("Relu", [net.Op("MatMul", [net.Input("x", ElementType.Float16, -1, 64), Weight("w1", 64, 64)])]);
        x = net.Op("MatMul", [x, Weight("w2", 64, 10)]);
        var scale = net.Model.Graph.AddInitializer("factor", TensorData.FromNumbers(ElementType.Float16, [], [(double)factor]));
        return net.Output(net.Op("Softmax", [factor == 1 ? x : net.Op("Mul", [x, scale])], Attribute.Of("axis", -1L)), "y", ElementType.Float16);
    }

    /// <summary>The healthy classifier with noise drawn in the graph, a share of its hidden units' size.</summary>
    static Net Drawing(float share)
    {
        var net = new Net();
        var x = net.Op("Relu", [net.Linear("fc1", net.Input("x", -1, 64), 64, 64)]);
        var noise = net.Op("Mul", [net.Op("RandomUniformLike", [x]), net.Fill("share", [], share)]);
        return net.Output(net.Linear("fc2", net.Op("Add", [x, noise]), 64, 10));
    }
}
