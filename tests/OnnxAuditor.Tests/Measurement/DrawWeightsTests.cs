using GraphRewriter.Canonicalization;
using GraphRewriter.Serialization;
using OnnxAuditor.Measurement;
using OnnxAuditor.Numerics;
using Xunit;

namespace OnnxAuditor.Tests.Measurement;

/// <summary>Initialisation laws have the moments their sources state, and draws are keyed by name.</summary>
public sealed class DrawWeightsTests
{
    static readonly CanonicalModel Cnn = Load("residual_cnn");

    static CanonicalModel Load(string model)
    {
        using var file = OnnxReader.Read(Checkout.Path("models", model + ".onnx"));
        return Canonicalizer.Run(file.Model, new CanonicalOptions { Batch = 2 });
    }

    static double[] Draw(Initialization init, string parameter, long seed = 0)
    {
        var protocol = new Protocol(WeightSource.Reinitialized, NormStatistics.Batch, InputLaw.Normal, 2, seed, Probes.None) { Init = init };
        return DrawWeights.Under(protocol, Cnn.Parameters).Single(p => p.Key.Name == parameter).Value.ToDoubles();
    }

    // layer3.0.conv2.weight is 64 x 64 x 3 x 3: fan-in and fan-out 576, 36,864 elements; the standard deviation's own error is 0.4 %.
    [Theory]
    [InlineData(nameof(Initialization.PyTorch), 1.0 / 3 / 576)]
    [InlineData(nameof(Initialization.Kaiming), 2.0 / 576)]
    [InlineData(nameof(Initialization.Xavier), 2.0 / (576 + 576))]
    [InlineData(nameof(Initialization.Normal), 1)]
    public void A_law_has_its_variance(string law, double variance)
    {
        var w = Draw(Enum.Parse<Initialization>(law), "layer3.0.conv2.weight");
        Assert.Equal(0, w.Average() / Math.Sqrt(variance), 0.03);
        Assert.Equal(1, w.Average(v => v * v) / variance, 0.03);
    }

    [Fact]
    public void Orthogonal_rows_are_orthonormal()
    {
        var w = Draw(Initialization.Orthogonal, "layer3.0.conv2.weight");
        for (var i = 0; i < 4; i++)
            for (var j = 0; j < 4; j++)
                Assert.Equal(i == j ? 1 : 0, Enumerable.Range(0, 576).Sum(k => w[i * 576 + k] * w[j * 576 + k]), 1e-5);
    }

    [Fact]
    public void The_bias_of_a_linear_layer_is_bounded_by_its_fan_in()
    {
        var b = Draw(Initialization.PyTorch, "fc.bias");
        Assert.All(b, v => Assert.True(Math.Abs(v) <= 1 / Math.Sqrt(64)));
        Assert.Contains(b, v => Math.Abs(v) > 0.3 / Math.Sqrt(64));
    }

    [Fact]
    public void Seeds_and_names_give_different_draws_and_the_same_seed_the_same()
    {
        Assert.Equal(Draw(Initialization.PyTorch, "layer1.0.conv1.weight"), Draw(Initialization.PyTorch, "layer1.0.conv1.weight"));
        Assert.NotEqual(Draw(Initialization.PyTorch, "layer1.0.conv1.weight"), Draw(Initialization.PyTorch, "layer1.0.conv2.weight"));
        Assert.NotEqual(Draw(Initialization.PyTorch, "layer1.0.conv1.weight"), Draw(Initialization.PyTorch, "layer1.0.conv1.weight", seed: 1));
    }

    [Fact]
    public void A_constant_setting_sets_weights_and_scales_and_clears_biases()
    {
        var drawn = DrawWeights.Under(new Protocol(WeightSource.Constant, NormStatistics.Batch, InputLaw.GreyRamp, 2, 0, Probes.None) { ConstantWeight = 0.5 }, Cnn.Parameters);
        Assert.All(drawn, d => Assert.All(d.Value.ToFloats(), v => Assert.Equal(
            d.Key.Role is ParameterRole.ConvolutionWeight or ParameterRole.LinearWeight or ParameterRole.NormalizationScale ? 0.5f : d.Key.Role == ParameterRole.RunningVariance ? 1 : 0, v)));
        Assert.Equal(Cnn.Parameters.Count, drawn.Count);
    }

    [Fact]
    public void The_generator_repeats_itself_and_has_the_moments_of_its_laws()
    {
        // The stream is part of what a seed means: a change of these numbers changes every report.
        var random = new SeededRandom(42, "key");
        var first = new[] { random.Uniform(), random.Uniform(), random.Normal() };
        var again = new SeededRandom(42, "key");
        double[] repeated = [again.Uniform(), again.Uniform(), again.Normal()];
        Assert.Equal<double>(first, repeated);
        var many = new SeededRandom(1, "moments");
        var sample = Enumerable.Range(0, 100_000).Select(_ => many.Normal()).ToArray();
        Assert.Equal(0, sample.Average(), 0.02);
        Assert.Equal(1, sample.Average(v => v * v), 0.02);
        Assert.Equal(3, sample.Average(v => v * v * v * v), 0.1);
        var counts = Enumerable.Range(0, 60_000).Select(_ => many.Integer(6)).GroupBy(v => v).Select(g => g.Count()).ToArray();
        Assert.Equal(6, counts.Length);
        Assert.All(counts, c => Assert.InRange(c, 9_500, 10_500));
    }
}
