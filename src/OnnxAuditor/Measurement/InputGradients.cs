using System.Numerics.Tensors;
using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using MathNet.Numerics.Statistics;
using OnnxAuditor.Execution.Torch;
using OnnxAuditor.Numerics;

namespace OnnxAuditor.Measurement;

/// <summary>Gradients of an output by an input: how they change along lines between samples, and the singular values of the Jacobian.</summary>
static class InputGradients
{
    /// <summary>Points along a line, and their distance, of that of two samples (Balduzzi et al. 2017 take 256 points at 1/64 of the input's standard deviation).</summary>
    const int Points = 32;
    const double Step = 1.0 / 64;

    /// <summary>The most directions of the output that are followed back.</summary>
    const int MostDirections = 16;

    /// <summary>Changes of the gradients below this share of their squares are rounding.</summary>
    const double Rounding = 1e-8;

    /// <summary>Measures.</summary>
    /// <exception cref="ModelException">There is no input or output to measure at, or Torch cannot.</exception>
    public static InputMeasurement Measure(CanonicalModel canonical, LossGraph graph, TorchExecutor executor, Dictionary<string, TensorData> feeds, CurvatureSettings settings, CancellationToken cancellation)
    {
        // States and masks hold one value throughout.
        var own = canonical.Model.Graph.Inputs.Where(i => i is { IsFloat: true, Data: null } && feeds[i.Name] is { Count: > 1 } data && data.ToDoubles().Distinct().Skip(1).Any()).MaxBy(i => feeds[i.Name].Count)
            ?? throw new ModelException(ModelProblem.Unsupported, "the model has no input of floats to differentiate by");
        var (x, y) = (graph.Images[own], graph.Attached.Terms[0].AttachedTo);
        var axis = canonical.Batch.Axes.TryGetValue(own.Name, out var batchAxis) ? batchAxis : -1;
        var samples = Samples.Of(feeds[own.Name], axis);
        var other = samples.Count > 1 ? samples.RolledByOne() : Another(canonical, own, settings);
        var random = new SeededRandom(settings.Protocol.Seed, "cotangent");

        var (gain, participation, directions) = Spectrum(executor, feeds, x, y, samples, random, cancellation);
        var autocorrelation = Autocorrelation(executor, feeds, x, y, other, random, cancellation);
        return new InputMeasurement(own.Name, graph.Attached.Terms[0].Output.Name, autocorrelation, Points, gain, participation, directions);
    }

    /// <summary>Of a batch of one: a second draw.</summary>
    static double[] Another(CanonicalModel canonical, Value input, CurvatureSettings settings) => settings.Data.ContainsKey(input.Name)
        ? throw new ModelException(ModelProblem.Unsupported, "a line needs two samples, and one is given")
        : MakeInputs.For(canonical, settings.Protocol with { Seed = settings.Protocol.Seed + 1 }, samples: 1, settings.Data, settings.DataSource)[input.Name].Data.ToDoubles();

    /// <summary>Gain, participation and the number of directions; each sample by itself where the output has the batch in front.</summary>
    static (double Gain, double Participation, int Directions) Spectrum(
        TorchExecutor executor, Dictionary<string, TensorData> feeds, Value x, Value y, Samples samples, SeededRandom random, CancellationToken cancellation)
    {
        using var pass = executor.Forward(feeds, [y], [x], cancellation);
        var dims = pass.DimsOf(y);
        var total = checked((int)dims.Aggregate(1L, (a, b) => a * b));
        if (samples.Count > 1 && (dims.Length == 0 || dims[0] != samples.Count)) throw new ModelException(ModelProblem.Unsupported, "the output does not have the batch for its first axis");
        var size = total / samples.Count;
        var directions = Directions(size, random);
        var rows = new List<double[]>();
        foreach (var direction in directions)
        {
            cancellation.ThrowIfCancellationRequested();
            // Samples do not meet: one pass follows the same direction back in all of them.
            var u = TensorData.FromNumbers(ElementType.Float32, dims, [.. Enumerable.Range(0, total).Select(i => direction[i % size])]);
            rows.Add(Jacobian.Transposed(pass, y, x, u).ToDoubles());
        }
        var (gains, participations) = (new List<double>(), new List<double>());
        for (var s = 0; s < samples.Count; s++)
        {
            var gram = Gram(rows, samples, s);
            var (trace, squares) = (Enumerable.Range(0, rows.Count).Sum(i => gram[i, i]), gram.Cast<double>().Sum(g => g * g));
            if (!double.IsFinite(trace)) throw new ModelException(ModelProblem.Unsupported, "gradients by the input are not finite");
            gains.Add(Math.Sqrt(trace / rows.Count) * samples.RootMeanSquare(s));
            participations.Add(squares > 0 ? trace * trace / squares : 0);
        }
        return (gains.Median(), participations.Median(), directions.Count);
    }

