using GraphRewriter.Ir;
using OnnxAuditor.Measurement;
using OnnxAuditor.Reports;
using OnnxAuditor.Rules;
using Attribute = GraphRewriter.Ir.Attribute;

namespace OnnxAuditor.Tests.Rules;

/// <summary>Cases of the rules that look at spectra, gains and sizes of weights, at memory and at precision.</summary>
static class WeightRuleCases
{
    public static readonly RuleCase[] All =
    [
        new("TRN007", Severity.Info, () => Matrices(_ => Product(64, 8)), RuleCases.Plain),
        new("TRN007", Severity.Info, () => Matrices(i => WithNorm(Random(i), 1)), () => Matrices(i => WithNorm(Random(i), 1.1))),
        new("TRN007", Severity.Info, () => Matrices(i => EqualRows(Random(i))), () => Matrices(_ => Orthogonal())),
        new("TRN013", Severity.Warning, () => BinaryBranch(gate: false), () => BinaryBranch(gate: true)),
        new("TRN013", Severity.Warning, () => BinaryBranch(gate: false, sign: true), RuleCases.Plain),
        new("TRN013", Severity.Warning, () => Clipped(gradientInFront: 0), () => Clipped(gradientInFront: 0.1)),
        new("TRN013", Severity.Warning, () => Clipped(gradientInFront: 0), () => Clipped(gradientInFront: 0, dead: 1)),
        new("TRN020", Severity.Warning, () => Map(-1, 0, 8, 16384), () => Map(-1, 0, 8, -1)),
        new("TRN020", Severity.Info, () => Map(16, 0, 8, 256), () => Map(16, 0, 8, -1)),
        new("TRN020", Severity.Info, () => Map(16, 0, 8, 256), FlattenedForLinear),
        new("TRN020", Severity.Warning, () => Positions(length: -1), () => Positions(length: 32)),
        new("WGT006", Severity.Warning, () => Matrices(i => Tilted(Random(i), 16)), () => Matrices(i => Tilted(Random(i), 4))),
        new("WGT006", Severity.Warning, () => Matrices(i => Tilted(Random(i), 16, sign: -1)), RuleCases.Plain),
        new("WGT007", Severity.Warning, () => Matrices(i => RankOne(Random(i))), () => Matrices(i => OneLargeRow(Random(i)))),
        new("WGT007", Severity.Warning, () => Matrices(_ => Product(64, 8)), () => Matrices(_ => Product(64, 40))),
        new("WGT008", Severity.Warning, () => Matrices(i => Copied(Random(i), 16)), RuleCases.Plain),
        new("WGT008", Severity.Info, () => Matrices(i => Copied(Random(i), 1)), () => Matrices(i => ZeroRows(Random(i), 16))),
        new("WGT009", Severity.Warning, () => RuleCases.Mlp(fresh: true).Context(), () => RuleCases.Mlp(fresh: false).Context()),
        new("WGT009", Severity.Info, () => Matrices(i => Scaled(Random(i), 0.01f), 6), () => Matrices(i => Scaled(Random(i), 0.5f), 6)),
        new("WGT009", Severity.Warning, () => RuleCases.Mlp(fresh: true).Context(), () => Normalised(fresh: true)),
        new("WGT012", Severity.Info, () => Matrices(Cauchy), () => Matrices(Random)),
        new("WGT013", Severity.Info, () => Matrices(i => Spiked(Random(i), 20)), () => Matrices(i => Spiked(Random(i), 2))),
        new("WGT014", Severity.Warning, () => Matrices(i => Scaled(Random(i), i == 1 ? 1e-4f : 1)), () => Matrices(i => Scaled(Random(i), i == 1 ? 0.01f : 1))),
        new("WGT014", Severity.Warning, () => Matrices(i => Scaled(Random(i), i == 1 ? 1e-4f : 1)), () => Matrices(i => Scaled(Random(i), i == 1 ? 1e-4f : 1), activation: "Tanh")),
        new("WGT015", Severity.Warning, () => Biased(units: 16, bias: -50), () => Biased(units: 16, bias: -2)),
        new("WGT015", Severity.Warning, () => Biased(units: 16, bias: 50), () => Biased(units: 4, bias: 50)),
        new("WGT018", Severity.Info, () => Lstm(fresh: true, forget: 0), () => Lstm(fresh: true, forget: 1)),
        new("WGT018", Severity.Info, () => Lstm(fresh: false, forget: -2), () => Lstm(fresh: false, forget: -0.5f)),
        new("WGT018", Severity.Info, () => Rnn(radius: 1.5f), () => Rnn(radius: 1)),
        new("WGT018", Severity.Info, () => Rnn(radius: 0.3f), () => Rnn(radius: 0.8f)),
        new("WGT019", Severity.Info, () => Table(untrained: 200, size: 0.02), () => Table(untrained: 0, size: 0.02)),
        new("WGT019", Severity.Info, () => Table(untrained: 200, size: 0), () => Table(untrained: 10, size: 0)),
        new("NUM005", Severity.Info, () => Precision(largest: 1e5, gradient: 1e-3), () => Precision(largest: 6e4, gradient: 1e-3)),
        new("NUM005", Severity.Info, () => Precision(largest: 10, gradient: 1e-9), () => Precision(largest: 10, gradient: 1e-6)),
        new("PRF001", Severity.Info, () => Memory(gibibytes: 20), () => Memory(gibibytes: 4)),
    ];

