using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Measurement;
using OnnxAuditor.Tests.Rules;
using Xunit;

namespace OnnxAuditor.Tests.Measurement;

/// <summary>Measurements whose squares leave the range of float32.</summary>
public sealed class RangeTests
{
    /// <summary>Linear, activation, linear: the first weight is multiplied by two to some power, the second divided by it, so that only what lies between changes.</summary>
    static ModelMeasurement Run(int exponent, bool inParts)
    {
        var (width, batch, limit) = inParts ? (64, 256, (long?)(256 << 10)) : (640, 16, null);
        var net = new Net();
        var first = Net.Draw("first", [32, width], 0.2, 0);
        var second = Net.Draw("second", [width, 4], 0.1, 0);
        for (var i = 0; i < first.Length; i++) first[i] = MathF.ScaleB(first[i], exponent);
        for (var i = 0; i < second.Length; i++) second[i] = MathF.ScaleB(second[i], -exponent);
        var hidden = net.Op("Relu", [net.Op("Gemm", [net.Input("x", -1, 32), net.Initializer("w1", [32, width], first)])]);
        net.Output(net.Op("Gemm", [hidden, net.Initializer("w2", [width, 4], second)]));
        CanonicalModel At(long batch) => Canonicalizer.Run(net.Model, new CanonicalOptions { Batch = batch });
        var probes = Probes.ActivationMoments | Probes.ChannelCovariance | Probes.ParameterGradients | Probes.ActivationGradients;
        using var measure = new Measure(At(batch), At, new MeasureSettings(new OrtSettings(Threads: 2), new Dictionary<string, TensorData>(StringComparer.Ordinal), "", null, null, limit));
        var result = measure.Run(new Protocol(WeightSource.Shipped, NormStatistics.Frozen, InputLaw.Auto, batch, 5, probes), TestContext.Current.CancellationToken);
        Assert.Null(result.Failure);
        Assert.Null(result.FirstNonFinite);
        Assert.Equal(inParts, measure.LastParts > 1);
        return result;
    }

    [Theory]
    [InlineData(83, false)]
    [InlineData(-83, false)]
    [InlineData(83, true)]
    [InlineData(-83, true)]
    public void Activations_and_gradients_of_1e25_and_1e_25_are_measured_like_any_other(int exponent, bool inParts)
    {
        var factor = Math.ScaleB(1, exponent);
        var (plain, far) = (Run(0, inParts), Run(exponent, inParts));
        Assert.Equal(plain.Loss!.Value, far.Loss!.Value, 1e-5);
        foreach (var (a, b) in plain.Layers.Take(2).Zip(far.Layers))
        {
            AssertRatio(factor, a.Moments!.Rms, b.Moments!.Rms);
            AssertRatio(factor, a.Moments.MaxAbs, b.Moments.MaxAbs);
            Assert.Equal(a.Moments.ZeroFraction, b.Moments.ZeroFraction);
            AssertRatio(1 / factor, a.Gradient!.Norm, b.Gradient!.Norm);
            Assert.Equal(a.Gradient.ZeroFraction, b.Gradient.ZeroFraction);
        }
        AssertRatio(factor * factor, plain.Layers[0].Covariance!.Trace, far.Layers[0].Covariance!.Trace);
        AssertRatio(Math.Pow(factor, 4), plain.Layers[0].Covariance!.SquaredNorm, far.Layers[0].Covariance!.SquaredNorm);
        double[] powers = [1 / factor, factor];
        foreach (var (k, (a, b)) in plain.Parameters.Zip(far.Parameters).Index())
        {
            AssertRatio(powers[k], a.Gradient!.Norm, b.Gradient!.Norm);
            AssertRatio(powers[k], a.Gradient.Std, b.Gradient.Std);
            AssertRatio(powers[k], a.Gradient.MaxAbs, b.Gradient.MaxAbs);
        }
    }

    static void AssertRatio(double expected, double plain, double far)
    {
        Assert.True(plain > 0);
        Assert.Equal(1, far / plain / expected, 1e-4);
    }
}
