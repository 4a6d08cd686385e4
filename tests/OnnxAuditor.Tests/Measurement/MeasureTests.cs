using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Measurement;
using OnnxAuditor.Measurement.Instruments;
using Xunit;

namespace OnnxAuditor.Tests.Measurement;

/// <summary>Instrumented runs: merging, weight settings, range, and where a NaN comes from.</summary>
public sealed class MeasureTests
{
    const Probes Everything = Probes.ActivationMoments | Probes.ChannelCovariance | Probes.ParameterGradients | Probes.ActivationGradients | Probes.Outputs;

    static readonly Protocol Shipped = new(WeightSource.Shipped, NormStatistics.Frozen, InputLaw.Auto, 8, 3, Everything);

    static ModelMeasurement Run(string model, Protocol protocol, long? maxMemory, out long parts)
    {
        using var file = OnnxReader.Read(Checkout.Path("models", model + ".onnx"));
        CanonicalModel At(long batch) => Canonicalizer.Run(file.Model, new CanonicalOptions { Batch = batch });
        using var measure = new Measure(At(protocol.Batch), At, new MeasureSettings(new OrtSettings(Threads: 2), new Dictionary<string, TensorData>(StringComparer.Ordinal), "", null, null, maxMemory));
        var result = measure.Run(protocol, TestContext.Current.CancellationToken);
        Assert.Null(result.Failure);
        parts = measure.LastParts;
        return result;
    }

    static void AssertSame(double? expected, double? actual, string what, double tolerance = 2e-4)
    {
        Assert.Equal(expected is null, actual is null);
        Assert.True(expected is null || Math.Abs(expected.Value - actual!.Value) <= tolerance * Math.Abs(expected.Value) + 1e-7, $"{what}: {expected} against {actual}");
    }

