using OnnxAuditor.Reports;
using OnnxAuditor.Rules;
using Xunit;
using Attribute = GraphRewriter.Ir.Attribute;

namespace OnnxAuditor.Tests.Rules;

public sealed class WeightSpectrumTests
{
    [Fact]
    public void A_diagonal_matrix_has_its_entries_for_singular_values_and_zero_rows_are_left_out()
    {
        var spectrum = Assert.Single(Gemm([4, 3], [3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0]).Spectra.All);
        Assert.Equal((3, 3), (spectrum.Rows, spectrum.Columns));
        Assert.Equal([9.0, 4, 1], spectrum.Squares.Select(s => Math.Round(s, 10)));
        Assert.Equal(14.0 / 9, spectrum.StableRank, 1e-12);
        Assert.Equal(3, spectrum.Condition, 1e-12);
        Assert.Equal(3, spectrum.SpectralNorm, 1e-12);
        Assert.Equal(2, spectrum.Rank(0.5));
    }

    [Theory]
    [InlineData(2, 3)]
    [InlineData(3, 2)]
    public void Unit_vectors_are_the_rows_of_the_output_units_whichever_side_is_shorter(int units, int inputs)
    {
        float[] values = [.. Enumerable.Range(1, units * inputs).Select(i => (float)i)];
        var spectrum = Assert.Single(Gemm([units, inputs], values).Spectra.All);
        Assert.Equal(units, spectrum.Units);
        var vectors = spectrum.UnitVectors()!;
        for (var u = 0; u < units; u++)
        {
            var norm = Math.Sqrt(Enumerable.Range(0, inputs).Sum(i => (double)values[u * inputs + i] * values[u * inputs + i]));
            for (var i = 0; i < inputs; i++) Assert.Equal(values[u * inputs + i] / norm, vectors[u * inputs + i], 1e-12);
        }
    }

    [Fact]
    public void Each_direction_of_a_recurrent_layer_has_its_own()
    {
        var net = new Net();
        var gru = net.Op("GRU", [net.Input("x", 8, -1, 5), net.Weight("w", [2, 12, 5]), net.Weight("r", [2, 12, 4])], Attribute.Of("hidden_size", 4L), Attribute.Of("direction", "bidirectional"));
        var spectra = net.Output(gru).Context().Spectra.All;
        Assert.Equal(["w (forward)", "w (backward)", "r (forward)", "r (backward)"], spectra.Select(s => s.Name));
        Assert.Equal([5, 5, 4, 4], spectra.Select(s => s.Rows));
    }

    [Fact]
    public void Shuffling_keeps_the_elements_but_for_their_mean()
    {
        var spectrum = Assert.Single(Gemm([4, 4], [.. Enumerable.Range(0, 16).Select(i => (float)i)]).Spectra.All);
        var shuffled = spectrum.Shuffled(new OnnxAuditor.Numerics.SeededRandom(0, "w"));
        Assert.Equal(Enumerable.Range(0, 16).Select(i => i - 7.5), shuffled.Order());
        Assert.NotEqual(shuffled, shuffled.Order());
    }

    [Fact]
    public void What_costs_too_much_is_left_out_and_named()
    {
        var context = RuleCases.Plain();
        var spectra = WeightSpectrum.Of(context.Weights, 1e5, 1e9);
        Assert.Equal(["fc2.weight"], spectra.All.Select(s => s.Name));
        Assert.Equal(["fc1.weight"], spectra.LeftOut);
        Assert.Equal(["fc1.weight", "fc2.weight"], WeightSpectrum.Of(context.Weights, 1e9, 1).LeftOut);
    }

    [Fact]
    public void A_fast_audit_decomposes_no_weights()
    {
        IEnumerable<Finding> Found(Profile profile) =>
            Audit.Run(Checkout.Path("models", "lstm_tagger.onnx"), new AuditOptions { Proxies = [], Threads = 1, Profile = profile, Select = ["WGT018"] }, null, TestContext.Current.CancellationToken).Findings;
        Assert.Single(Found(Profile.Standard));
        Assert.Empty(Found(Profile.Fast));
    }

    [Fact]
    public void The_report_has_the_spectra_of_convolutions_and_linear_layers()
    {
        var layers = Audit.Run(Checkout.Path("models", "residual_cnn.onnx"), new AuditOptions { Proxies = [], Threads = 1, Batch = 2, Select = ["WGT"] }, null, TestContext.Current.CancellationToken).Layers;
        Assert.All(layers, l => Assert.Equal(l.Op is "Conv" or "Gemm", l.Weight is not null));
        Assert.All(layers.Select(l => l.Weight).OfType<WeightStatistics>(), w => Assert.True(w.SpectralNorm > 0 && w.StableRank >= 1));
    }

    static RuleContext Gemm(long[] dims, float[] values)
    {
        var net = new Net();
        return net.Output(net.Op("Gemm", [net.Input("x", -1, dims[1]), net.Initializer("w", dims, values)], Attribute.Of("transB", 1L))).Context();
    }
}