    /// <summary>Orthonormal directions of an output of the given size: all of them where they are few, else random ones.</summary>
    static List<double[]> Directions(int size, SeededRandom random)
    {
        if (size <= MostDirections) return [.. Enumerable.Range(0, size).Select(i => Enumerable.Range(0, size).Select(j => i == j ? 1.0 : 0).ToArray())];
        var made = new List<double[]>();
        while (made.Count < MostDirections)
        {
            var next = Enumerable.Range(0, size).Select(_ => random.Normal()).ToArray();
            foreach (var before in made)
            {
                var along = TensorPrimitives.Dot<double>(before, next);
                for (var i = 0; i < size; i++) next[i] -= along * before[i];
            }
            var norm = Math.Sqrt(TensorPrimitives.Dot<double>(next, next));
            made.Add([.. next.Select(v => v / norm)]);
        }
        return made;
    }

    static double[,] Gram(List<double[]> rows, Samples samples, int sample)
    {
        var gram = new double[rows.Count, rows.Count];
        for (var i = 0; i < rows.Count; i++)
            for (var j = 0; j <= i; j++) gram[i, j] = gram[j, i] = samples.Dot(rows[i], rows[j], sample);
        return gram;
    }

    /// <summary>Streams over the points: of all gradients only sums, the first and the last are kept.</summary>
    static double? Autocorrelation(TorchExecutor executor, Dictionary<string, TensorData> feeds, Value x, Value y, double[] other, SeededRandom random, CancellationToken cancellation)
    {
        var from = feeds[x.Name].ToDoubles();
        TensorData? u = null;
        double[] first = [], last = [], sum = new double[from.Length];
        var (squares, neighbours) = (0.0, 0.0);
        for (var point = 0; point < Points; point++)
        {
            var moved = new Dictionary<string, TensorData>(feeds, StringComparer.Ordinal)
            {
                [x.Name] = TensorData.FromNumbers(feeds[x.Name].Type, [.. feeds[x.Name].Dims], [.. from.Zip(other, (a, b) => a + point * Step * (b - a))]),
            };
            using var pass = executor.Forward(moved, [y], [x], cancellation);
            u ??= Random(pass.DimsOf(y), random);
            var gradient = Jacobian.Transposed(pass, y, x, u).ToDoubles();
            if (point == 0) first = gradient;
            else neighbours += TensorPrimitives.Dot<double>(last, gradient);
            squares += TensorPrimitives.Dot<double>(gradient, gradient);
            for (var i = 0; i < sum.Length; i++) sum[i] += gradient[i];
            last = gradient;
        }
        // With m the mean: Σ(gₜ - m)(gₜ₊₁ - m) and Σ(gₜ - m)².
        var mean = TensorPrimitives.Dot<double>(sum, sum) / Points;
        var variance = squares - mean;
        if (!double.IsFinite(variance)) throw new ModelException(ModelProblem.Unsupported, "gradients by the input are not finite");
        if (variance <= Rounding * squares) return null;
        var ends = (TensorPrimitives.Dot<double>(sum, first) + TensorPrimitives.Dot<double>(sum, last)) / Points;
        return (neighbours - 2 * mean + ends + mean * (Points - 1) / Points) / variance;
    }

    static TensorData Random(long[] dims, SeededRandom random) => TensorData.FromNumbers(ElementType.Float32, dims, [.. Enumerable.Range(0, checked((int)dims.Aggregate(1L, (a, b) => a * b))).Select(_ => random.Normal())]);

    /// <summary>The samples of an input: the slices of its batch axis, or one where it has none.</summary>
    /// <param name="Values">The input's entries.</param>
    /// <param name="Count">The number of samples.</param>
    /// <param name="Inner">Entries behind the batch axis for one place of it.</param>
    sealed record Samples(double[] Values, int Count, int Inner)
    {
        public static Samples Of(TensorData data, int axis) => axis < 0 ? new(data.ToDoubles(), 1, (int)data.Count)
            : new(data.ToDoubles(), (int)data.Dims[axis], (int)data.Dims.Skip(axis + 1).Aggregate(1L, (a, b) => a * b));

        public double Dot(double[] a, double[] b, int sample)
        {
            var sum = 0.0;
            for (var start = sample * Inner; start < a.Length; start += Count * Inner)
                for (var i = start; i < start + Inner; i++) sum += a[i] * b[i];
            return sum;
        }

        public double RootMeanSquare(int sample) => Math.Sqrt(Dot(Values, Values, sample) * Count / Values.Length);

        /// <summary>Each sample replaced by the next one.</summary>
        public double[] RolledByOne() => [.. Enumerable.Range(0, Values.Length).Select(i => Values[i / (Count * Inner) * (Count * Inner) + (i + Inner) % (Count * Inner)])];
    }
}