    /// <summary>Layers of 64 units with the given matrices [64, 64], units in rows, counted from 1, and a head.</summary>
    static RuleContext Matrices(Func<int, float[]> make, int layers = 3, string activation = "Relu")
    {
        var net = new Net();
        var x = net.Input("x", -1, 64);
        for (var i = 1; i <= layers; i++)
        {
            x = net.Op("Gemm", [x, net.Initializer($"fc{i}.weight", [64, 64], make(i)), net.Weight($"fc{i}.bias", [64])], Attribute.Of("transB", 1L));
            x = net.Op(activation, [x]);
        }
        return net.Output(net.Linear("head", x, 64, 10)).Context();
    }

    static float[] Random(int layer) => Net.Skewed($"fc{layer}.weight", 64 * 64, 0.125);

    static float[] Cauchy(int layer) => [.. Net.Draw($"a{layer}", [64 * 64], 1, 0).Zip(Net.Draw($"b{layer}", [64 * 64], 1, 0), (a, b) => a / b)];

    static float[] Product(int side, int rank)
    {
        var (a, b) = (Net.Draw("a", [side * rank], 1, 0), Net.Draw("b", [rank * side], 1, 0));
        var product = new float[side * side];
        for (var i = 0; i < side; i++)
            for (var j = 0; j < side; j++)
                product[i * side + j] = (float)Enumerable.Range(0, rank).Sum(k => (double)a[i * rank + k] * b[k * side + j]);
        return product;
    }

    static float[] WithNorm(float[] matrix, double norm)
    {
        var largest = MathNet.Numerics.LinearAlgebra.Matrix<double>.Build.DenseOfRowMajor(64, 64, matrix.Select(v => (double)v)).L2Norm();
        return Scaled(matrix, (float)(norm / largest));
    }

    static float[] Scaled(float[] matrix, float factor) => [.. matrix.Select(v => v * factor)];

    static float[] EqualRows(float[] matrix)
    {
        for (var r = 0; r < 64; r++)
        {
            var row = matrix.AsSpan(r * 64, 64);
            var norm = System.Numerics.Tensors.TensorPrimitives.Norm(row);
            System.Numerics.Tensors.TensorPrimitives.Divide(row, norm, row);
        }
        return matrix;
    }

    /// <summary>Hadamard's matrix over 8: rows and columns of norm 1, at right angles.</summary>
    static float[] Orthogonal() => [.. Enumerable.Range(0, 64 * 64).Select(i => int.IsEvenInteger(System.Numerics.BitOperations.PopCount((uint)(i / 64 & i % 64))) ? 0.125f : -0.125f)];

