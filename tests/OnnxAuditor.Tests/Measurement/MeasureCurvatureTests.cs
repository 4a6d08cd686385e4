using GraphRewriter.Canonicalization;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using MathNet.Numerics.LinearAlgebra;
using OnnxAuditor.Execution.Torch;
using OnnxAuditor.Measurement;
using OnnxAuditor.Numerics;
using OnnxAuditor.Reports;
using OnnxAuditor.Tests.Execution.Torch;
using Xunit;

namespace OnnxAuditor.Tests.Measurement;

/// <summary>Curvature of models whose answer is known, and what the rules make of networks.</summary>
public class MeasureCurvatureTests
{
    const long Batch = 32;

    public MeasureCurvatureTests() => TorchBuild.RequireLibTorch();

    [Fact]
    public void Of_a_linear_model_the_Hessian_and_the_Jacobian_are_known()
    {
        var model = TextGraph.Parse("""
            opset 17
            input x f32[N,6]
            const w f32[6,3] = seeded
            y = MatMul(x, w)
            output y
            """);
        var data = Inputs(6, mean: 0.5);
        var found = Measure(model, data, LossKind.Mse);

        // The mean of (Xw - t)² over N samples and 3 outputs has the Hessian 2 XᵀX / 3N, once for each output.
        var x = Matrix<double>.Build.DenseOfRowMajor((int)Batch, 6, data.ToDoubles());
        var eigenvalues = (x.TransposeThisAndMultiply(x) * (2.0 / (3 * Batch))).Evd(Symmetricity.Symmetric).EigenValues.Select(e => e.Real).ToList();
        Assert.Equal(18, found.Hessian!.Parameters);
        Assert.Equal(eigenvalues.Max(), found.Hessian.Largest, 0.02 * eigenvalues.Max());
        Assert.InRange(found.Hessian.Trace, 3 * eigenvalues.Sum() - 4 * found.Hessian.TraceError, 3 * eigenvalues.Sum() + 4 * found.Hessian.TraceError);

        // The Jacobian is wᵀ everywhere: gradients along lines do not change.
        var w = Matrix<double>.Build.DenseOfRowMajor(6, 3, model.Graph.Initializers[0].Data!.ToDoubles());
        var gram = w.TransposeThisAndMultiply(w);
        var sizes = x.EnumerateRows().Select(r => r.L2Norm() / Math.Sqrt(6)).Order().ToList();
        Assert.Null(found.Input!.Autocorrelation);
        Assert.Equal(3, found.Input.Directions);
        Assert.Equal(Math.Sqrt(gram.Trace() / 3) * (sizes[15] + sizes[16]) / 2, found.Input.Gain, 1e-5);
        Assert.Equal(gram.Trace() * gram.Trace() / Math.Pow(gram.FrobeniusNorm(), 2), found.Input.Participation, 1e-5);
    }

    [Fact]
    public void Gradients_shatter_in_the_chaotic_phase_and_not_at_its_edge()
    {
        double Autocorrelation(double gain) => Measure(Tanh(gain), Inputs(64, 0), LossKind.Sum).Input!.Autocorrelation!.Value;

        Assert.InRange(Autocorrelation(3), -0.1, 0.3);
        Assert.InRange(Autocorrelation(1), 0.8, 1);
    }

    [Fact]
    public void What_cannot_be_measured_is_said()
    {
        var tokens = Measure(TextGraph.Parse("""
            opset 17
            input x i64[N,4]
            const table f32[10,8] = seeded
            y = Gather(table, x)
            output y
            """), null, LossKind.Mse);

        Assert.NotNull(tokens.Hessian);
        Assert.Equal("GRD010, GRD011: not measured, the model has no input of floats to differentiate by.", Assert.Single(tokens.Notes()));
    }

    [Fact]
    public void Inputs_of_one_sign_make_one_direction_the_steepest()
    {
        var model = TextGraph.Parse("""
            opset 17
            input x f32[N,128]
            const w f32[128,1] = seeded
            y = MatMul(x, w)
            output y
            """);
        double Ratio(double mean) => Measure(model, Inputs(128, mean), LossKind.Mse).Hessian is { } h ? h.Trace / h.Largest : 0;

        // With mean m the largest eigenvalue is about 128 m² + 1 of a trace of 128 (m² + 1).
        Assert.InRange(Ratio(5), 0.8, 1.5);
        Assert.InRange(Ratio(0), 5, 128);
    }

    [Theory]
    [InlineData("deep_sigmoid_mlp", "GRD011")]
    [InlineData("exploding_mlp", "GRD007 GRD011")]
    [InlineData("external_mlp", "")]
    [InlineData("lstm_tagger", "")]
    [InlineData("nan_weight_cnn", "")]
    [InlineData("residual_cnn", "")]
    [InlineData("transformer", "")]
    [InlineData("zero_init_mlp", "")]
    public void Each_model_has_the_findings_it_was_made_for(string model, string expected) =>
        Assert.Equal(expected, Findings(Checkout.Path("models", model + ".onnx")));

    static string Findings(string path)
    {
        var options = new AuditOptions { Proxies = [], Threads = 1, Batch = 8, Profile = Profile.Full, Select = ["GRD007", "GRD008", "GRD010", "GRD011"] };
        return string.Join(' ', Audit.Run(path, options, null, TestContext.Current.CancellationToken).Findings.Where(f => f.Severity != Severity.Info).Select(f => f.RuleId).Order(StringComparer.Ordinal));
    }

    /// <summary>Thirty layers of 64 units, weights N(0, gain² / 64).</summary>
    static Model Tanh(double gain)
    {
        const int Width = 64;
        const int Depth = 30;
        var model = TextGraph.Parse($"""
            opset 17
            input x f32[N,{Width}]
            {string.Join('\n', Enumerable.Range(0, Depth).Select(i => $"const w{i} f32[{Width},{Width}] = 1"))}
            {string.Join('\n', Enumerable.Range(0, Depth).Select(i => $"a{i} = MatMul({(i == 0 ? "x" : $"h{i - 1}")}, w{i})\nh{i} = Tanh(a{i})"))}
            output h{Depth - 1}
            """);
        foreach (var w in model.Graph.Initializers)
        {
            var random = new SeededRandom(0, w.Name);
            w.Data = TensorData.FromFloats([Width, Width], [.. Enumerable.Range(0, Width * Width).Select(_ => (float)(gain * random.Normal() / Math.Sqrt(Width)))]);
        }
        return model;
    }

    static TensorData Inputs(long width, double mean)
    {
        var random = new SeededRandom(1, "inputs");
        return TensorData.FromFloats([Batch, width], [.. Enumerable.Range(0, (int)(Batch * width)).Select(_ => (float)(mean + random.Normal()))]);
    }

    static CurvatureMeasurement Measure(Model model, TensorData? data, LossKind loss)
    {
        var canonical = Canonicalizer.Run(model, new CanonicalOptions { Batch = Batch });
        var protocol = new Protocol(WeightSource.Shipped, NormStatistics.Frozen, InputLaw.Auto, Batch, 0, Probes.None) { Loss = loss };
        var given = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        if (data is not null) given["x"] = data;
        return MeasureCurvature.Run(canonical, new CurvatureSettings(protocol, new TorchSettings(Threads: 1), given, "test", null, null), TestContext.Current.CancellationToken);
    }
}
