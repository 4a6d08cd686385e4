using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using MathNet.Numerics.LinearAlgebra;
using OnnxAuditor.Execution.Torch;
using OnnxAuditor.Measurement;
using OnnxAuditor.Measurement.Instruments;
using OnnxAuditor.Numerics;
using TorchSharp;
using Xunit;

namespace OnnxAuditor.Tests.Proxies;

/// <summary>
/// Derivatives that proxies measure, by autograd in float64 on the canonical model: no gradient rule, no emitted graph of ours has a part in what is expected.
/// </summary>
public sealed class AutogradProxyTests
{
    const long Batch = 4;

    /// <summary>The graphs of ours run in float32.</summary>
    const double Tolerance = 1e-4;

    static readonly Protocol Shipped = new(WeightSource.Shipped, NormStatistics.Batch, InputLaw.Auto, Batch, 0, Probes.None);

    /// <summary>A network with its loss on Torch in float64.</summary>
    sealed class Differentiated : IDisposable
    {
        readonly TorchExecutor executor;
        readonly DisposeScope made;

        public Differentiated(CanonicalModel source, Protocol protocol, IReadOnlyDictionary<string, TensorData> data, IEnumerable<Value> keep, IEnumerable<Value> leaves)
        {
            if (TorchLibrary.Unavailable is { } why) Assert.Skip(why);
            Graph = LossGraph.Build(source, protocol.Statistics);
            Value Image(Value v) => Graph.Images[v];
            executor = new TorchExecutor(Graph.Model, new TorchSettings(Threads: 1, Float64: true));
            var feeds = Graph.Feeds(MakeInputs.For(source, protocol, 1, data, ""), source.Parameters, protocol.Seed);
            made = torch.NewDisposeScope();
            Pass = executor.Forward(feeds, [Graph.Attached.Loss, .. keep.Select(Image)], [.. leaves.Select(Image)], TestContext.Current.CancellationToken);
        }

        public LossGraph Graph { get; }

        public TorchPass Pass { get; }

        public torch.Tensor this[Value value] => Pass[Graph.Images[value]];

        public torch.Tensor Loss => Pass[Graph.Attached.Loss];

        /// <summary>The gradient of a tensor by some others, as numbers.</summary>
        public double[][] Gradients(torch.Tensor of, params IEnumerable<Value> by)
        {
            torch.Tensor[] tensors = [.. by.Select(v => this[v])];
            return [.. TorchPass.Gradients(of, tensors).Zip(tensors, (g, t) => Numbers(g ?? torch.zeros_like(t)))];
        }

        public void Dispose()
        {
            Pass.Dispose();
            made.Dispose();
            executor.Dispose();
        }
    }

    static double[] Numbers(torch.Tensor t) => [.. t.detach().to(torch.ScalarType.Float64).cpu().contiguous().data<double>()];

    static IEnumerable<Parameter> Weights(CanonicalModel model) => model.Parameters.Where(p => p.Trainable && p.Role.IsLayerWeight());

    const string Large = "shared/torch/torch_mobilenet_v3.onnx";

    /// <summary>Networks of all kinds; the large one on request.</summary>
    public static TheoryData<string> Networks => ["models/residual_cnn.onnx", "models/transformer.onnx", "models/lstm_tagger.onnx", "shared/torch/torch_encoder.onnx", new TheoryDataRow<string>(Large) { Explicit = true }];

