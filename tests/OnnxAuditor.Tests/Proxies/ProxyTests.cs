using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using OnnxAuditor.Measurement;
using OnnxAuditor.Measurement.Instruments;
using OnnxAuditor.Proxies;
using Xunit;

namespace OnnxAuditor.Tests.Proxies;

/// <summary>Proxies against hand-computed values and the invariances they must have.</summary>
public sealed class ProxyTests
{
    static readonly Protocol Any = new(WeightSource.Reinitialized, NormStatistics.Batch, InputLaw.Normal, 4, 0, Probes.None);

    static readonly CanonicalModel Empty = Canonicalizer.Run(Tiny(), new CanonicalOptions { Batch = 1 });

    static Model Tiny()
    {
        var graph = new Graph { Name = "tiny" };
        var x = new Value("x", ElementType.Float32, Shape.Of(1, 2));
        var w = graph.AddInitializer("w", TensorData.FromFloats([2, 3], [1, 2, 3, 4, 5, 6]));
        var y = new Value("y", ElementType.Float32, Shape.Of(1, 3));
        graph.Inputs.Add(x);
        graph.Nodes.Add(new Node("MatMul", [x, w], [y], null, "", "linear"));
        graph.Outputs.Add(y);
        var model = new Model(graph);
        model.Opsets[""] = 21;
        return model;
    }

    static Layer LinearLayer => FindLayers.In(Empty)[0];

    static Parameter Weight => Empty.Parameters[0];

    static ModelMeasurement Measured(IReadOnlyList<CovarianceInvariants?> layers, IReadOnlyList<GradientMoments?> gradients, IReadOnlyList<float[]>? outputs = null) => new(
        Any, [.. layers.Select(c => new LayerMeasurement(LinearLayer, null, c, null))], [.. gradients.Select(g => new ParameterMeasurement(Weight, g))],
        [.. (outputs ?? []).Select(o => new OutputMeasurement("y", TensorData.FromFloats([o.Length], o)))], 1, new LossText("", ""), null, null, null, null);

    static readonly ProtocolOptions Options = new(4, 0, Initialization.PyTorch, GraphRewriter.Gradients.LossKind.Auto);

    static Score Score(Proxy proxy, params ModelMeasurement[] runs) => proxy.Score(new ProxyInputs(Empty, runs, Options));

    [Fact]
    public void InTrain_is_log_participation_times_one_plus_resilience_over_log_depth()
    {
        // PR = 3² / 5 = 1.8 and 2² / 2 = 2; h = 0.5 / (1 + 1e-10) and min(1, 3 / 2) = 1.
        var run = Measured([new(100, 4, 3, 5), new(100, 4, 2, 2)], [new(6, 1, 0.5, 1, 0), new(6, 1, 3, 2, 0)]);
        var expected = (Math.Log(1.8) + Math.Log(2)) * (1 + 0.5 + 1) / Math.Log(3);
        Assert.Equal(expected, Score(InTrain.Proxy, run).Value!.Value, 1e-8);
    }

    [Fact]
    public void InTrain_leaves_out_layers_without_variance_and_vanished_gradients_count_zero()
    {
        var run = Measured([new(100, 4, 3, 5), new(100, 4, 1e-13, 1e-26)], [new(6, 1e-12, 1e-13, 1e-12, 0)]);
        var score = Score(InTrain.Proxy, run);
        Assert.Equal(Math.Log(1.8) / Math.Log(2), score.Value!.Value, 1e-12);
        Assert.Equal(1, score.Components["layers"]);
    }

    [Fact]
    public void InTrain_without_layers_or_gradients_has_a_reason_instead_of_a_value()
    {
        Assert.Contains("variance", Score(InTrain.Proxy, Measured([null], [new(6, 1, 1, 1, 0)])).Reason, StringComparison.Ordinal);
        Assert.Contains("gradient", Score(InTrain.Proxy, Measured([new(100, 4, 3, 5)], [null])).Reason, StringComparison.Ordinal);
    }

    static ModelMeasurement WithGram(int n, params double[] matrix) => With(SampleGrams.OfLoss, new SampleGram(n, matrix, [Weight], null));

