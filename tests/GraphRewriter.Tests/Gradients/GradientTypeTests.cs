using GraphRewriter.Gradients;
using GraphRewriter.Inference;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using Xunit;

namespace GraphRewriter.Tests.Gradients;

/// <summary>Gradients of models that store float16 or bfloat16: they have the model's types and are computed in float32.</summary>
public class GradientTypeTests
{
    /// <summary>Operators that compute nothing: they convert, or take the shape alone, or give a value another name.</summary>
    static readonly string[] Neutral = ["Cast", "Shape", "Size", "Identity"];

    static readonly double[] Cotangents = [1, -0.5, 0.75];

    [Theory]
    [InlineData(ElementType.Float16)]
    [InlineData(ElementType.BFloat16)]
    public void Gradients_have_the_type_and_shape_of_narrow_inputs_and_are_computed_in_float32(ElementType type)
    {
        var wrong = new List<string>();
        foreach (var sample in OpSamples.All)
        {
            var graph = new SampleGraph(sample, new GradientCheck(sample).Values, type);
            var forward = graph.Model.Graph.AllNodes().ToHashSet();
            foreach (var slot in graph.Differentiate())
            {
                var gradient = graph.Model.Graph.Outputs.Single(o => string.Equals(o.Name, $"g{slot}", StringComparison.Ordinal));
                if (gradient.Type != type || !Shape.SurelyEqual(gradient.Shape, Shape.Of(sample.Inputs[slot]!.Dims))) wrong.Add($"{sample.Id}, input {slot}: {gradient}");
            }
            // The gradient of an If computes the branches once more, as the model does.
            if (sample.Op != "If") wrong.AddRange(graph.Model.Graph.AllNodes().Where(n => !forward.Contains(n) && ComputesIn(n, type)).Select(n => $"{sample.Id}: {n} computes in {type}"));
        }
        Assert.Equal("", string.Join('\n', wrong));
    }

    static bool ComputesIn(Node node, ElementType type) =>
        !Neutral.Contains(node.OpType, StringComparer.Ordinal) && !node.Subgraphs.Any() && node.Inputs.Concat(node.Outputs).Any(v => v?.Type == type);

    /// <summary>
    /// What differs from float32 is the forward pass, each of whose results is rounded to a 2048th of itself, and the gradient's own rounding; a formula has a few such
    /// results in it. Gradients below 1 may be differences of such.
    /// </summary>
    [Fact]
    public void Gradients_of_float16_are_those_of_float32_up_to_the_rounding_of_the_forward_pass()
    {
        const double Tolerance = 8.0 / 2048;
        var wrong = new List<string>();
        foreach (var sample in OpSamples.All.Where(s => !s.IsRandom))
        {
            var drawn = new GradientCheck(sample).Values;
            double[]?[] values = [.. drawn.Select((v, i) => v is null || !sample.Inputs[i]!.IsFloat ? v : TensorData.FromNumbers(ElementType.Float16, [v.Length], v).ToDoubles())];
            var narrow = new SampleGraph(sample, values, ElementType.Float16);
            var wide = new SampleGraph(sample, values, ElementType.Float32);
            var slots = narrow.Differentiate();
            Assert.Equal(wide.Differentiate(), slots);
            if (narrow.Model.Graph.Inputs.Exists(i => i.Shape is not { IsStatic: true })) continue; // the size of a cotangent that only a run tells
            BetweenCasts.Put(narrow.Model.Graph);
            var (actual, expected) = (Gradients(narrow.Model, sample, values), Gradients(wide.Model, sample, values));
            foreach (var slot in slots)
            {
                var (a, e) = (actual[$"g{slot}"].ToDoubles(), expected[$"g{slot}"].ToDoubles());
                var difference = a.Zip(e, (x, y) => Math.Abs(x - y)).DefaultIfEmpty(0).Max();
                var largest = e.Select(Math.Abs).DefaultIfEmpty(0).Max();
                if (!(difference <= Tolerance * Math.Max(largest, 1))) wrong.Add($"{sample.Id}, input {slot}: {difference:G3} of {largest:G3}");
            }
        }
        Assert.Equal("", string.Join('\n', wrong));
    }