    [Theory]
    [MemberData(nameof(Networks))]
    public void First_gradients_are_those_of_autograd(string path)
    {
        var scored = ScoredModel.At(path) with { Batch = Batch };
        var canonical = scored.Canonical(Batch);
        var weights = Weights(canonical).ToList();
        var layers = FindLayers.In(canonical).Where(l => l.Kind is LayerKind.Convolution or LayerKind.Linear && l.Output.Shape![0].Size == Batch).ToList();
        using var exact = new Differentiated(canonical, Shipped, scored.Data, layers.Select(l => l.Output), weights.Select(w => w.Value));
        var gradients = exact.Gradients(exact.Loss, weights.Select(w => w.Value));
        var products = gradients.Zip(weights, (g, w) => g.Zip(w.Value.Data!.ToDoubles(), (a, b) => a * b)).SelectMany(p => p).ToList();
        var fisher = exact.Gradients(exact.Loss, layers.Select(l => l.Output)).Zip(layers, (g, l) => Fisher(Numbers(exact[l.Output]), g, l)).Sum();

        var found = scored.Scores("grad_norm", "snip", "plain", "fisher");
        ScoredModel.AssertClose("grad_norm", gradients.Sum(g => Math.Sqrt(g.Sum(v => v * v))), found["grad_norm"].Value!.Value, Tolerance);
        ScoredModel.AssertClose("snip", products.Sum(Math.Abs), found["snip"].Value!.Value, Tolerance);
        // What cancels has the rounding of its terms.
        Assert.Equal(products.Sum(), found["plain"].Value!.Value, Tolerance * products.Sum(Math.Abs));
        Assert.Equal(fisher, found["fisher"].Value!.Value, 2e-4 * fisher);
    }

