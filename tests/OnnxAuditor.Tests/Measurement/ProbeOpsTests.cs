using GraphRewriter.Emission;
using GraphRewriter.Ir;
using GraphRewriter.Probes;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Numerics;
using Xunit;

namespace OnnxAuditor.Tests.Measurement;

/// <summary>The reductions inside the graph against the same quantities computed here in double.</summary>
public sealed class ProbeOpsTests
{
    static double[] Evaluate(TensorData input, Func<Tape, Value, Value> emit)
    {
        var graph = new Graph { Name = "probe" };
        var x = new Value("x", input.Type, input.Shape);
        graph.Inputs.Add(x);
        var tape = new Tape(graph);
        graph.Outputs.Add(emit(tape, x));
        tape.AppendTo(graph);
        var model = new Model(graph);
        model.Opsets[""] = Model.CanonicalOpset;
        using var executor = new OrtExecutor(model, new OrtSettings(Threads: 2));
        return executor.Run(new Dictionary<string, TensorData>(StringComparer.Ordinal) { ["x"] = input }, [graph.Outputs[0].Name], TestContext.Current.CancellationToken)[0].ToDoubles();
    }

    static TensorData Random(double scale, double shift, params long[] dims)
    {
        var values = new float[dims.Aggregate(1L, (a, b) => a * b)];
        new SeededRandom(7, "probe").FillNormal(values, scale);
        for (var i = 0; i < values.Length; i++) values[i] += (float)shift;
        return TensorData.FromFloats(dims, values);
    }

    [Theory]
    [InlineData(1e-25)]
    [InlineData(1)]
    [InlineData(1e25)]
    public void Sums_of_scaled_values_keep_the_range_of_float32(double scale)
    {
        var x = Random(scale, 0, 3, 5, 7);
        var m = Evaluate(x, (t, v) => t.Concat(0, t.Sums(t.Scaled(v).Scaled), t.Scaled(v).Scale));
        var values = x.ToDoubles();
        Assert.Equal(values.Max(Math.Abs), m[2]);
        Assert.Equal(values.Average() / scale, m[0] * (m[2] / scale), 1e-5);
        Assert.Equal(values.Sum(v => v / scale * (v / scale)), m[1] * (m[2] / scale) * (m[2] / scale), 1e-2);
    }

    [Fact]
    public void Sums_and_extremes_are_those_of_all_elements()
    {
        var x = TensorData.FromFloats([2, 3], [1, -2, 3, 0, -6, 1]);
        Assert.Equal([-0.5, 51], Evaluate(x, (t, v) => t.Sums(v)));
        Assert.Equal([51], Evaluate(x, (t, v) => t.SumOfSquares(v)));
        Assert.Equal([3, -6], Evaluate(x, (t, v) => t.Extremes(v)));
        Assert.Equal([-0.5, 51], Evaluate(TensorData.FromFloats([2, 1, 3], x.ToFloats()), (t, v) => t.Sums(v)));
    }

    [Fact]
    public void The_scale_of_zeros_is_one() => Assert.Equal([1], Evaluate(TensorData.FromFloats([4], new float[4]), (t, v) => t.Scaled(v).Scale));

    [Theory]
    [InlineData(1, 2, 3, 4, 5)]
    [InlineData(1, 2, 40, 2, 2)]
    [InlineData(2, 6, 5, 7, 1)]
    [InlineData(1, 1, 40, 3, 3)]
    [InlineData(1, 3, 4, 1, 2)]
    [InlineData(1, 3, 40)]
    [InlineData(1, 40, 3)]
    [InlineData(2, 2, 3, 40)]
    public void Covariance_invariants_are_those_of_the_centred_channel_covariance(int axis, params int[] dims)
    {
        var x = Random(2, 3, [.. dims.Select(d => (long)d)]);
        var measured = Evaluate(x, (t, v) => t.ChannelCovariance(v, axis).Sums);
        var rows = Rows(x, axis);
        var channels = dims[axis];
        var mean = Enumerable.Range(0, channels).Select(c => rows.Average(r => r[c])).ToArray();
        double trace = 0, squares = 0;
        for (var i = 0; i < channels; i++)
        {
            for (var j = 0; j < channels; j++)
            {
                var c = rows.Average(r => (r[i] - mean[i]) * (r[j] - mean[j]));
                squares += c * c;
                if (i == j) trace += c;
            }
        }
        Assert.Equal(trace, measured[0] / rows.Count, 1e-4 * trace);
        Assert.Equal(squares, measured[1] / rows.Count / rows.Count, 1e-4 * squares);
        Assert.All(mean.Zip(Evaluate(x, (t, v) => t.ChannelCovariance(v, axis).Mean)), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
        var scatter = Evaluate(x, (t, v) => t.ChannelScatter(v, axis).Scatter);
        Assert.Equal(channels * channels, scatter.Length);
        Assert.Equal(squares, scatter.Sum(s => s / rows.Count * (s / rows.Count)), 1e-4 * squares);
    }

    [Fact]
    public void Channel_maxima_are_of_absolute_values()
    {
        var x = TensorData.FromFloats([2, 3, 2], [1, -5, 0, 0, 2, 2, -1, 3, 0, 0, -7, 1]);
        Assert.Equal([5, 0, 7], Evaluate(x, (t, v) => t.ChannelMaxAbs(v, 1)));
    }

    [Theory]
    [InlineData(5)]
    [InlineData(8)]
    [InlineData(4096)]
    public void Counts_of_non_zeros_are_exact(int count)
    {
        var values = new float[count];
        float[] some = [0, 1e-45f, -0f, 2, float.NaN];
        for (var i = 0; i < count; i++) values[i] = some[i % 5];
        Assert.Equal(values.Count(v => v != 0), Evaluate(TensorData.FromFloats([count], values), (t, v) => t.NonZeroCounts(v)).Sum());
    }

    static List<double[]> Rows(TensorData x, int axis)
    {
        var values = x.ToDoubles();
        var channels = (int)x.Dims[axis];
        var inner = (int)x.Dims.Skip(axis + 1).Aggregate(1L, (a, b) => a * b);
        var outer = values.Length / channels / inner;
        return [.. from o in Enumerable.Range(0, outer) from i in Enumerable.Range(0, inner) select Enumerable.Range(0, channels).Select(c => values[(o * channels + c) * inner + i]).ToArray()];
    }
}