    /// <summary>Brings the first rows near to a multiple of the first one.</summary>
    static float[] Tilted(float[] matrix, int rows, float sign = 1)
    {
        for (var r = 1; r < rows; r++)
            for (var j = 0; j < 64; j++)
                matrix[r * 64 + j] = (r % 2 == 0 ? 1 : sign) * (1 + 0.1f * r) * matrix[j] + 0.05f * matrix[r * 64 + j];
        return matrix;
    }

    static float[] RankOne(float[] matrix)
    {
        for (var i = 0; i < matrix.Length; i++) matrix[i] = 0.01f * matrix[i] + (1 + i / 64 % 5) * (1 + i % 64 % 7) * 0.02f;
        return matrix;
    }

    static float[] OneLargeRow(float[] matrix)
    {
        for (var j = 0; j < 64; j++) matrix[64 + j] *= 1000;
        return matrix;
    }

    static float[] Copied(float[] matrix, int rows)
    {
        matrix.AsSpan(0, rows * 64).CopyTo(matrix.AsSpan(matrix.Length - rows * 64));
        return matrix;
    }

    static float[] ZeroRows(float[] matrix, int rows)
    {
        Array.Clear(matrix, 0, rows * 64);
        return matrix;
    }

    static float[] Spiked(float[] matrix, float value)
    {
        matrix[100] = value;
        return matrix;
    }

    static RuleContext Normalised(bool fresh)
    {
        var net = new Net();
        var x = net.Input("x", -1, 32);
        for (var i = 1; i <= 6; i++)
        {
            var weight = net.Initializer($"fc{i}.weight", [32, 32], fresh ? Uniform($"fc{i}", 32 * 32, 1 / Math.Sqrt(32)) : Net.Skewed($"fc{i}", 32 * 32, 0.1));
            x = net.Op("Relu", [net.Norm($"bn{i}", net.Op("Gemm", [x, weight], Attribute.Of("transB", 1L)), 32)]);
        }
        return net.Output(x).Context();
    }

    static float[] Uniform(string name, int count, double bound)
    {
        var random = new OnnxAuditor.Numerics.SeededRandom(0, name);
        var values = new float[count];
        random.FillUniform(values, bound);
        return values;
    }

    /// <summary>A branch of ones and minus ones beside a skip connection, or a gate on what goes through the skip connection.</summary>
    static RuleContext BinaryBranch(bool gate, bool sign = false)
    {
        var net = new Net();
        var x = net.Linear("fc1", net.Input("x", -1, 64), 64, 64);
        var step = sign ? net.Op("Sign", [x]) : net.Op("Where", [net.Op("Greater", [x, net.Initializer("zero", [], [0])]), net.Initializer("one", [], [1]), net.Initializer("minus", [], [gate ? 0 : -1])]);
        var branch = gate ? net.Op("Mul", [step, x]) : net.Linear("fc2", step, 64, 64);
        return net.Output(net.Op("Add", [branch, x])).Context();
    }

    /// <summary>A layer and a Clip, at whose output a gradient arrives.</summary>
    static RuleContext Clipped(double gradientInFront, double dead = 0)
    {
        var net = new Net();
        var x = net.Linear("fc1", net.Input("x", -1, 64), 64, 64);
        net.Output(net.Linear("fc2", net.Op("Clip", [x, net.Initializer("low", [], [0]), net.Initializer("high", [], [6])]), 64, 10));
        return net.Measured((layers, _) => new Made([.. layers.Select(l =>
            new LayerMeasurement(l, new Moments(1024, 6, 0, 6, 0, l.Kind == LayerKind.Activation ? dead : null), null, new LayerGradient(1024, l.Depth > 1 || l.Kind == LayerKind.Activation ? 1 : gradientInFront, 0)))], []));
    }

    /// <summary>A convolution whose map is reshaped to the given target.</summary>
    static RuleContext Map(long side, params long[] target)
    {
        var net = new Net();
        var x = net.ConvBlock("conv", net.Input("x", -1, 3, side, side), 3, 8, norm: false);
        return net.Output(net.Op("Softmax", [net.Op("Reshape", [x, net.Indices("target", target)])])).Context();
    }

    static RuleContext FlattenedForLinear()
    {
        var net = new Net();
        var x = net.ConvBlock("conv", net.Input("x", -1, 3, 16, 16), 3, 8, norm: false);
        return net.Output(net.Linear("fc", net.Op("Reshape", [x, net.Indices("target", 0, 2048)]), 2048, 10)).Context();
    }