    static void AssertSameMeasurement(ModelMeasurement whole, ModelMeasurement other)
    {
        AssertSame(whole.Loss, other.Loss, "loss");
        foreach (var (a, b) in whole.Layers.Zip(other.Layers))
        {
            AssertSame(a.Moments?.Rms, b.Moments?.Rms, $"{a.Layer.Name} rms");
            AssertSame(a.Moments?.MaxAbs, b.Moments?.MaxAbs, $"{a.Layer.Name} largest");
            AssertSame(a.Moments?.ZeroFraction, b.Moments?.ZeroFraction, $"{a.Layer.Name} zeros", 1e-3);
            AssertSame(a.Moments?.DeadFraction, b.Moments?.DeadFraction, $"{a.Layer.Name} dead channels");
            AssertSame(a.Covariance?.ParticipationRatio, b.Covariance?.ParticipationRatio, $"{a.Layer.Name} participation ratio", 1e-3);
            AssertSame(a.Gradient?.Norm, b.Gradient?.Norm, $"{a.Layer.Name} gradient", 1e-3);
        }
        foreach (var (a, b) in whole.Parameters.Zip(other.Parameters))
        {
            AssertSame(a.Gradient?.Norm, b.Gradient?.Norm, $"{a.Parameter.Name} gradient", 1e-3);
            AssertSame(a.Gradient?.Std, b.Gradient?.Std, $"{a.Parameter.Name} gradient std", 1e-3);
            AssertSame(a.Gradient?.MaxAbs, b.Gradient?.MaxAbs, $"{a.Parameter.Name} largest gradient", 1e-3);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_Gram_matrix_of_a_whole_batch_is_that_of_its_parts_and_of_single_samples(bool alone)
    {
        var protocol = Shipped with { Statistics = alone ? NormStatistics.Alone : NormStatistics.Frozen, Probes = Probes.None, Instruments = [SampleGrams.OfLoss] };
        var whole = GramOf(protocol, null, out var one);
        var parts = GramOf(protocol, 6L << 20, out var several);
        var single = GramOf(protocol, 3L << 19, out var eight);
        Assert.Equal((1, true, 8), (one, several is > 1 and < 8, eight));
        Assert.Equal(64, whole.Length);
        var largest = whole.Max(Math.Abs);
        for (var i = 0; i < whole.Length; i++)
        {
            Assert.Equal(whole[i], parts[i], 1e-4 * largest);
            Assert.Equal(whole[i], single[i], 1e-4 * largest);
        }
    }

    [Fact]
    public void Samples_that_meet_go_through_one_by_one()
    {
        var model = TextGraph.Parse("""
            opset 21
            input x f32[N,6]
            const w f32[6,4] = seeded
            const two f32[] = 2
            f = Clip(x)
            e = Einsum(f, w) equation="ni,io->no"
            s = Softmax(e) axis=0
            d = Sub(s, s)
            y = Add(e, d)
            output y
            """);
        CanonicalModel At(long batch) => Canonicalizer.Run(model, new CanonicalOptions { Batch = batch });
        var protocol = Shipped with { Batch = 4, Probes = Probes.None, Instruments = [SampleGrams.OfLoss] };
        using var measure = new Measure(At(4), At, new MeasureSettings(new OrtSettings(Threads: 1), new Dictionary<string, TensorData>(StringComparer.Ordinal), "", null, null, null));
        var gram = measure.Run(protocol, TestContext.Current.CancellationToken).Read(SampleGrams.OfLoss).Value;
        Assert.Equal(4, measure.LastParts);
        Assert.Equal((4, 16), (gram!.Samples, gram.Matrix!.Length));
        Assert.All(Enumerable.Range(0, 4), i => Assert.True(gram.Matrix[i * 5] > 0));
    }

    static double[] GramOf(Protocol protocol, long? maxMemory, out long parts)
    {
        using var file = OnnxReader.Read(Checkout.Path("models", "residual_cnn.onnx"));
        CanonicalModel At(long batch) => Canonicalizer.Run(file.Model, new CanonicalOptions { Batch = batch });
        var labels = TensorData.FromInt64s([protocol.Batch], [.. Enumerable.Range(0, (int)protocol.Batch).Select(i => i * 7L % 10)]);
        using var measure = new Measure(At(protocol.Batch), At, new MeasureSettings(new OrtSettings(Threads: 2), new Dictionary<string, TensorData>(StringComparer.Ordinal), "", labels, null, maxMemory));
        var result = measure.Run(protocol, TestContext.Current.CancellationToken);
        Assert.Null(result.Failure);
        parts = measure.LastParts;
        var (gram, failure) = result.Read(SampleGrams.OfLoss);
        Assert.Null(failure);
        Assert.Null(gram!.Uncounted);
        Assert.Equal(10, gram.Counted.Count);
        return gram.Matrix;
    }

    [Fact]
    public void Parts_of_a_batch_merge_to_what_the_whole_batch_gives()
    {
        var whole = RunWithLabels(null, out var one);
        var parts = RunWithLabels(6L << 20, out var several);
        Assert.Equal(1, one);
        Assert.True(several > 1, "the batch was not split");
        AssertSameMeasurement(whole, parts);
    }

    static ModelMeasurement RunWithLabels(long? maxMemory, out long parts)
    {
        using var file = OnnxReader.Read(Checkout.Path("models", "residual_cnn.onnx"));
        CanonicalModel At(long batch) => Canonicalizer.Run(file.Model, new CanonicalOptions { Batch = batch });
        var labels = TensorData.FromInt64s([8], [0, 1, 2, 3, 4, 5, 6, 7]);
        using var measure = new Measure(At(8), At, new MeasureSettings(new OrtSettings(Threads: 2), new Dictionary<string, TensorData>(StringComparer.Ordinal), "", labels, null, maxMemory));
        var result = measure.Run(Shipped, TestContext.Current.CancellationToken);
        Assert.Null(result.Failure);
        parts = measure.LastParts;
        return result;
    }

    [Fact]
    public void Weights_as_constants_and_weights_as_inputs_give_the_same_numbers()
    {
        using var file = OnnxReader.Read(Checkout.Path("models", "residual_cnn.onnx"));
        var canonical = Canonicalizer.Run(file.Model, new CanonicalOptions { Batch = 4 });
        var layers = FindLayers.In(canonical);
        var x = new float[4 * 3 * 32 * 32];
        new OnnxAuditor.Numerics.SeededRandom(1, "x").FillNormal(x);
        var results = new List<double[]>();
        foreach (var feed in (bool[])[false, true])
        {
            var graph = InstrumentedGraph.Build(canonical, layers, Shipped with { Batch = 4, Probes = Probes.Outputs }, null, feed, merge: false);
            Assert.Equal(feed, graph.FedParameters.Count > 0);
            using var executor = new OrtExecutor(graph.Model, new OrtSettings(Threads: 2));
            var feeds = new Dictionary<string, TensorData>(StringComparer.Ordinal) { [graph.Model.Graph.Inputs[0].Name] = TensorData.FromFloats([4, 3, 32, 32], x) };
            foreach (var (parameter, value) in graph.FedParameters) feeds[value.Name] = parameter.Value.Data!;
            results.Add(executor.Run(feeds, [graph.Model.Graph.Outputs[0].Name], TestContext.Current.CancellationToken)[0].ToDoubles());
        }
        var largest = results[0].Max(Math.Abs);
        Assert.All(results[0].Zip(results[1]), pair => Assert.True(Math.Abs(pair.First - pair.Second) <= 1e-5 * largest));
    }

    [Fact]
    public void The_same_run_twice_gives_the_same_bits()
    {
        var protocol = Shipped with { Weights = WeightSource.Reinitialized, Statistics = NormStatistics.Batch };
        var first = Run("residual_cnn", protocol, null, out _);
        var second = Run("residual_cnn", protocol, null, out _);
        Assert.Equal(first.Loss, second.Loss);
        Assert.Equal(first.Parameters.Select(p => p.Gradient), second.Parameters.Select(p => p.Gradient));
        Assert.Equal(first.Layers.Select(l => (l.Moments, l.Covariance, l.Gradient)), second.Layers.Select(l => (l.Moments, l.Covariance, l.Gradient)));
    }

    [Fact]
    public void The_first_node_that_is_not_finite_is_named()
    {
        var run = Run("nan_weight_cnn", Shipped, null, out _);
        Assert.NotNull(run.FirstNonFinite);
        using var file = OnnxReader.Read(Checkout.Path("models", "nan_weight_cnn.onnx"));
        var poisoned = file.Model.Graph.Nodes.First(n => n.Inputs.Any(i => i?.Data is { Type: ElementType.Float32 } d && d.ToFloats().Any(float.IsNaN)));
        Assert.Contains($"'{poisoned.Name}'", run.FirstNonFinite, StringComparison.Ordinal);
    }

    [Fact]
    public void A_vanishing_gradient_is_measured_below_the_square_root_of_the_smallest_float()
    {
        var run = Run("deep_sigmoid_mlp", Shipped, null, out _);
        var norms = run.Parameters.Where(p => p.Gradient is not null).Select(p => p.Gradient!.Norm).ToList();
        Assert.All(norms, n => Assert.True(n > 0 && double.IsFinite(n)));
        Assert.True(norms.Max() / norms.Min() > 1e6);
    }

    [Fact]
    public void A_run_that_needs_more_than_the_memory_allowed_is_refused_before_it_is_made() =>
        Assert.Equal(ModelProblem.Budget, Assert.Throws<ModelException>(() => Run("residual_cnn", Shipped, 64 << 10, out _)).Problem);
}