    /// <summary>Runs a differentiated sample; the cotangents are 1, -1/2 and 3/4 in turn.</summary>
    static Dictionary<string, TensorData> Gradients(Model model, OpSample sample, double[]?[] values)
    {
        using var session = OrtReference.Open(OnnxWriter.ToBytes(model));
        var feeds = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        foreach (var input in model.Graph.Inputs)
        {
            var slot = input.Name[0] == 'x' ? int.Parse(input.Name[1..], System.Globalization.CultureInfo.InvariantCulture) : -1;
            long[] dims = slot >= 0 ? sample.Inputs[slot]!.Dims : input.Shape!.ToArray();
            feeds[input.Name] = TensorData.FromNumbers(input.Type, dims, slot >= 0 ? values[slot]! : [.. Enumerable.Range(0, (int)dims.Aggregate(1L, (a, b) => a * b)).Select(i => Cotangents[i % 3])]);
        }
        return OrtReference.Run(session, feeds);
    }

    // float16 has no number between 2048 and 2050: 4096 ones added up in it make 2048.
    const int Many = 4096;

    [Theory]
    [InlineData("y = Add(x, b)", "b", "1", 1)] // a broadcast undone
    [InlineData("y = Gather(b, i)", "b", "1", 1)] // a scatter
    [InlineData("m = Mul(x, x)\ny = MatMul(m, b)", "b", "1 1", 1)] // a product
    [InlineData("r = Reshape(x, images)\ny = Conv(r, w, b)", "b", "1", 1)] // a bias
    [InlineData("s = Mul(b, small)\nc = Add(s, x)\ny = Mul(c, large)", "b", "1", 2)] // by s it is 4096 * 2048, which is beyond float16
    public void A_gradient_of_many_terms_is_summed_in_float32(string nodes, string target, string shape, double each)
    {
        var model = TextGraph.Parse($"""
            opset 21
            input x f16[{Many},1]
            input i i64[{Many}]
            input b f16[{shape.Replace(' ', ',')}]
            const w f16[1,1,1,1] = 1
            const images i64[4] = 64 1 8 8
            const small f16[] = 0.0009765625
            const large f16[] = 2048
            {nodes}
            output y
            """);
        var gradient = GradientOfSum(model, target, inputs => inputs.Type == ElementType.Int64 ? 0 : 1);

        Assert.Equal(ElementType.Float16, gradient.Type);
        Assert.Equal([Many * each], gradient.ToDoubles());
    }

    [Fact]
    public void Contributions_of_many_uses_are_summed_in_float32()
    {
        var uses = string.Join('\n', Enumerable.Range(0, Many).Select(i => $"u{i} = Identity(x)"));
        var model = TextGraph.Parse($"opset 21\ninput x f16[1]\n{uses}\ny = Concat({string.Join(", ", Enumerable.Range(0, Many).Select(i => $"u{i}"))}) axis=0\noutput y");

        Assert.Equal([(double)Many], GradientOfSum(model, "x", _ => 1).ToDoubles());
    }

    [Fact]
    public void The_loss_is_summed_and_kept_in_float32()
    {
        var model = TextGraph.Parse("opset 21\ninput x f16[512,512]\ny = Relu(x)\noutput y");
        ShapeInference.Infer(model.Graph);
        var loss = AttachLoss.Run(model.Graph, kind: LossKind.Sum).Loss;
        model.Graph.Outputs.Add(loss);

        Assert.Equal(ElementType.Float32, loss.Type);
        Assert.Equal([262144.0], Run(model, _ => 1)[loss.Name].ToDoubles());
    }

    /// <summary>The gradient of the sum of all outputs.</summary>
    static TensorData GradientOfSum(Model model, string target, Func<Value, double> fill)
    {
        var graph = model.Graph;
        ShapeInference.Infer(graph);
        var loss = AttachLoss.Run(graph, kind: LossKind.Sum).Loss;
        var x = graph.Inputs.Single(i => string.Equals(i.Name, target, StringComparison.Ordinal));
        var gradient = Differentiate.Run(graph, loss, [x]).Gradients[x];
        graph.Outputs.Clear();
        graph.Outputs.Add(gradient);
        return Run(model, fill)[gradient.Name];
    }

    static Dictionary<string, TensorData> Run(Model model, Func<Value, double> fill) => OrtReference.Run(OnnxWriter.ToBytes(model), model.Graph.Inputs.ToDictionary(
        i => i.Name, i => TensorData.FromNumbers(i.Type, i.Shape!.ToArray(), [.. Enumerable.Repeat(fill(i), (int)i.Shape!.ElementCount)]), StringComparer.Ordinal));
}