    static RuleContext Positions(long length)
    {
        var net = new Net();
        var x = net.Op("Add", [net.Input("x", -1, length, 64), net.Weight("positions", [1, 32, 64])]);
        return net.Output(net.Op("MatMul", [x, net.Weight("w", [64, 16])])).Context();
    }

    /// <summary>A layer some of whose biases are the given number, in a run on inputs of N(0, 1).</summary>
    static RuleContext Biased(int units, float bias)
    {
        var net = new Net();
        var biases = Net.Draw("fc.bias", [64], 0.1, 0);
        Array.Fill(biases, bias, 0, units);
        var x = net.Op("Gemm", [net.Input("x", -1, 32), net.Weight("fc.weight", [32, 64]), net.Initializer("fc.bias", [64], biases)]);
        net.Output(net.Op("Relu", [x]));
        return net.Measured((_, _) => new Made([], []));
    }

    /// <summary>An LSTM of 32 units, drawn by PyTorch's law or not, with the given forget bias.</summary>
    static RuleContext Lstm(bool fresh, float forget)
    {
        var net = new Net();
        float[] Draw(string name, int count) => fresh ? Uniform(name, count, 1 / Math.Sqrt(32)) : Net.Skewed(name, count, 0.2);
        var bias = new float[256];
        Array.Fill(bias, forget, 64, 32);
        var lstm = net.Op("LSTM", [net.Input("x", 8, -1, 32), net.Initializer("w", [1, 128, 32], Draw("w", 128 * 32)), net.Initializer("r", [1, 128, 32], Draw("r", 128 * 32)), net.Initializer("b", [1, 256], bias)], Attribute.Of("hidden_size", 32L));
        return net.Output(lstm).Context();
    }

    /// <summary>A plain recurrent layer whose matrix is a rotation times the given factor.</summary>
    static RuleContext Rnn(float radius)
    {
        var net = new Net();
        var matrix = new float[32 * 32];
        for (var i = 0; i < 32; i++) matrix[i * 32 + (i + 1) % 32] = radius;
        var rnn = net.Op("RNN", [net.Input("x", 8, -1, 16), net.Initializer("w", [1, 32, 16], Net.Skewed("w", 32 * 16, 0.2)), net.Initializer("r", [1, 32, 32], matrix)], Attribute.Of("hidden_size", 32L));
        return net.Output(rnn).Context();
    }

    /// <summary>A table of 1000 rows of 32 numbers, some of which are as drawn from N(0, size²).</summary>
    static RuleContext Table(int untrained, double size)
    {
        var net = new Net();
        var table = Net.Skewed("table", 1000 * 32, 0.3);
        var scales = Net.Draw("scales", [1000], 0.3, 0);
        for (var i = 0; i < table.Length; i++) table[i] *= MathF.Exp(scales[i / 32]);
        Net.Draw("fresh", [untrained * 32], size, 0).CopyTo(table, 0);
        var rows = net.Op("Gather", [net.Initializer("embedding", [1000, 32], table), net.Input("tokens", ElementType.Int64, -1, 8)]);
        return net.Output(net.Op("MatMul", [rows, net.Initializer("w", [32, 16], Net.Skewed("w", 512, 0.2))])).Context();
    }

    static RuleContext Precision(double largest, double gradient) => RuleCases.Healthy().Measured((layers, canonical) => new Made(
        [.. layers.Select(l => new LayerMeasurement(l, new Moments(1024, 0, 1, largest, 0, null), null, null))],
        [.. canonical.Parameters.Select(p => new ParameterMeasurement(p, new GradientMoments(p.Count, gradient * Math.Sqrt(p.Count), gradient, 3 * gradient, 0)))]));

    static RuleContext Memory(long gibibytes)
    {
        var context = RuleCases.Healthy().Measured((_, _) => new Made([], []));
        return context with { Shipped = context.Shipped! with { Need = new MemoryNeed((gibibytes << 30) / 4, 1 << 20, 4) } };
    }
}