    static ModelMeasurement With<T>(Instrument<T> instrument, T reading) where T : class => Measured([], []) with { Readings = new Dictionary<Instrument, (object?, string?)> { [instrument] = (reading, null) } };

    [Fact]
    public void GradAlign_is_the_log_determinant_of_the_cosines()
    {
        // Gradients (3, 0), (0, 2) and (-1, -1): cosines 0, -1/√2 and -1/√2.
        var score = Score(GradAlign.Proxy, WithGram(3, 9, 0, -3, 0, 4, -2, -3, -2, 2));
        // Eigenvalues of K are 2, 1 and 0.
        Assert.Equal(Math.Log(2 + 1e-6) + Math.Log(1 + 1e-6) + Math.Log(1e-6), score.Value!.Value, 1e-6);
        Assert.Equal(-Math.Sqrt(2) / 3, score.Components["conflict"], 1e-12);
        Assert.Equal(-Math.Sqrt(2) / 3, score.Components["meanCosine"], 1e-12);
        Assert.Equal(2.0 / 3, score.Components["negativeFraction"], 1e-12);
        // The mean direction is (1 - 1/√2, 1 - 1/√2) / 3.
        Assert.Equal(Math.Sqrt(2) * (1 - Math.Sqrt(0.5)) / 3, score.Components["alignment"], 1e-9);
        Assert.Equal(0, score.Components["minEigenvalue"], 1e-12);
    }

    [Fact]
    public void GradAlign_does_not_change_with_the_scale_or_the_order_of_gradients()
    {
        var plain = Score(GradAlign.Proxy, WithGram(3, 9, 1, -3, 1, 4, -2, -3, -2, 5));
        var scaled = Score(GradAlign.Proxy, WithGram(3, 9e20, 1e10, -3e10, 1e10, 4, -2, -3e10, -2, 5));
        var turned = Score(GradAlign.Proxy, WithGram(3, 5, -2, -3, -2, 4, 1, -3, 1, 9));
        Assert.Equal(plain.Value!.Value, scaled.Value!.Value, 1e-9);
        Assert.Equal(plain.Value.Value, turned.Value!.Value, 1e-9);
    }