    static double Fisher(double[] activation, double[] gradient, Layer layer)
    {
        var shape = layer.Output.Shape!.ToArray();
        var inner = shape.Skip(layer.ChannelAxis + 1).Aggregate(1L, (a, b) => a * b);
        var sums = new double[Batch, shape[layer.ChannelAxis]];
        for (var i = 0; i < activation.Length; i++) sums[i / (activation.Length / Batch), i / inner % shape[layer.ChannelAxis]] += activation[i] * gradient[i];
        var weights = (layer.Node.Inputs.Skip(1).Concat(layer.Node.Inputs.Take(1)).FirstOrDefault(v => v?.Data is not null) ?? layer.Node.Inputs[1])!.Shape!.ElementCount / (double)shape[layer.ChannelAxis];
        return sums.Cast<double>().Sum(s => s * s) / 2 / Batch * weights;
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void GraSP_is_the_product_with_the_Hessian_that_autograd_gives(string path)
    {
        var scored = ScoredModel.At(path) with { Batch = Batch };
        var canonical = scored.Canonical(Batch);
        var weights = Weights(canonical).ToList();
        using var exact = new Differentiated(canonical, Shipped, scored.Data, [], weights.Select(w => w.Value));
        using var curvature = new LossCurvature(exact.Pass, exact.Graph.Attached.Loss, [.. weights.Select(w => exact.Graph.Images[w.Value])]);
        var terms = curvature.Product(curvature.Gradient()).Zip(weights.SelectMany(w => w.Value.Data!.ToDoubles()), (a, b) => -a * b).ToList();
        Assert.Equal(terms.Sum(), scored.Value("grasp"), Tolerance * terms.Sum(Math.Abs));
    }

    [Theory]
    [InlineData("models/residual_cnn.onnx", "input")]
    [InlineData("shared/torch/torch_encoder.onnx", null)]
    [InlineData(Large, null, Explicit = true)]
    public void Gradients_by_the_input_and_of_single_samples_are_those_of_autograd(string path, string? input)
    {
        var scored = ScoredModel.At(path) with { Batch = Batch };
        var canonical = scored.Canonical(Batch);
        var x = canonical.Model.Graph.Inputs.First(i => i.Data is null && (input is null || i.Name.Contains(input, StringComparison.Ordinal) || i.IsFloat));
        Assert.True(x.IsFloat);
        using (var exact = new Differentiated(canonical, Shipped, scored.Data, canonical.Model.Graph.Outputs, [x]))
        {
            var rows = exact.Gradients(exact[canonical.Model.Graph.Outputs[0]].sum(), x)[0].Chunk((int)(x.Shape!.ElementCount / Batch)).ToArray();
            var correlation = HandComputedTests.Correlation(Matrix<double>.Build.DenseOfRowArrays(rows)).Evd(Symmetricity.Symmetric).EigenValues;
            ScoredModel.AssertClose("jacob_cov", -correlation.Sum(v => Math.Log(v.Real + 1e-5) + 1 / (v.Real + 1e-5)), scored.Value("jacob_cov"), Tolerance);
        }
        // Samples go forward alone: here each by itself with the statistics of its own batch of one.
        var single = scored.Canonical(1);
        var counted = single.Parameters.Where(p => p.Trainable && p.Role is ParameterRole.ConvolutionWeight or ParameterRole.LinearWeight or ParameterRole.NormalizationScale).ToList();
        var all = scored.Inputs(Shipped).ToDictionary(i => i.Key, i => i.Value.Data, StringComparer.Ordinal);
        var gradients = Enumerable.Range(0, (int)Batch).Select(s =>
        {
            using var exact = new Differentiated(single, Shipped with { Batch = 1 }, all.ToDictionary(d => d.Key, d => BatchPart.Of(d.Value, 0, s, 1), StringComparer.Ordinal), single.Model.Graph.Outputs, counted.Select(p => p.Value));
            return exact.Gradients(exact[single.Model.Graph.Outputs[0]].sum(), counted.Select(p => p.Value)).SelectMany(g => g).ToArray();
        }).ToArray();
        var g = Matrix<double>.Build.DenseOfRowArrays(gradients);
        var kernel = (g * g.Transpose()).Evd(Symmetricity.Symmetric).EigenValues.Select(v => v.Real).Order().ToArray();
        var found = scored.Score("ntk_condition");
        Assert.Equal(kernel[^1], found.Components["maxEigenvalue"], Tolerance * kernel[^1]);
        Assert.Equal(kernel[0], found.Components["minEigenvalue"], Tolerance * kernel[^1]);
    }

    [Theory]
    [InlineData("models/residual_cnn.onnx")]
    [InlineData("shared/torch/torch_encoder.onnx")]
    [InlineData(Large, Explicit = true)]
    public void The_derivatives_along_the_circle_are_those_of_autograd(string path)
    {
        if (TorchLibrary.Unavailable is { } why) Assert.Skip(why);
        var scored = ScoredModel.At(path) with { Batch = 1 };
        var canonical = scored.Canonical(1);
        var protocol = Shipped with { Batch = 1, Input = InputLaw.CirclePoint };
        var (x, y) = (canonical.Model.Graph.Inputs.Single(i => i.Data is null && i.IsFloat), canonical.Model.Graph.Outputs[0]);
        using var exact = new Differentiated(canonical, protocol, scored.Data, [y], [x]);
        var (u, v) = OrthonormalPair.Of((int)x.Shape!.ElementCount, 0, x.Name);
        var (input, output) = (exact.Graph.Images[x], exact.Graph.Images[y]);
        TensorData Place(IEnumerable<double> values) => TensorData.FromDoubles([.. x.Shape.ToArray()], [.. values]);
        // x″ = −u adds J x″ to the second derivative along v.
        var (velocity, straight) = Jacobian.Along(exact.Pass, output, input, Place(v));
        var bend = Jacobian.Times(exact.Pass, output, input, Place(u.Select(a => -a)));
        var acceleration = straight.ToDoubles().Zip(bend.ToDoubles(), (a, b) => a + b).ToArray();

        var (found, failure) = scored.Run(protocol with { Instruments = [OutputCurve.Instrument] }).Read(OutputCurve.Instrument);
        Assert.True(found is not null, failure);
        AssertClose("velocity", velocity.ToDoubles(), found.Velocity);
        AssertClose("acceleration", acceleration, found.Acceleration);
        Assert.True(velocity.ToDoubles().Any(d => d != 0) && acceleration.Any(d => d != 0));
    }

    /// <summary>Of the largest entry.</summary>
    static void AssertClose(string what, double[] expected, double[] found)
    {
        Assert.Equal(expected.Length, found.Length);
        var largest = expected.Max(Math.Abs);
        for (var i = 0; i < expected.Length; i++) Assert.True(Math.Abs(expected[i] - found[i]) <= 1e-3 * largest, $"{what} [{i}]: {found[i]:R} where autograd gives {expected[i]:R}, of at most {largest:G3}");
    }

    [Theory]
    [InlineData("models/residual_cnn.onnx")]
    [InlineData("models/transformer.onnx")]
    [InlineData("shared/torch/torch_encoder.onnx")]
    [InlineData(Large, Explicit = true)]
    public void Cotangents_go_back_through_blocks_as_by_autograd(string path)
    {
        var scored = ScoredModel.At(path) with { Batch = Batch };
        var canonical = scored.Canonical(Batch);
        var borders = FindBlocks.Borders(canonical);
        using var exact = new Differentiated(canonical, Shipped, scored.Data, borders.Select(b => b.Output), canonical.Parameters.Where(p => p.Trainable).Select(p => p.Value));
        var found = scored.Run(Shipped with { Instruments = [BlockJacobians.Instrument] }).Read(BlockJacobians.Instrument).Value!;
        Assert.True(found.Blocks.Count > 1);
        foreach (var block in found.Blocks)
        {
            var at = borders.ToList().FindIndex(b => string.Equals(b.Output.Name, block.Block.Output.Name, StringComparison.Ordinal));
            var (from, to) = (borders[at - 1], borders[at]);
            using var scope = torch.NewDisposeScope();
            var cotangent = Rademacher(to);
            var back = TorchPass.Gradients(exact[to.Output], [exact[from.Output]], cotangent)[0]!;
            if (back.shape.Length == 4 && back.shape[2] != cotangent.shape[2]) back = torch.nn.functional.pixel_unshuffle(back, back.shape[2] / cotangent.shape[2]);
            torch.Tensor Rows(torch.Tensor t, int axis) => t.movedim([axis], [-1]).reshape(-1, t.shape[axis]);
            var product = Rows(back, from.ChannelAxis).transpose(0, 1).matmul(Rows(cotangent, to.ChannelAxis)) / (cotangent.numel() / cotangent.shape[to.ChannelAxis]);
            ScoredModel.AssertClose($"{path} {block.Block.Name}", torch.linalg.svdvals(product)[0].item<double>(), block.LargestSingularValue!.Value, Tolerance);
        }
    }

    static torch.Tensor Rademacher(Layer border)
    {
        var shape = border.Output.Shape!.ToArray();
        var each = (int)(border.Output.Shape.ElementCount / Batch);
        var signs = Enumerable.Range(0, (int)Batch).SelectMany(s => new SeededRandom(0, $"cotangent/{border.Name}/{s}") is var random ? Enumerable.Range(0, each).Select(_ => random.Integer(2) == 0 ? -1.0 : 1).ToArray() : []);
        return torch.tensor(signs.ToArray(), shape, torch.ScalarType.Float64);
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void SynFlow_is_the_flow_that_autograd_gives(string path)
    {
        if (TorchLibrary.Unavailable is { } why) Assert.Skip(why);
        var scored = ScoredModel.At(path);
        var canonical = scored.Canonical(1);
        var weights = Weights(canonical).ToList();
        var images = new Dictionary<Value, Value>();
        var model = canonical.Model.Copy(images);
        foreach (var p in canonical.Parameters) images[p.Value].Data = TensorData.FromFloats([.. p.Value.Data!.Dims], Array.ConvertAll(p.Value.Data.ToFloats(), Math.Abs));
        SetNormStatistics.Skip(model.Graph);
        RemoveDropout.Apply(model.Graph);
        var protocol = Shipped with { Batch = 1, Input = InputLaw.Ones };
        using var executor = new TorchExecutor(model, new TorchSettings(Threads: 1, Float64: true));
        var outputs = canonical.Model.Graph.Outputs.Where(o => o.IsFloat).Select(o => images[o]).ToList();
        using var scope = torch.NewDisposeScope();
        using var pass = executor.Forward(MakeInputs.For(canonical, protocol, 1, scored.Data, "").ToDictionary(i => i.Key, i => i.Value.Data, StringComparer.Ordinal), outputs, [.. weights.Select(w => images[w.Value])], TestContext.Current.CancellationToken);
        var logits = outputs.Select(o => pass[o].sum()).Aggregate((a, b) => a + b);
        var gradients = TorchPass.Gradients(logits, [.. weights.Select(w => pass[images[w.Value]])]);
        var flow = gradients.Zip(weights, (g, w) => g is null ? 0 : Numbers((g * pass[images[w.Value]]).abs().sum())[0]).Sum();
        ScoredModel.AssertClose("synflow", Math.Log(flow), scored.Value("synflow"), Tolerance);
    }
}
