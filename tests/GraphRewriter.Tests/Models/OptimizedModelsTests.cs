using System.Globalization;
using GraphRewriter.Canonicalization;
using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using GraphRewriter.Tests.Serialization;
using Microsoft.ML.OnnxRuntime;
using ModelGenerator;
using Xunit;

namespace GraphRewriter.Tests.Models;

/// <summary>Files that ONNX Runtime's own optimiser writes, at the highest level that fits every processor: convolutions, products and norms are fused there.</summary>
public class OptimizedModelsTests
{
    public static TheoryData<string> Networks => [.. Catalogue.All.Select(n => n.Name), .. SharedFiles.Models("torch"), .. SharedFiles.Models("real").Where(m => !m.Contains("prepost", StringComparison.Ordinal))];

    /// <summary>Networks with convolutions that BatchNormalization is folded into, with merged constants, with attention, with detectors' heads.</summary>
    public static TheoryData<string> Differentiated =>
        ["residual_cnn", "transformer", "torch/torch_encoder.onnx", "torch/torch_gpt.onnx", "torch/torch_vit_tiny.onnx", "real/fastestdet.onnx", "real/mnist_cnn.onnx", "real/ultraface_rfb_folded.onnx", "real/gpt2_tiny_fused.onnx"];

    [Theory]
    [MemberData(nameof(Networks))]
    public void What_the_optimiser_fuses_is_decomposed(string network)
    {
        using var optimized = Optimized(network);

        var canonical = Canonicalizer.Run(optimized.Model, new CanonicalOptions());

        Assert.Empty(canonical.Unsupported);
        Assert.All(canonical.Model.Graph.AllNodes(), n => Assert.Equal("", n.Domain));
    }

    [Theory]
    [MemberData(nameof(Differentiated))]
    public void Gradients_of_an_optimised_file_are_those_of_the_original(string network)
    {
        using var original = OnnxReader.Read(PathOf(network));
        using var optimized = Optimized(network);
        Assert.Contains(optimized.Model.Graph.AllNodes(), n => n.Domain is "com.microsoft");

        var expected = GradientsOf(original.Model);
        var found = GradientsOf(optimized.Model);

        // Parameters of equal contents may be one in the optimised file: what is compared is the sum over those of equal numbers.
        var classes = expected.Concat(found).GroupBy(p => p.Key).Select(c => (Before: c.Where(expected.Contains).ToList(), After: c.Where(found.Contains).ToList())).ToList();
        var compared = 0L;
        foreach (var (before, after) in classes.Where(c => c.Before.Count > 0 && c.After.Count > 0))
        {
            AssertClose(before[0].Name, Sum(before, before[0].Data), Sum(after, before[0].Data));
            compared += after.Sum(p => p.Data.Count);
        }
        foreach (var folded in classes.Where(c => c.Before.Count == 0).SelectMany(c => c.After))
        {
            AssertFolded(folded, expected);
            compared += folded.Data.Count;
        }
        Assert.Equal(found.Sum(p => p.Data.Count), compared);
    }

    /// <summary>A parameter with its gradient.</summary>
    sealed record Derived(string Name, TensorData Data, double[] Gradient)
    {
        /// <summary>Equal for parameters that hold the same numbers, however they are arranged.</summary>
        public string Key { get; } = string.Join(' ', Data.ToFloats().Order().Select(v => v.ToString("R", CultureInfo.InvariantCulture)));
    }

    /// <summary>The sum of gradients, arranged as the numbers of one parameter are.</summary>
    static double[] Sum(List<Derived> parameters, TensorData like)
    {
        var sum = new double[like.Count];
        foreach (var p in parameters)
        {
            var arranged = p.Data.Bytes.Span.SequenceEqual(like.Bytes.Span) ? p.Gradient : Transposed(p.Gradient, p.Data.Dims);
            for (var i = 0; i < sum.Length; i++) sum[i] += arranged[i];
        }
        return sum;
    }

