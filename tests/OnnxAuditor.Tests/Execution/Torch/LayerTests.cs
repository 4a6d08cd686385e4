using GraphRewriter.Ir;
using GraphRewriter.Tests.Gradients;
using OnnxAuditor.Execution.Torch;
using OnnxAuditor.Tests.Execution.Torch.Samples;
using TorchSharp;
using Xunit;
using static GraphRewriter.Tests.Gradients.SampleInput;
using Attribute = GraphRewriter.Ir.Attribute;

namespace OnnxAuditor.Tests.Execution.Torch;

/// <summary>
/// Convolutions, pooling, sampling, resampling, transforms, recurrent layers and losses on both engines, with attributes that the gradient samples do not combine.
/// </summary>
public class LayerTests
{
    /// <summary>Of the largest entry; both sides compute in float32.</summary>
    const double Tolerance = 2e-5;

    static readonly Dictionary<string, OpSample> ById =
        ((OpSample[])[.. WindowSamples.All, .. ResizeSamples.All, .. PlaceSamples.All, .. LayerSamples.All]).ToDictionary(s => s.Id, StringComparer.Ordinal);

    public static TheoryData<string> Ids => [.. ById.Keys];

    [Theory]
    [MemberData(nameof(Ids))]
    public void Outputs_and_gradients_are_those_of_Onnx_Runtime_and_our_rules(string id)
    {
        var sample = new DifferentiatedSample(ById[id]);

        var expected = sample.OnOrt(twice: false);
        var found = sample.OnTorch(twice: false);

        Assert.Equal(expected.Keys, found.Keys);
        Assert.All(expected, e => AssertClose(e.Key, e.Value, found[e.Key]));
    }

    static readonly SpecifiedSample[] Specified =
    [
        new(new("ConvTranspose", "output padding as large as the stride", [Values([1, 1, 2], 1, 2), Values([1, 1, 2], 1, 10), Values([1], 1)],
            [Attribute.Of("strides", [2L]), Attribute.Of("output_padding", [2L])]), [2, 11, 3, 21, 1, 1]),
        new(new("Conv", "SAME_UPPER, dilated", [Values([1, 1, 4], 1, 2, 3, 4), Values([1, 1, 2], 1, 10)],
            [Attribute.Of("auto_pad", "SAME_UPPER"), Attribute.Of("dilations", [2L])]), [20, 31, 42, 3]),
        new(new("LRN", "even number of channels", [Values([1, 4, 1], 1, 2, 3, 4)],
            [Attribute.Of("size", 2L), Attribute.Of("alpha", 2f), Attribute.Of("beta", 1f)]), [1 / 6.0, 2 / 14.0, 3 / 26.0, 4 / 17.0]),
        new(new("Resize", "a single axis, linear", [Values([2], 1, 3), null, Values([1], 2)], [Attribute.Of("mode", "linear")]), [1, 1.5, 2.5, 3]),
        // ONNX Runtime 1.31.1 takes no notice of the region along an axis whose size stays.
        new(new("Resize", "cropped to its own size", [Values([1, 5], 0, 1, 2, 3, 4), Values([4], 0, 0.5, 1, 1), null, I(1, 5)],
            [Attribute.Of("mode", "linear"), Attribute.Of("coordinate_transformation_mode", "tf_crop_and_resize")]), [2, 2.5, 3, 3.5, 4]),
        new(new("DFT", "inverse, one-sided", [Values([1, 3, 2], 10, 0, -2, 2, -2, 0)], [Attribute.Of("inverse", 1L), Attribute.Of("onesided", 1L)]), [1, 2, 3, 4]),
    ];

    public static TheoryData<string> SpecifiedIds => [.. Specified.Select(s => s.Sample.Id)];

    [Theory]
    [MemberData(nameof(SpecifiedIds))]
    public void Operators_that_Onnx_Runtime_refuses_or_takes_otherwise_give_what_the_specification_says(string id)
    {
        var (sample, outputs) = Array.Find(Specified, s => string.Equals(s.Sample.Id, id, StringComparison.Ordinal))!;
        var graph = new SampleGraph(sample, [.. sample.Inputs.Select(i => i?.Values)], ElementType.Float32);
        var feeds = sample.Inputs.Select((input, i) => (Name: $"x{i}", Input: input)).Where(f => f.Input is { IsConstant: false })
            .ToDictionary(f => f.Name, f => TensorData.FromNumbers(f.Input!.Type, f.Input.Dims, f.Input.Values!), StringComparer.Ordinal);
        using var executor = new TorchExecutor(graph.Model);

        var y = executor.Run(feeds, ["y0"], TestContext.Current.CancellationToken)[0].ToDoubles();

        Assert.Equal(outputs[0].Length, y.Length);
        Assert.All(outputs[0].Zip(y), p => Assert.Equal(p.First, p.Second, 1e-6));
    }

