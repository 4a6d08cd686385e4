using GraphRewriter.Gradients;
using GraphRewriter.Inference;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using Xunit;

namespace GraphRewriter.Tests.Gradients;

/// <summary>Gradients through rounding, which are asked for.</summary>
public class StraightThroughTests
{
    [Fact]
    public void Round_passes_the_gradient_and_Floor_and_Ceil_do_not()
    {
        var model = Parse("input x f32[3]\ninput c f32[3]\nr = Round(x)\nf = Floor(x)\ns = Ceil(x)\nall = Sum(r, f, s)\ny = Mul(all, c)\noutput y");
        var (gradients, blocked) = Gradients(model, new() { ["x"] = [0.4, 1.5, -2.6], ["c"] = [1, 2, 3] }, "x");

        Assert.Equal([1, 2, 3], gradients["x"]);
        Assert.Equal(["Floor", "Ceil"], blocked.Select(b => b.Node.OpType));
    }

    /// <summary>
    /// Codes are round(x / 0.5) + 2 in 0 … 255. By hand: -4 and 257 saturate; by the scale it is round(x / 0.5) - x / 0.5 where they do not, and -2 or 253 where they do.
    /// </summary>
    [Fact]
    public void A_pair_passes_the_gradient_where_it_does_not_saturate()
    {
        var model = Parse("input x f32[6]\ninput c f32[6]\ninput s f32[]\nconst z u8[] = 2\nq = QuantizeLinear(x, s, z)\nd = DequantizeLinear(q, s, z)\ny = Mul(d, c)\noutput y");
        var (gradients, blocked) = Gradients(model, new() { ["x"] = [-3, -1, -0.26, 0.125, 126.5, 127.5], ["c"] = [1, 2, 3, 5, 7, 11], ["s"] = [0.5] }, "x", "s");

        Assert.Empty(blocked);
        Assert.Equal([0, 2, 3, 5, 7, 0], gradients["x"]);
        double[] byScale = [1 * -2, 0, 3 * (-1 + 0.52), 5 * (0 - 0.25), 0, 11 * 253];
        Assert.Equal(byScale.Sum(), gradients["s"][0], 1e-3);
    }

    [Theory]
    [InlineData("s f32[]", "u8[]", "")]
    [InlineData("s f32[1]", "i8[1]", "")]
    [InlineData("s f32[4]", "i8[4]", "")]
    [InlineData("s f32[2]", "u8[2]", "axis=0")]
    [InlineData("s f32[2,2]", "i8[2,2]", "axis=1 block_size=3")]
    public void The_gradient_is_that_of_the_float_path_at_the_quantised_values(string scale, string zero, string attributes)
    {
        const string After = "m = MatMul(d, w)\ny = Tanh(m)\noutput y";
        const string Weight = "const w f32[4,3] = seeded\n";
        var pair = Parse($"input x f32[2,4]\ninput {scale}\nconst z {zero} = 100\n{Weight}q = QuantizeLinear(x, s, z) {attributes}\nd = DequantizeLinear(q, s, z) {attributes}\n{After}");
        var plain = Parse($"input d f32[2,4]\n{Weight}{After}");
        var x = new double[] { 0.3, -0.7, 1.1, 0.05, -1.3, 0.9, 0.45, -0.2 };
        var s = Enumerable.Range(1, (int)pair.Graph.Inputs[1].Shape!.ElementCount).Select(i => 0.1 * i).ToArray();
        var (gradients, _) = Gradients(pair, new() { ["x"] = x, ["s"] = s }, "x");
        pair.Graph.Outputs.Add(pair.Graph.Nodes[1].Output);
        var quantised = Run(pair, new() { ["x"] = x, ["s"] = s })["d"].ToDoubles();
        var (expected, _) = Gradients(plain, new() { ["d"] = quantised }, "d");

        Assert.NotEqual(x, quantised);
        Assert.All(expected["d"].Zip(gradients["x"]), p => Assert.Equal(p.First, p.Second, 1e-6));
    }

    [Fact]
    public void Whole_numbers_that_are_cast_back_by_hand_pass_it_as_well()
    {
        var model = Parse("input x f32[3]\nconst s f32[] = 0.5\nconst z i8[] = 0\nq = QuantizeLinear(x, s, z)\nf = Cast(q) to=1\ny = Mul(f, s)\noutput y");

        Assert.Equal([1, 1, 0], Gradients(model, new() { ["x"] = [0.3, -20, 100] }, "x").Values["x"]);
    }

    [Fact]
    public void Rounding_inside_a_branch_and_of_float16_is_passed_as_well()
    {
        var model = Parse("""
            input x f16[2]
            input c bool[]
            y = If(c) then_branch=@a else_branch=@b
            output y
            graph a
            r = Round(x)
            output r
            graph b
            i = Identity(x)
            output i
            main
            """);

        Assert.Equal([1, 1], Gradients(model, new() { ["x"] = [0.3, 7.7], ["c"] = [1] }, "x").Values["x"]);
    }

    [Theory]
    [InlineData("y = Round(x)", "Round")]
    [InlineData("const s f32[] = 0.5\nconst z i8[] = 0\nq = QuantizeLinear(x, s, z)\ny = DequantizeLinear(q, s, z)", "QuantizeLinear")]
    public void Unasked_it_stops_and_the_reason_names_the_option(string nodes, string culprit)
    {
        var model = Parse($"input x f32[2]\n{nodes}\noutput y");
        ShapeInference.Infer(model.Graph);
        var loss = AttachLoss.Run(model.Graph, kind: LossKind.Sum).Loss;
        var result = Differentiate.Run(model.Graph, loss, [model.Graph.Inputs[0]]);

        Assert.DoesNotContain(model.Graph.Inputs[0], result.Gradients.Keys);
        var stop = Assert.Single(result.Blocked);
        Assert.Equal((culprit, false), (stop.Node.OpType, stop.IsMissingRule));
        Assert.Contains("--straight-through", stop.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_rule_takes_the_place_of_a_stop() =>
        Assert.All(StraightThroughRules.All, r => Assert.Equal(r.Since, GradientRules.Stops[r.OpType].Since));

    static Model Parse(string text) => TextGraph.Parse($"opset 21\n{text}");

    /// <summary>The straight-through gradients of the sum of all outputs.</summary>
    static (Dictionary<string, double[]> Values, IReadOnlyList<BlockedNode> Blocked) Gradients(Model model, Dictionary<string, double[]> feeds, params string[] targets)
    {
        var graph = model.Graph;
        ShapeInference.Infer(graph);
        var loss = AttachLoss.Run(graph, kind: LossKind.Sum).Loss;
        var inputs = targets.Select(t => graph.Inputs.Single(i => string.Equals(i.Name, t, StringComparison.Ordinal))).ToList();
        var result = Differentiate.Run(graph, loss, inputs, straightThrough: true);
        graph.Outputs.Clear();
        graph.Outputs.AddRange(inputs.Select(i => result.Gradients[i]));
        var values = Run(model, feeds);
        return (inputs.ToDictionary(i => i.Name, i => values[result.Gradients[i].Name].ToDoubles(), StringComparer.Ordinal), result.Blocked);
    }

    static Dictionary<string, TensorData> Run(Model model, Dictionary<string, double[]> feeds) => OrtReference.Run(OnnxWriter.ToBytes(model), model.Graph.Inputs.ToDictionary(
        i => i.Name, i => TensorData.FromNumbers(i.Type, i.Shape!.ToArray(), feeds[i.Name]), StringComparer.Ordinal));
}
