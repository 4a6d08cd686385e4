using GraphRewriter.Serialization;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using OnnxAuditor.Commands;
using OnnxAuditor.Tests.Commands;
using Xunit;

namespace OnnxAuditor.Tests;

/// <summary>Gradient graphs whose dimensions stay dynamic: one file gives, at any size, what a file of that size gives.</summary>
public sealed class DynamicGradientTests : IDisposable
{
    /// <summary>
    /// Of a tensor's largest entry. Both graphs compute the same sums, in another order: where shapes are known, another form of the same product may be faster.
    /// </summary>
    const double Tolerance = 1e-4;

    /// <summary>
    /// Of the largest entry of all gradients: some gradients are zero (that of a bias in front of a norm), and what is left of them is rounding.
    /// </summary>
    const double Floor = 1e-6;

    readonly string folder = Directory.CreateTempSubdirectory("dynamic-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("torch/torch_gpt", "input=batchxseq", "1x7", "1x32", "3x7", "3x32", "8x7", "8x32")]
    [InlineData("torch/torch_encoder", "input=batchx20x16", "1x20x16", "3x20x16", "8x20x16")]
    [InlineData("torch/torch_tagger", "input=batchxseq", "1x7", "3x24", "8x33")]
    [InlineData("torch/torch_unet", "input=batchx3xheightxwidth", "1x3x16x16", "3x3x32x32", "2x3x48x24")]
    [InlineData("torch/torch_vit_tiny", "input=batchx3x32x32", "1x3x32x32", "3x3x32x32", "8x3x32x32")]
    public void One_file_gives_the_gradients_of_every_size(string network, string symbols, params string[] sizes)
    {
        var path = SharedFiles.Require($"models/{network}.onnx");
        using var dynamic = Rewritten(path, "--shape", symbols);
        foreach (var size in sizes)
        {
            using var bound = Rewritten(Declaring(path, size));
            var feeds = Feeds(bound);
            AssertSame(size, Run(bound, feeds), Run(dynamic, feeds));
        }
    }

    [Theory]
    [InlineData("real/mnist_cnn", "input.1=batchx1x28x28")]
    [InlineData("real/fastestdet", "input=batchx3x352x352")]
    public void Where_the_file_fixes_the_batch_a_symbol_frees_it(string network, string symbols)
    {
        const int Samples = 3;
        var path = SharedFiles.Require($"models/{network}.onnx");
        using var single = Rewritten(path);
        using var dynamic = Rewritten(path, "--shape", symbols);
        var each = Enumerable.Range(0, Samples).Select(seed => Feeds(single, seed)).ToList();
        var actual = Run(dynamic, [.. each[0].Select((feed, i) => Joined(feed.Name, [.. each.Select(e => e[i].Value)]))]);
        var expected = each.Select(feeds => Run(single, feeds)).ToList();
        var scalarsAndGradients = expected[0].Keys.Where(k => k == "loss" || k.StartsWith("grad/", StringComparison.Ordinal));
        // The loss is a mean over samples, and the gradients with it.
        AssertSame($"batch {Samples}", scalarsAndGradients.ToDictionary(k => k, k => Mean([.. expected.Select(e => e[k])])), scalarsAndGradients.ToDictionary(k => k, k => actual[k]));
    }

    static Tensor<float> Mean(List<Tensor<float>> tensors) =>
        new DenseTensor<float>(Enumerable.Range(0, (int)tensors[0].Length).Select(i => tensors.Average(t => t.GetValue(i))).ToArray(), tensors[0].Dimensions);

    /// <summary>Tensors of one sample each as one of all.</summary>
    static NamedOnnxValue Joined(string name, List<object> samples)
    {
        static DenseTensor<T> Of<T>(List<object> samples)
        {
            var tensors = samples.Cast<Tensor<T>>().ToList();
            return new(tensors.SelectMany(t => t).ToArray(), [tensors.Count, .. tensors[0].Dimensions[1..]]);
        }
        return samples[0] is Tensor<long> ? NamedOnnxValue.CreateFromTensor(name, Of<long>(samples)) : NamedOnnxValue.CreateFromTensor(name, Of<float>(samples));
    }

    static void AssertSame(string size, Dictionary<string, Tensor<float>> expected, Dictionary<string, Tensor<float>> actual)
    {
        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), actual.Keys.Order(StringComparer.Ordinal));
        var largest = expected.Where(e => e.Key.StartsWith("grad/", StringComparison.Ordinal)).Max(e => e.Value.Max(Math.Abs));
        foreach (var (name, values) in expected)
        {
            Assert.Equal(values.Dimensions.ToArray(), actual[name].Dimensions.ToArray());
            var difference = values.Zip(actual[name], (e, a) => Math.Abs(e - a)).Max();
            Assert.True(difference <= Tolerance * values.Max(Math.Abs) + Floor * largest, $"{size}, {name}: {difference:G3} off");
        }
    }

    /// <summary>A copy of a model that declares another shape of its input.</summary>
    string Declaring(string model, string shape)
    {
        var path = Path.Combine(folder, $"{shape}.onnx");
        using var file = OnnxReader.Read(model);
        file.Model.Graph.Inputs[0].Shape = OptionValues.InputShape($"input={shape}").Value;
        foreach (var output in file.Model.Graph.Outputs) output.Shape = null;
        OnnxWriter.Write(file.Model, path);
        return path;
    }

    InferenceSession Rewritten(string model, params string[] options)
    {
        var output = Path.Combine(folder, "out.onnx");
        var (code, _, error) = CommandRun.Of(["rewrite", model, output, "--gradients", .. options]);
        Assert.True(code == 0, error);
        using var settings = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        return new InferenceSession(output, settings);
    }

    /// <summary>Seeded inputs and targets of a session whose shapes are known; whole numbers are below the least number of classes.</summary>
    static List<NamedOnnxValue> Feeds(InferenceSession session, int seed = 1)
    {
        var random = new Random(seed);
        var feeds = new List<NamedOnnxValue>();
        foreach (var (name, meta) in session.InputMetadata.OrderBy(i => i.Key, StringComparer.Ordinal))
        {
            Assert.DoesNotContain(-1, meta.Dimensions);
            var numbers = Enumerable.Range(0, meta.Dimensions.Aggregate(1, (a, b) => a * b)).Select(_ => random.NextDouble());
            feeds.Add(meta.ElementType == typeof(long)
                ? NamedOnnxValue.CreateFromTensor(name, new DenseTensor<long>(numbers.Select(v => (long)(5 * v)).ToArray(), meta.Dimensions))
                : NamedOnnxValue.CreateFromTensor(name, new DenseTensor<float>(numbers.Select(v => (float)(2 * v - 1)).ToArray(), meta.Dimensions)));
        }
        return feeds;
    }

    static Dictionary<string, Tensor<float>> Run(InferenceSession session, List<NamedOnnxValue> feeds)
    {
        using var results = session.Run(feeds);
        return results.ToDictionary(r => r.Name, r => (Tensor<float>)r.AsTensor<float>().Clone(), StringComparer.Ordinal);
    }
}
