using OnnxAuditor.Measurement.Instruments;
using OnnxAuditor.Reports;
using OnnxAuditor.Rules;
using Xunit;

namespace OnnxAuditor.Tests.Rules;

public class SignalRuleTests
{
    [Fact]
    public void Saturation_behind_growing_activations_is_their_consequence()
    {
        var net = new Net();
        var x = net.Input("x", -1, 32);
        for (var i = 0; i < 20; i++) x = net.Op("Relu", [net.Op("MatMul", [x, net.Initializer($"w{i}", [32, 32], Net.Draw($"growing {i}", [32, 32], 0.6, 0))])]);
        x = net.Op("Tanh", [net.Linear("squash", x, 32, 32)]);
        var context = net.Output(net.Linear("head", x, 32, 10)).Run();
        Assert.Contains(RuleEngine.Run(context, RuleRegistry.Select(["ACT002"], [])).Findings, f => f.RuleId == "ACT002");
        var result = RuleEngine.Run(context, RuleRegistry.Select(["ACT002", "ACT003"], []));
        Assert.Equal(["ACT003"], result.Findings.Select(f => f.RuleId));
        Assert.Contains(result.Notes, n => n.StartsWith("ACT002: left out where ACT003 says it", StringComparison.Ordinal));
    }

    [Fact]
    public void Saturated_sigmoids_have_their_own_finding_beside_vanishing_gradients()
    {
        var net = new Net();
        var x = net.Input("x", -1, 32);
        for (var i = 0; i < 12; i++) x = net.Op("Sigmoid", [net.Op("Gemm", [x, net.Weight($"w{i}", [32, 32], 0.2), net.Fill($"b{i}", [32], 8)])]);
        var findings = RuleEngine.Run(net.Output(net.Linear("head", x, 32, 10)).Run(), RuleRegistry.Select(["ACT", "GRD"], [])).Findings;
        Assert.Contains(findings, f => f is { RuleId: "ACT002", Severity: Severity.Warning });
        Assert.Contains(findings, f => f.RuleId == "GRD001");
        Assert.DoesNotContain(findings, f => f.RuleId == "GRD014");
    }

    [Fact]
    public void Where_samples_become_equal_channels_and_outputs_are_not_named_again()
    {
        var result = RuleEngine.Run(SignalCases.Squashed("Sigmoid", gain: 0.4).Run(thorough: true), RuleRegistry.Select(["ACT", "GRD013"], []));
        Assert.Equal(["ACT005"], result.Findings.Select(f => f.RuleId));
    }

    [Fact]
    public void A_branch_is_told_from_its_skip_path_by_a_layer_between_them()
    {
        var net = new Net();
        var x = net.Linear("stem", net.Input("x", -1, 16), 16, 16);
        var polynomial = net.Named("/gelu/Add", "Add", [x, net.Op("Mul", [x, net.Op("Mul", [x, x])])]);
        var block = net.Named("/block/Add", "Add", [net.Linear("fc", net.Op("Relu", [polynomial]), 16, 16), polynomial]);
        var joined = net.Named("/join/Add", "Add", [net.Linear("a", block, 16, 16), net.Linear("b", block, 16, 16)]);
        var found = Assert.Single(ResidualSums.In(net.Output(net.Linear("head", joined, 16, 4)).Context()));
        Assert.Equal(("/block/Add", 1, 0), (found.Sum.Name, found.Skip, found.Branch));
    }

    [Fact]
    public void The_inside_of_gelu_is_no_saturated_layer()
    {
        var net = new Net();
        var x = net.Op("Gemm", [net.Input("x", -1, 32), net.Weight("w", [32, 32], 3), net.Weight("b", [32])]);
        var gate = net.Op("Add", [net.Op("Tanh", [x]), net.Fill("one", [], 1)]);
        var context = net.Output(net.Linear("head", net.Op("Mul", [x, gate]), 32, 10)).Run();
        Assert.Empty(RuleEngine.Run(context, RuleRegistry.Select(["ACT002"], [])).Findings);
        var taken = context.Run!.Read(LayerSamples.Instrument).Value!.Of.First(o => o.Key.Contains("Tanh", StringComparison.Ordinal)).Value;
        Assert.InRange(taken.Values.Count(v => Math.Abs(v) > 2.5) / (double)taken.Values.Length, 0.5, 1);
    }

    [Fact]
    public void Pairs_of_gradients_give_signal_and_noise()
    {
        // Eight gradients e₁ + eᵢ₊₁: products 1, squares 2, cosines one half; the mean has the square 1 + 1/8.
        var matrix = Enumerable.Range(0, 64).Select(i => i % 9 == 0 ? 2.0 : 1.0).ToArray();
        var found = SampleGradients.Of(new SampleGram(8, matrix, [], null))!;
        Assert.Equal(0.5, found.MeanCosine, 1e-12);
        Assert.Equal(0, found.Conflicting);
        Assert.Equal(1, found.Signal, 1e-12);
        Assert.Equal(1, found.Noise, 1e-12);
        Assert.Null(SampleGradients.Of(new SampleGram(4, new double[16], [], null)));
    }

    [Fact]
    public void A_loss_scale_brings_small_gradients_into_range()
    {
        var run = RuleCases.Healthy().Run().Run!;
        float[] values = [1e-9f, 1e-9f, 1e-3f, 0];
        var (share, power, scaled) = HalfPrecisionUnderflow.Measured(run with
        {
            Readings = new Dictionary<Instrument, (object?, string?)> { [GradientSamples.Instrument] = (new GradientSampleSet([new GradientSample("fc", false, 4, values)]), null) },
        })!.Value;
        Assert.Equal(2 / 3.0, share, 1e-12);
        // The largest power of two by which 1e-3 stays below an eighth of 65504.
        Assert.Equal(22, power);
        Assert.Equal(0, scaled);
    }

    [Fact]
    public void Rules_that_need_further_passes_say_so_where_there_were_none()
    {
        var notes = RuleEngine.Run(RuleCases.Healthy().Run(), RuleRegistry.Select(["GRD", "NUM"], [])).Notes;
        Assert.Contains("GRD004, GRD005, GRD013, NUM001: not measured, --profile full has their passes.", notes);
        Assert.DoesNotContain(RuleEngine.Run(RuleCases.Healthy().Run(thorough: true), RuleRegistry.Select(["GRD", "NUM"], [])).Notes, n => n.Contains("GRD004", StringComparison.Ordinal));
    }
}