    /// <summary>Samples whose gradient no rule of ours gives.</summary>
    static readonly OpSample[] WithoutRule =
    [
        .. PlaceSamples.All.Where(s => s is { Op: "RoiAlign", Inputs: [{ HasGradient: false }, ..] }),
        .. ResizeSamples.All.Where(s => s.Inputs is [{ HasGradient: false, IsFloat: true }, ..]),
        new("ConvTranspose", "output padding beyond the stride", [F(1, 2, 4, 4), F(2, 3, 3, 3), F(3)],
            [Attribute.Of("strides", [2L, 2]), Attribute.Of("dilations", [3L, 3]), Attribute.Of("output_padding", [2L, 1])]),
        new("LRN", "even number of channels", [F(1, 6, 3, 2)], [Attribute.Of("size", 4L), Attribute.Of("alpha", 0.5f)]),
        new("DFT", "inverse, one-sided", [F(2, 5, 2)], [Attribute.Of("inverse", 1L), Attribute.Of("onesided", 1L)]),
    ];

    public static TheoryData<string> WithoutRuleIds => [.. WithoutRule.Select(s => s.Id)];

    [Theory]
    [MemberData(nameof(WithoutRuleIds))]
    public void Autograd_is_the_finite_difference_where_no_rule_gives_the_gradient(string id)
    {
        var sample = Array.Find(WithoutRule, s => string.Equals(s.Id, id, StringComparison.Ordinal))!;
        var values = new GradientCheck(sample).Values;
        var graph = new SampleGraph(sample, values, ElementType.Float64);
        var random = new Random(11);
        var direction = Draw(values[0]!.Length);
        using var executor = new TorchExecutor(graph.Model);
        var leaf = graph.Model.Graph.Inputs[0];
        using var everything = torch.NewDisposeScope();
        using var pass = executor.Forward(Feeds(0), [.. graph.Outputs], [leaf], TestContext.Current.CancellationToken);
        var weights = torch.tensor(Draw((int)pass[graph.Outputs[0]].numel()), pass[graph.Outputs[0]].shape, torch.ScalarType.Float64);

        var gradient = TorchTensors.Fetch(pass.Gradients(graph.Outputs[0], [leaf], weights)[0]!, ElementType.Float64).ToDoubles();

        const double Step = 1.0 / 4096;
        var difference = (8 * (Loss(Step) - Loss(-Step)) - (Loss(2 * Step) - Loss(-2 * Step))) / (12 * Step);
        var found = gradient.Zip(direction, (g, d) => g * d).Sum();
        Assert.Equal(difference, found, 1e-8 * gradient.Zip(direction, (g, d) => Math.Abs(g * d)).Sum());

        double Loss(double step)
        {
            using var moved = executor.Forward(Feeds(step), [.. graph.Outputs], [], TestContext.Current.CancellationToken);
            using var made = torch.NewDisposeScope();
            return (moved[graph.Outputs[0]] * weights).sum().item<double>();
        }

        Dictionary<string, TensorData> Feeds(double step) => sample.Inputs.Select((input, i) => (Index: i, Input: input)).Where(f => f.Input is { IsConstant: false })
            .ToDictionary(f => $"x{f.Index}", f => TensorData.FromNumbers(f.Input!.IsFloat ? ElementType.Float64 : f.Input.Type, f.Input.Dims,
                f.Index == 0 ? [.. values[0]!.Zip(direction, (v, d) => v + step * d)] : values[f.Index]!), StringComparer.Ordinal);

        double[] Draw(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextDouble() * 2 - 1)];
    }

    public static TheoryData<string> GridIds => [.. PlaceSamples.All.Where(s => s.Op is "GridSample" && !s.Name.Contains("cubic", StringComparison.Ordinal)).Select(s => s.Id)];

    /// <summary>libtorch's own reading, which cannot be differentiated twice, and ours, which can.</summary>
    [Theory]
    [MemberData(nameof(GridIds))]
    public void Reading_at_places_is_that_of_libtorch(string id)
    {
        var sample = ById[id];
        var values = new GradientCheck(sample).Values;
        var graph = new SampleGraph(sample, values, ElementType.Float64);
        var leaves = graph.Model.Graph.Inputs;
        using var executor = new TorchExecutor(graph.Model);
        using var everything = torch.NewDisposeScope();
        var feeds = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        for (var i = 0; i < leaves.Count; i++) feeds[leaves[i].Name] = TensorData.FromDoubles(sample.Inputs[i]!.Dims, values[i]!);
        using var pass = executor.Forward(feeds, [.. graph.Outputs], leaves, TestContext.Current.CancellationToken);
        var (x, grid) = (pass[leaves[0]].detach().requires_grad_(), pass[leaves[1]].detach().requires_grad_());
        var node = graph.Model.Graph.Nodes[0];
        var padding = Enum.Parse<torch.GridSamplePaddingMode>(node.String("padding_mode"), ignoreCase: true);
        var mode = node.String("mode") is "nearest" ? torch.GridSampleMode.Nearest : torch.GridSampleMode.Bilinear;

        var expected = torch.nn.functional.grid_sample(x, grid, mode, padding, node.Int("align_corners") != 0);
        var found = pass[graph.Outputs[0]];

        Assert.True(expected.allclose(found, 1e-12, 1e-12));
        var weights = torch.linspace(-1, 1, expected.numel(), torch.ScalarType.Float64).reshape(expected.shape);
        var gradients = TorchPass.Gradients(expected, [x, grid], weights);
        var ours = pass.Gradients(graph.Outputs[0], [.. leaves], weights);
        Assert.True(gradients[0]!.allclose(ours[0]!, 1e-12, 1e-12));
        Assert.True(gradients[1]!.allclose(ours[1] ?? torch.zeros_like(grid), 1e-10, 1e-10));
    }

    [Fact]
    public void Padding_that_the_engines_take_differently_is_refused()
    {
        var sample = new OpSample("ConvTranspose", "short kernel", [Values([1, 1, 2], 1, 2), Values([1, 1, 1], 1)],
            [Attribute.Of("strides", [3L]), Attribute.Of("auto_pad", "SAME_UPPER")]);
        AssertRefused("Torch cannot run ConvTranspose 'node': its padding would be negative, which the specification and ONNX Runtime take differently.", sample);
    }

    [Fact]
    public void The_place_of_a_single_element_between_aligned_corners_is_refused()
    {
        var sample = new OpSample("AffineGrid", "thin", [Values([1, 2, 3], 1, 0, 0, 0, 1, 0), I(1, 1, 1, 4)], [Attribute.Of("align_corners", 1L)]);
        const string Why = "where the only element of an axis lies when corners are aligned, PyTorch, ONNX Runtime and the specification say differently";
        AssertRefused($"Torch cannot run AffineGrid 'node': {Why}.", sample);
    }

    [Fact]
    public void Integers_filtered_are_refused()
    {
        var x = new SampleInput([2], ElementType.UInt8, Values: [1, 2], HasGradient: false);
        var sample = new OpSample("Resize", "integers", [x, null, new([1], ElementType.Float32, Values: [2], IsConstant: true)], [Attribute.Of("mode", "cubic")]);
        AssertRefused("Torch cannot run Resize 'node': how it rounds to integers is not specified.", sample);
    }

    static void AssertRefused(string message, OpSample sample)
    {
        var graph = new SampleGraph(sample, [.. sample.Inputs.Select(i => i?.Values)], ElementType.Float32);
        var feeds = graph.Model.Graph.Inputs.ToDictionary(
            i => i.Name, i => TensorData.FromNumbers(i.Type, i.Shape!.ToArray(), sample.Inputs[int.Parse(i.Name[1..])]!.Values!), StringComparer.Ordinal);
        using var executor = new TorchExecutor(graph.Model);
        Assert.Equal(message, Assert.Throws<ModelException>(() => executor.Run(feeds, ["y0"], TestContext.Current.CancellationToken)).Message);
    }

    static SampleInput Values(long[] dims, params double[] values) => new(dims, ElementType.Float32, Values: values, HasGradient: false);

    static void AssertClose(string name, TensorData expected, TensorData found)
    {
        Assert.Equal(expected.ToString(), found.ToString());
        var (a, b) = (expected.ToDoubles(), found.ToDoubles());
        var allowed = expected.Type.IsFloat ? Tolerance * a.Select(Math.Abs).Append(0).Max() : 0;
        for (var i = 0; i < a.Length; i++)
            Assert.True(Math.Abs(a[i] - b[i]) <= allowed, $"{name}[{i}] is {b[i]} on Torch, {a[i]} on ONNX Runtime; on Torch {Text(b)}, on ONNX Runtime {Text(a)}.");
    }

    static string Text(double[] values) => string.Join(' ', values.Take(24));
}