    [Fact]
    public void GradAlign_counts_a_sample_without_gradient_as_a_row_of_zeros()
    {
        var score = Score(GradAlign.Proxy, WithGram(2, 4, 0, 0, 0));
        Assert.Equal(Math.Log(1 + 1e-6) + Math.Log(1e-6), score.Value!.Value, 1e-9);
        Assert.Contains("zero", Score(GradAlign.Proxy, WithGram(2, 0, 0, 0, 0)).Reason, StringComparison.Ordinal);
        Assert.Contains("single sample", Score(GradAlign.Proxy, WithGram(1, 4)).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Grad_norm_is_the_sum_of_the_weights_norms() =>
        Assert.Equal(5 + 2, Score(Saliency.GradNorm, With(WeightGradients.Instrument, new WeightGradientSet([(Weight, [3, 0, 4, 0, 0, 0]), (Weight, [0, 0, 0, 2, 0, 0])]))).Value!.Value, 1e-6);

    static Score EpsilonOf(float[] small, float[] large) => Score(Epsilon.Proxy,
        [.. new[] { 1e-7, 1, 1e-4, 10, 1e-3 }.Select(w => Measured([], [], [w < 1 ? small : large]) with { Protocol = Any with { ConstantWeight = w } })]);

    [Fact]
    public void Epsilon_is_the_mean_difference_over_the_mean_of_entries_that_are_not_zero()
    {
        // Normalised: [0, 1/2, 1] and [1, 0, 1/4]; zeros are left out, so the only common entry is the third: |1 - 1/4|.
        var score = EpsilonOf([2, 3, 4], [8, 4, 5]);
        Assert.Equal(0.75 / ((0.5 + 1 + 1 + 0.25) / 4), score.Value!.Value, 1e-6);
    }

    [Fact]
    public void Epsilon_does_not_change_with_scale_and_shift_of_the_outputs()
    {
        var plain = EpsilonOf([2, 3, 4, 9], [8, 4, 5, 1]);
        var moved = EpsilonOf([20, 22, 24, 34], [-8, -16, -14, -22]);
        Assert.Equal(plain.Value!.Value, moved.Value!.Value, 1e-6);
    }

    [Fact]
    public void Epsilon_keeps_its_score_where_another_pair_leaves_the_range()
    {
        var runs = new[] { 1e-7, 1, 1e-4, 10, 1e-3 }.Select(w => Measured([], [], [w switch { 10 => [float.NaN, 1], < 1 => [2, 3, 4], _ => [8, 4, 5] }]) with { Protocol = Any with { ConstantWeight = w } });
        var score = Score(Epsilon.Proxy, [.. runs]);
        Assert.Equal(EpsilonOf([2, 3, 4], [8, 4, 5]).Value, score.Value);
        Assert.DoesNotContain("pair_1e-4_10", score.Components.Keys);
        Assert.Contains("pair_1e-3_1", score.Components.Keys);
    }

    [Fact]
    public void Epsilon_of_equal_outputs_has_a_reason_instead_of_a_value() =>
        Assert.Contains("equal", EpsilonOf([1, 1], [1, 2]).Reason, StringComparison.Ordinal);

    [Fact]
    public void Every_proxy_of_the_registry_gives_a_value_for_a_residual_network()
    {
        var report = Audit.Run(Checkout.Path("models", "residual_cnn.onnx"), new AuditOptions { Batch = 16, Threads = 2, Proxies = [.. ProxyRegistry.All.Select(p => p.Id)], RegSwap = (80, 40) }, null, TestContext.Current.CancellationToken);
        Assert.Equal(ProxyRegistry.All.Select(p => p.Id), report.Proxies.Select(p => p.Id));
        Assert.All(report.Proxies.Where(p => p.Id is not "zerolm"), p => Assert.True(p.Value is { } v && double.IsFinite(v), $"{p.Id}: {p.Reason}"));
    }

    [Fact]
    public void InTrain_does_not_see_the_scale_of_the_weights_behind_batch_statistics()
    {
        using var file = OnnxReader.Read(Checkout.Path("models", "residual_cnn.onnx"));
        var values = new List<double>();
        foreach (var factor in (float[])[1, 4])
        {
            // Shipped weights, so that a scaled copy can be measured; the last layer keeps its scale, which the loss does see.
            var model = file.Model.Copy();
            foreach (var v in model.Graph.Initializers.Where(v => v.Name.Contains("conv", StringComparison.Ordinal) && v.Data is { Type: ElementType.Float32 }))
                v.Data = TensorData.FromFloats([.. v.Data!.Dims], [.. v.Data.ToFloats().Select(w => w * factor)]);
            CanonicalModel At(long batch) => Canonicalizer.Run(model, new CanonicalOptions { Batch = batch });
            using var measure = new Measure(At(4), At, new MeasureSettings(new(Threads: 2), new Dictionary<string, TensorData>(StringComparer.Ordinal), "", null, null, null));
            var protocol = InTrain.Proxy.Runs(new ProtocolOptions(4, 0, Initialization.PyTorch, GraphRewriter.Gradients.LossKind.Auto))[0] with { Weights = WeightSource.Shipped };
            values.Add(Score(InTrain.Proxy, measure.Run(protocol, TestContext.Current.CancellationToken)).Value!.Value);
        }
        Assert.Equal(values[0], values[1], 0.01 * Math.Abs(values[0]));
    }

    [Fact]
    public void A_budget_that_ends_the_audit_is_the_reason_of_every_missing_score()
    {
        var report = Audit.Run(Checkout.Path("models", "residual_cnn.onnx"), new AuditOptions { Batch = 4, Threads = 2, TimeBudget = TimeSpan.FromTicks(1) }, null, TestContext.Current.CancellationToken);
        Assert.NotNull(report.BudgetExceeded);
        Assert.Equal(ProxyRegistry.All.Count(p => p.InStandardProfile), report.Proxies.Count);
        Assert.All(report.Proxies, p => Assert.Contains("time budget", p.Reason, StringComparison.Ordinal));
    }

    [Fact]
    public void Baselines_count_parameters_and_multiply_accumulates()
    {
        Assert.Equal(6, Score(Size.Parameters).Value);
        Assert.Equal(6, Score(Size.Macs).Value);
    }
}
