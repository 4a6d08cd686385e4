using System.Globalization;
using GraphRewriter.Ir;
using MathNet.Numerics.LinearAlgebra;

namespace OnnxAuditor.Tests.Proxies;

/// <summary>
/// A chain of linear layers with ReLU between them and the cross-entropy behind, by plain linear algebra in double: values, gradients and the product of the Hessian with the gradient. It shares
/// nothing with the code under test but the numbers.
/// </summary>
sealed class HandNetwork
{
    readonly int[] widths;

    /// <summary>Draws weights of 1/√width, data and labels.</summary>
    /// <param name="widths">Inputs, hidden units, classes.</param>
    /// <param name="samples">Samples of a batch; two batches are drawn.</param>
    /// <param name="seed">The seed.</param>
    public HandNetwork(int[] widths, int samples, int seed)
    {
        this.widths = widths;
        Samples = samples;
        var random = new Random(seed);
        // Numbers that float32 holds.
        double Draw() => Math.Round(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()) * 256) / 256;
        Weights = [.. Enumerable.Range(0, widths.Length - 1).Select(l => Matrix<double>.Build.Dense(widths[l], widths[l + 1], (_, _) => Draw()))];
        AllData = Matrix<double>.Build.Dense(2 * samples, widths[0], (_, _) => Draw());
        AllLabels = [.. Enumerable.Range(0, 2 * samples).Select(i => i * 5 % 7 % widths[^1])];
    }

    /// <summary>The weights, inputs by outputs.</summary>
    public Matrix<double>[] Weights { get; init; }

    /// <summary>Two batches of rows.</summary>
    public Matrix<double> AllData { get; init; }

    /// <summary>Their classes.</summary>
    public int[] AllLabels { get; init; }

    /// <summary>Samples of a batch.</summary>
    public int Samples { get; }

    /// <summary>The network as a model, its data and labels with it.</summary>
    public ScoredModel Scored => ScoredModel.Of($"""
        opset 17
        input x f32[N,{widths[0]}]
        {string.Join('\n', Weights.Select((w, l) => $"const w{l} f32[{w.RowCount},{w.ColumnCount}] = {Text(w)}"))}
        {string.Join('\n', Weights.Select((_, l) => $"a{l} = MatMul({(l == 0 ? "x" : $"h{l - 1}")}, w{l}) ; linear{l}" + (l < Weights.Length - 1 ? $"\nh{l} = Relu(a{l}) ; gate{l}" : "")))}
        output a{Weights.Length - 1}
        """) with
    { Batch = Samples, Data = Feeds(AllData), Labels = TensorData.FromInt64s([AllLabels.Length], [.. AllLabels.Select(l => (long)l)]) };

    /// <summary>Rows as the input "x".</summary>
    public static Dictionary<string, TensorData> Feeds(Matrix<double> x) =>
        new(StringComparer.Ordinal) { ["x"] = TensorData.FromFloats([x.RowCount, x.ColumnCount], [.. x.ToRowMajorArray().Select(v => (float)v)]) };

    /// <summary>What the layers give for a batch.</summary>
    public Pass Forward(Matrix<double> x, int[]? labels = null) => new(this, x, labels);

    /// <summary>The first or second batch.</summary>
    public Pass Batch(int which = 0) => Forward(AllData.SubMatrix(which * Samples, Samples, 0, AllData.ColumnCount), AllLabels[(which * Samples)..((which + 1) * Samples)]);

    /// <summary>A sample of the first batch alone.</summary>
    public Pass Alone(int sample) => Forward(AllData.SubMatrix(sample, 1, 0, AllData.ColumnCount), [AllLabels[sample]]);

    static string Text(Matrix<double> m) => string.Join(' ', m.ToRowMajorArray().Select(v => v.ToString("R", CultureInfo.InvariantCulture)));

    /// <summary>The values of one batch.</summary>
    public sealed class Pass
    {
        readonly HandNetwork network;

        /// <summary>Runs the layers.</summary>
        public Pass(HandNetwork network, Matrix<double> x, int[]? labels)
        {
            this.network = network;
            Labels = labels ?? new int[x.RowCount];
            var h = x;
            Hidden.Add(x);
            foreach (var w in network.Weights)
            {
                Linear.Add(h * w);
                Hidden.Add(h = Linear[^1].Map(v => Math.Max(v, 0), Zeros.AllowSkip));
            }
        }

        /// <summary>What each layer takes: the data, then the outputs of the ReLUs (the last is that of the logits, which the network has not).</summary>
        public List<Matrix<double>> Hidden { get; } = [];

        /// <summary>What each linear layer gives; the last are the logits.</summary>
        public List<Matrix<double>> Linear { get; } = [];

        /// <summary>The classes.</summary>
        public int[] Labels { get; }

        /// <summary>On or off, by layer.</summary>
        public IEnumerable<Matrix<double>> Gates => Linear.SkipLast(1).Select(a => a.Map(v => v > 0 ? 1.0 : 0, Zeros.Include));

        /// <summary>The output pattern over all units, by sample.</summary>
        public IEnumerable<string> Patterns => Enumerable.Range(0, Linear[0].RowCount).Select(i => string.Concat(Gates.Select(g => string.Concat(g.Row(i).Select(v => v > 0 ? '1' : '0')))));

        /// <summary>The pattern over samples, by unit.</summary>
        public IEnumerable<string> UnitPatterns => Gates.SelectMany(g => g.EnumerateColumns()).Select(c => string.Concat(c.Select(v => v > 0 ? '1' : '0')));

        Matrix<double> Probabilities => Matrix<double>.Build.DenseOfRowVectors(Linear[^1].EnumerateRows().Select(r => r.Map(v => Math.Exp(v - r.Maximum())) is var e ? e / e.Sum() : e));

        /// <summary>The gradient of the mean cross-entropy by the logits.</summary>
        public Matrix<double> LossCotangent => (Probabilities - Matrix<double>.Build.Dense(Labels.Length, network.Weights[^1].ColumnCount, (i, c) => Labels[i] == c ? 1 : 0)) / Labels.Length;

        /// <summary>The cotangent of the sum of the logits.</summary>
        public Matrix<double> Ones => Matrix<double>.Build.Dense(Linear[^1].RowCount, Linear[^1].ColumnCount, 1);

        /// <summary>Gradients by each linear output, and by the data last.</summary>
        public (List<Matrix<double>> Outputs, Matrix<double> Data) Backward(Matrix<double> cotangent)
        {
            var gates = Gates.ToList();
            var gradients = new List<Matrix<double>> { cotangent };
            for (var l = network.Weights.Length - 1; l > 0; l--) gradients.Insert(0, (gradients[0] * network.Weights[l].Transpose()).PointwiseMultiply(gates[l - 1]));
            return (gradients, gradients[0] * network.Weights[0].Transpose());
        }

        /// <summary>Gradients by the weights.</summary>
        public List<Matrix<double>> Gradients(Matrix<double> cotangent) => [.. Backward(cotangent).Outputs.Select((g, l) => Hidden[l].Transpose() * g)];

        /// <summary>Gradients of the loss by the weights.</summary>
        public List<Matrix<double>> LossGradients => Gradients(LossCotangent);

        /// <summary>All of them in one vector.</summary>
        public static Vector<double> Flat(IEnumerable<Matrix<double>> gradients) => Vector<double>.Build.DenseOfEnumerable(gradients.SelectMany(g => g.ToRowMajorArray()));

        /// <summary>The product of the loss's Hessian by the weights with directions, by the chain rule carried along (Pearlmutter 1994).</summary>
        public List<Matrix<double>> HessianProduct(List<Matrix<double>> directions)
        {
            var gates = Gates.ToList();
            var weights = network.Weights;
            var moved = new List<Matrix<double>> { Hidden[0] * 0 };
            for (var l = 0; l < weights.Length; l++)
            {
                var linear = moved[l] * weights[l] + Hidden[l] * directions[l];
                moved.Add(l < weights.Length - 1 ? linear.PointwiseMultiply(gates[l]) : linear);
            }
            var p = Probabilities;
            var change = p.PointwiseMultiply(moved[^1]);
            var cotangent = (change - Matrix<double>.Build.DenseOfRowVectors(p.EnumerateRows().Select((r, i) => r * change.Row(i).Sum()))) / Labels.Length;
            var plain = Backward(LossCotangent).Outputs;
            var result = new List<Matrix<double>>();
            for (var l = weights.Length - 1; l >= 0; l--)
            {
                result.Insert(0, moved[l].Transpose() * plain[l] + Hidden[l].Transpose() * cotangent);
                if (l > 0) cotangent = (cotangent * weights[l].Transpose() + plain[l] * directions[l].Transpose()).PointwiseMultiply(gates[l - 1]);
            }
            return result;
        }
    }
}
