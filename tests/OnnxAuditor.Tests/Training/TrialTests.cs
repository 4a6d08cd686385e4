using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using GraphRewriter.Training;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Measurement;
using OnnxAuditor.Reports;
using OnnxAuditor.Training;
using Xunit;

namespace OnnxAuditor.Tests.Training;

/// <summary>Short trainings on one batch: sick networks fail, healthy ones do not, and what is told of them is right.</summary>
public class TrialTests
{
    [Theory]
    [InlineData("external_mlp.onnx", "overfits")]
    [InlineData("dead_relu_mlp.onnx", "overfits")]
    [InlineData("zero_init_mlp.onnx", "stalls")]
    [InlineData("deep_sigmoid_mlp.onnx", "stalls")]
    [InlineData("exploding_mlp.onnx", "stalls")]
    public void An_outcome_is_that_of_the_network(string model, string outcome)
    {
        var trial = Assert.Single(Run(Checkout.Path("models", model)));
        Assert.Equal((outcome, null), (OnnxAuditor.Reporting.TrialJson.Word(trial.Outcome!.Value), trial.Unavailable));
        Assert.Equal(trial.Losses.Count - 1, trial.Steps);
        Assert.True(trial.LearningRate <= trial.MaxStableLearningRate, $"{trial.LearningRate} of {trial.MaxStableLearningRate}");
        if (trial.Outcome == TrialOutcome.Overfits) Assert.True(trial.Losses[^1] <= 0.1 * trial.Losses[0] && trial.StepsToTenth <= trial.Steps);
        else Assert.True(trial.Losses.Min() >= 0.95 * trial.ConstantLoss);
    }

    [Fact]
    public void What_does_not_move_is_named()
    {
        var detached = Assert.Single(Run(Checkout.Path("models", "detached_branch.onnx")));
        Assert.Equal(["gate.fc.weight", "gate.fc.bias", "cluster.fc.weight", "cluster.fc.bias"], detached.NeverMoved.OrderBy(n => n.StartsWith("cluster", StringComparison.Ordinal)).ThenByDescending(n => n, StringComparer.Ordinal));
        var dead = Assert.Single(Run(Checkout.Path("models", "dead_relu_mlp.onnx")));
        // 48 of the 64 rows that make the dead units.
        Assert.Contains(dead.HalfMoved, h => h.Name == "layers.2.fc.weight" && h.Share >= 0.75);
        Assert.DoesNotContain(dead.HalfMoved, h => h.Name.StartsWith("layers.0", StringComparison.Ordinal));
    }

    [Fact]
    public void The_same_trial_gives_the_same_report()
    {
        var (first, second) = (Run(Checkout.Path("models", "external_mlp.onnx"))[0], Run(Checkout.Path("models", "external_mlp.onnx"))[0]);
        Assert.Equal(first.Losses, second.Losses);
        Assert.Equal(first.UpdateRatios, second.UpdateRatios);
        Assert.Equal(first.NoiseScale, second.NoiseScale);
    }

    [Fact]
    public void Noise_scale_and_constant_loss_are_those_worked_out_by_hand()
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("trial-").FullName, "linear.onnx");
        OnnxWriter.Write(TextGraph.Parse("""
            opset 17
            input x f32[N,2]
            const w f32[2,1] = 0.5 -0.25
            y = MatMul(x, w)
            output y
            """), path);
        float[] x = [1, 2, 1.5f, 1, 2, 2.5f, 1, 1.5f], t = [4, 3.5f, 6, 3];
        var trial = Assert.Single(Run(path, s => s with
        {
            Loss = GraphRewriter.Gradients.LossKind.Mse,
            Data = new Dictionary<string, TensorData>(StringComparer.Ordinal) { ["x"] = TensorData.FromFloats([4, 2], x) },
            Labels = TensorData.FromFloats([4, 1], t),
        }, batch: 4));

        var gradients = Enumerable.Range(0, 4).Select(i => 2 * (0.5 * x[2 * i] - 0.25 * x[2 * i + 1] - t[i])).Select((r, i) => (A: r * x[2 * i], B: r * x[2 * i + 1])).ToList();
        var mean = Math.Pow(gradients.Average(g => g.A), 2) + Math.Pow(gradients.Average(g => g.B), 2);
        var trace = 4.0 / 3 * (gradients.Average(g => g.A * g.A + g.B * g.B) - mean);
        Assert.Equal(trace / (mean - trace / 4), trial.NoiseScale!.Value, 1e-4);
        Assert.Equal(t.Average(v => Math.Pow(v - t.Average(), 2)), trial.ConstantLoss!.Value, 1e-6);
        Assert.Equal(Enumerable.Range(0, 4).Average(i => Math.Pow(0.5 * x[2 * i] - 0.25 * x[2 * i + 1] - t[i], 2)), trial.Losses[0], 1e-4);
    }

    [Fact]
    public void A_loss_without_a_least_value_is_not_trained_towards() =>
        Assert.Contains("least value", Assert.Single(Run(Checkout.Path("models", "external_mlp.onnx"), s => s with { Loss = GraphRewriter.Gradients.LossKind.Sum })).Unavailable, StringComparison.Ordinal);

    [Fact]
    public void Memory_that_does_not_suffice_is_said() =>
        Assert.Contains("--max-memory", Assert.Single(Run(Checkout.Path("models", "external_mlp.onnx"), s => s with { MaxMemory = 1000 })).Unavailable, StringComparison.Ordinal);

    [Fact]
    public void A_trial_that_fails_is_a_finding_with_its_likely_cause_and_decides_the_verdict()
    {
        var report = Audit.Run(Checkout.Path("models", "deep_sigmoid_mlp.onnx"), new AuditOptions { Trial = 40, Proxies = [], Threads = 1, Weights = WeightChoice.Shipped, Select = ["GRD016"] }, null, CancellationToken.None);
        var finding = Assert.Single(report.Findings);
        Assert.Equal(("GRD016", Severity.Warning, Verdict.TrainableWithFixes), (finding.RuleId, finding.Severity, report.Verdict));
        Assert.Contains("Likely cause: GRD001", finding.Message, StringComparison.Ordinal);
        var healthy = Audit.Run(Checkout.Path("models", "external_mlp.onnx"), new AuditOptions { Trial = 40, Proxies = [], Threads = 1, Weights = WeightChoice.Shipped, Select = ["GRD016"] }, null, CancellationToken.None);
        Assert.Empty(healthy.Findings);
        Assert.Contains("learned one batch by heart", healthy.VerdictReason, StringComparison.Ordinal);
    }

    static List<TrialReport> Run(string path, Func<TrialSettings, TrialSettings>? change = null, long batch = 16)
    {
        using var file = OnnxReader.Read(path);
        CanonicalModel At(long size) => Canonicalizer.Run(file.Model, new CanonicalOptions { Batch = size, ComputeInFloat32 = true });
        var settings = new TrialSettings(Optimizers.Named("adam"), 60, [WeightSource.Shipped], Initialization.PyTorch, 0, new OrtSettings(Threads: 1)) { AtBatch = At };
        var trials = new List<TrialReport>();
        Trial.Run(At(batch), change?.Invoke(settings) ?? settings, trials.Add, CancellationToken.None);
        return trials;
    }
}