    static double[] Transposed(double[] matrix, IReadOnlyList<long> dims)
    {
        Assert.Equal(2, dims.Count);
        var (rows, columns) = ((int)dims[0], (int)dims[1]);
        var result = new double[matrix.Length];
        for (var i = 0; i < matrix.Length; i++) result[i % columns * rows + i / columns] = matrix[i];
        return result;
    }

    /// <summary>A convolution that took in a BatchNormalization: its kernel is the original's times a factor for each channel, its bias moves as the norm's shift does.</summary>
    static void AssertFolded(Derived folded, List<Derived> originals)
    {
        const string Kernel = "ConvBnFusion_W_", Bias = "ConvBnFusion_BN_B_";
        if (folded.Name.StartsWith(Bias, StringComparison.Ordinal))
        {
            AssertClose(folded.Name, originals.Single(o => string.Equals(o.Name, folded.Name[Bias.Length..], StringComparison.Ordinal)).Gradient, folded.Gradient);
            return;
        }
        Assert.StartsWith(Kernel, folded.Name, StringComparison.Ordinal);
        var original = originals.Single(o => string.Equals(o.Name, folded.Name[Kernel.Length..], StringComparison.Ordinal));
        var (before, after) = (original.Data.ToDoubles(), folded.Data.ToDoubles());
        var channel = before.Length / (int)original.Data.Dims[0];
        var scaled = new double[before.Length];
        for (var c = 0; c < before.Length; c += channel)
        {
            var largest = Enumerable.Range(c, channel).MaxBy(i => Math.Abs(before[i]));
            for (var i = c; i < c + channel; i++) scaled[i] = folded.Gradient[i] * after[largest] / before[largest];
        }
        AssertClose(folded.Name, original.Gradient, scaled);
    }

    static void AssertClose(string name, double[] expected, double[] found)
    {
        var scale = expected.Max(Math.Abs);
        var worst = expected.Zip(found, (e, f) => Math.Abs(e - f)).Max();
        Assert.True(worst <= 2e-4 * scale + 1e-6, string.Create(CultureInfo.InvariantCulture, $"The gradient of '{name}' is off by {worst}, where its greatest is {scale}."));
    }

    /// <summary>The gradients of the trainable parameters for a seeded input and a seeded cotangent of the first output.</summary>
    static List<Derived> GradientsOf(Model model)
    {
        var canonical = Canonicalizer.Run(model, new CanonicalOptions());
        var graph = canonical.Model.Graph;
        var output = graph.Outputs[0];
        var cotangent = new Value("cotangent", output.Type, output.Shape);
        var parameters = canonical.Parameters.Where(p => p.Trainable).ToList();
        var inputs = graph.Inputs.ToList();
        graph.Inputs.Add(cotangent);
        var result = Differentiate.Run(graph, [(output, cotangent)], [.. parameters.Select(p => p.Value)], new Tape(graph));
        var reached = parameters.Where(p => result.Gradients.ContainsKey(p.Value)).ToList();
        graph.Outputs.Clear();
        graph.Outputs.AddRange(reached.Select(p => result.Gradients[p.Value]).Distinct());
        var random = new Random(7);
        var feeds = inputs.OrderBy(i => i.Name, StringComparer.Ordinal).Append(cotangent).ToDictionary(i => i.Name, i => OrtReference.Seeded(i.Type, i.Shape!.ToArray(), random), StringComparer.Ordinal);
        var values = OrtReference.Run(OnnxWriter.ToBytes(canonical.Model), feeds);
        return [.. reached.Select(p => new Derived(p.Name, p.Value.Data!, values[result.Gradients[p.Value].Name].ToDoubles()))];
    }

    static ModelFile Optimized(string network)
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "optimized.onnx");
        using var options = new SessionOptions
        {
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
            OptimizedModelFilePath = path,
            IntraOpNumThreads = 1,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        using (var session = new InferenceSession(PathOf(network), options)) Assert.True(File.Exists(path));
        return OnnxReader.Read(path);
    }

    static string PathOf(string network) => network.Contains('/', StringComparison.Ordinal) ? SharedFiles.Require("models/" + network) : Checkout.Path("models", network + ".onnx");
}
