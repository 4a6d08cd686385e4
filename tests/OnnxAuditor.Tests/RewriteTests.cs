using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using OnnxAuditor.Measurement;
using OnnxAuditor.Tests.Commands;
using Xunit;

namespace OnnxAuditor.Tests;

/// <summary>What <c>rewrite</c> writes, as any other program sees it: loaded by plain ONNX Runtime calls.</summary>
public sealed class RewriteTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("rewrite-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("residual_cnn.onnx", "frozen")]
    [InlineData("residual_cnn.onnx", "batch")]
    [InlineData("transformer.onnx", "frozen")]
    public void The_gradient_of_an_input_is_that_of_the_loss(string model, string statistics)
    {
        var output = Path.Combine(folder, "out.onnx");
        var (code, _, error) = CommandRun.Of("rewrite", Checkout.Path("models", model), output, "--gradients=weights,inputs", "--norm-stats", statistics);
        Assert.Equal((0, true), (code, error.Contains("loss: CrossEntropy", StringComparison.Ordinal)));
        using var session = new InferenceSession(output);
        var x = session.InputMetadata.FirstOrDefault(i => i.Value.ElementType == typeof(float));
        if (x.Key is null) return;
        var feeds = Feeds(session);
        var values = ((DenseTensor<float>)feeds[x.Key].Value).Buffer.ToArray();
        var results = Run(session, feeds);
        var gradient = results[$"grad/{x.Key}"];

        var direction = gradient.Select(g => Math.Sign(g)).ToArray();
        const float Step = 1e-3f;
        double LossAt(float step) => Run(session, Feeds(session, x.Key, [.. values.Select((v, i) => v + step * direction[i])]))["loss"][0];
        var numeric = (LossAt(Step) - LossAt(-Step)) / (2 * Step);
        var analytic = gradient.Sum(g => (double)Math.Abs(g));
        Assert.True(analytic > 0);
        Assert.Equal(analytic, numeric, 0.02 * analytic);
    }

    [Fact]
    public void Dynamic_dimensions_stay_dynamic_and_outputs_stay()
    {
        var output = Path.Combine(folder, "out.onnx");
        CommandRun.Of("rewrite", Checkout.Path("models", "residual_cnn.onnx"), output, "--gradients");
        using var before = new InferenceSession(Checkout.Path("models", "residual_cnn.onnx"));
        using var after = new InferenceSession(output);
        var input = Assert.Single(before.InputMetadata);
        Assert.Equal(input.Value.Dimensions, after.InputMetadata[input.Key].Dimensions);
        foreach (var batch in (int[])[1, 3])
        {
            var feeds = Feeds(after, batch: batch);
            var expected = Run(before, new() { [input.Key] = feeds[input.Key] });
            var actual = Run(after, feeds);
            foreach (var (name, values) in expected)
                for (var i = 0; i < values.Length; i++) Assert.Equal(values[i], actual[name][i], 1e-4f);
        }
    }

    [Fact]
    public void Every_trainable_parameter_has_its_gradient_and_every_activation_is_there()
    {
        var (model, notes, missing) = Rewrite.Apply(Read("residual_cnn.onnx"), new RewriteOptions { Activations = "*", Gradients = GradientTargets.Weights | GradientTargets.Activations });
        Assert.Empty(missing);
        Assert.Contains(notes, n => n.StartsWith("loss:", StringComparison.Ordinal));
        var names = model.Graph.Outputs.Select(o => o.Name).ToHashSet(StringComparer.Ordinal);
        Assert.Contains("grad/conv1.weight", names);
        Assert.Contains("grad/bn1.bias", names);
        Assert.True(names.Count > 60, $"{names.Count} outputs");
    }

    [Fact]
    public void A_gradient_is_computed_from_the_parameters_that_are_in_the_file()
    {
        // A parameter folded into a constant would leave the gradient as it was when the parameter changes.
        var (model, _, _) = Rewrite.Apply(Read("residual_cnn.onnx"), new RewriteOptions { Gradients = GradientTargets.Inputs, Statistics = NormStatistics.Batch });
        var consumers = model.Graph.Consumers();
        foreach (var scale in model.Graph.Initializers.Where(i => i.Name.EndsWith("weight", StringComparison.Ordinal))) Assert.True(consumers.ContainsKey(scale), scale.Name);
        Assert.Contains(model.Graph.Initializers, i => i.Name == "bn1.weight");
    }

    [Theory]
    [InlineData("residual_cnn.onnx")]
    [InlineData("transformer.onnx")]
    public void Products_with_the_Hessian_are_linear_in_the_vector(string model)
    {
        var output = Path.Combine(folder, "out.onnx");
        var (code, _, error) = CommandRun.Of("rewrite", Checkout.Path("models", model), output, "--hessian-vector");
        Assert.True(code == 0, error);
        using var session = new InferenceSession(output);
        var feeds = Feeds(session);
        var products = Products(feeds);
        foreach (var (name, _) in session.InputMetadata.Where(i => i.Key.StartsWith("v/", StringComparison.Ordinal)))
        {
            var direction = (DenseTensor<float>)feeds[name].Value;
            Assert.Equal(direction.Length, products[$"hvp/{name["v/".Length..]}"].Length);
            feeds[name] = NamedOnnxValue.CreateFromTensor(name, new DenseTensor<float>(direction.Select(v => -2 * v).ToArray(), direction.Dimensions));
        }
        var scaled = Products(feeds);
        var largest = products.Values.Max(p => p.Max(Math.Abs));
        Assert.True(largest > 0);
        foreach (var (name, values) in products)
            for (var i = 0; i < values.Length; i++) Assert.Equal(-2 * values[i], scaled[name][i], 1e-5f * largest);

        Dictionary<string, float[]> Products(Dictionary<string, NamedOnnxValue> fed) =>
            Run(session, fed).Where(r => r.Key.StartsWith("hvp/", StringComparison.Ordinal)).ToDictionary(r => r.Key, r => r.Value, StringComparer.Ordinal);
    }

    [Fact]
    public void Activations_are_chosen_by_pattern()
    {
        var source = Read("residual_cnn.onnx");
        var (model, _, _) = Rewrite.Apply(source, new RewriteOptions { Activations = "/layer1/*relu*" });
        var added = model.Graph.Outputs.Skip(source.Graph.Outputs.Count).Select(o => o.Name).ToList();
        Assert.Equal(2, added.Count);
        Assert.All(added, n => Assert.Contains("relu", n, StringComparison.Ordinal));
        Assert.Throws<UsageException>(() => Rewrite.Apply(source, new RewriteOptions { Activations = "nothing*" }));
    }

    [Theory]
    [InlineData("residual_cnn.onnx", "frozen")]
    [InlineData("residual_cnn.onnx", "batch")]
    [InlineData("transformer.onnx", "frozen")]
    public void Gradients_of_single_samples_are_those_of_batches_of_one_at_every_batch_size(string model, string statistics)
    {
        var (together, alone) = (Path.Combine(folder, "together.onnx"), Path.Combine(folder, "alone.onnx"));
        var (code, _, error) = CommandRun.Of("rewrite", Checkout.Path("models", model), together, "--per-sample", "--norm-stats", statistics);
        Assert.True(code == 0, error);
        Assert.Equal(0, CommandRun.Of("rewrite", Checkout.Path("models", model), alone, "--gradients", "--norm-stats", statistics).Code);
        using var all = new InferenceSession(together);
        using var one = new InferenceSession(alone);
        foreach (var batch in (int[])[2, 5])
        {
            var feeds = Feeds(all, batch: batch);
            var rows = Run(all, feeds);
            for (var i = 0; i < batch; i++)
            {
                var single = Run(one, feeds.ToDictionary(f => f.Key, f => Row(f.Value, i, batch), StringComparer.Ordinal));
                foreach (var (name, expected) in single.Where(s => s.Key.StartsWith("grad/", StringComparison.Ordinal)))
                {
                    var row = rows[$"per_sample_{name}"].AsSpan(i * expected.Length, expected.Length);
                    var largest = expected.Max(Math.Abs);
                    for (var k = 0; k < expected.Length; k++) Assert.True(Math.Abs(expected[k] - row[k]) <= 1e-4 * largest + 1e-6, $"{name}, sample {i}, entry {k}: {row[k]}, alone {expected[k]}");
                }
            }
        }
    }

    [Fact]
    public void The_Gram_matrix_holds_the_products_of_the_gradients()
    {
        var (rows, products) = (Path.Combine(folder, "rows.onnx"), Path.Combine(folder, "gram.onnx"));
        Assert.Equal(0, CommandRun.Of("rewrite", Checkout.Path("models", "residual_cnn.onnx"), rows, "--per-sample").Code);
        var (code, _, error) = CommandRun.Of("rewrite", Checkout.Path("models", "residual_cnn.onnx"), products, "--per-sample=gram");
        Assert.Equal((0, true), (code, error.Contains("Gram matrix over 29 of 29 parameters", StringComparison.Ordinal)));
        using var first = new InferenceSession(rows);
        using var second = new InferenceSession(products);
        const int Batch = 4;
        var gradients = Run(first, Feeds(first, batch: Batch)).Where(r => r.Key.StartsWith("per_sample_grad/", StringComparison.Ordinal)).ToList();
        var gram = Run(second, Feeds(second, batch: Batch))["per_sample_gram"];
        Assert.Equal(Batch * Batch, gram.Length);
        for (var i = 0; i < Batch; i++)
            for (var j = 0; j < Batch; j++)
            {
                var expected = gradients.Sum(g => Enumerable.Range(0, g.Value.Length / Batch).Sum(k => (double)g.Value[i * (g.Value.Length / Batch) + k] * g.Value[j * (g.Value.Length / Batch) + k]));
                Assert.Equal(expected, gram[i * Batch + j], 1e-4 * gram.Max(Math.Abs));
            }
    }

    [Fact]
    public void Samples_that_meet_have_no_gradients_of_their_own()
    {
        var model = Path.Combine(folder, "mixing.onnx");
        GraphRewriter.Serialization.OnnxWriter.Write(TextGraph.Parse("""
            opset 17
            input x f32[N,3]
            const w f32[3,2] = seeded
            m = ReduceMean(x) axes=[0] keepdims=1
            d = Sub(x, m)
            y = MatMul(d, w)
            output y
            """), model);
        var (code, _, error) = CommandRun.Of("rewrite", model, Path.Combine(folder, "out.onnx"), "--per-sample");
        Assert.Equal(2, code);
        Assert.Contains("ReduceMean", error, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(folder, "out.onnx")));
    }

    [Fact]
    public void What_cannot_be_given_is_told_and_is_no_success()
    {
        var (code, _, error) = CommandRun.Of("rewrite", Checkout.Path("models", "detached_branch.onnx"), Path.Combine(folder, "out.onnx"), "--gradients");
        Assert.Equal(1, code);
        Assert.Contains("gradients are not in the file", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("LICENSE", "out.onnx", 3)]
    [InlineData("models/residual_cnn.onnx", "no/such/folder/out.onnx", 2)]
    [InlineData("models/missing.onnx", "out.onnx", 3)]
    public void A_bad_file_has_its_exit_code_and_writes_nothing(string input, string output, int expected)
    {
        var path = Path.Combine(folder, output);
        var (code, _, error) = CommandRun.Of("rewrite", Checkout.Path(input.Split('/')), path, "--canonical");
        Assert.Equal(expected, code);
        Assert.Single(error.TrimEnd('\n').Split('\n'));
        Assert.False(File.Exists(path));
    }

    [Fact]
    public void A_model_is_not_written_over_itself()
    {
        var copy = Path.Combine(folder, "m.onnx");
        File.Copy(Checkout.Path("models", "residual_cnn.onnx"), copy);
        var before = File.ReadAllBytes(copy);
        Assert.Equal(2, CommandRun.Of("rewrite", copy, copy, "--canonical").Code);
        Assert.Equal(before, File.ReadAllBytes(copy));
    }

    [Fact]
    public void A_real_network_is_written_with_its_gradients()
    {
        var output = Path.Combine(folder, "out.onnx");
        var (code, _, error) = CommandRun.Of("rewrite", SharedFiles.Require("models/real/mnist_cnn.onnx"), output, "--gradients");
        Assert.True(code == 0, error);
        using var session = new InferenceSession(output);
        var results = Run(session, Feeds(session));
        Assert.All(results.Where(r => r.Key.StartsWith("grad/", StringComparison.Ordinal)), r => Assert.All(r.Value, v => Assert.True(float.IsFinite(v))));
        Assert.Contains(results.Keys, k => k.StartsWith("grad/", StringComparison.Ordinal));
    }

    static GraphRewriter.Ir.Model Read(string model) => GraphRewriter.Serialization.OnnxReader.Read(Checkout.Path("models", model)).Model;

    /// <summary>Seeded inputs of the session's shapes, unknown dimensions as given; integers are zero or one.</summary>
    static Dictionary<string, NamedOnnxValue> Feeds(InferenceSession session, string? replaced = null, float[]? values = null, int batch = 2)
    {
        var random = new Random(1);
        var feeds = new Dictionary<string, NamedOnnxValue>(StringComparer.Ordinal);
        foreach (var (name, meta) in session.InputMetadata.OrderBy(i => i.Key, StringComparer.Ordinal))
        {
            int[] dims = [.. meta.Dimensions.Select(d => d < 0 ? batch : d)];
            var count = dims.Aggregate(1, (a, b) => a * b);
            var numbers = Enumerable.Range(0, count).Select(_ => (float)(2 * random.NextDouble() - 1)).ToArray();
            feeds[name] = meta.ElementType == typeof(long)
                ? NamedOnnxValue.CreateFromTensor(name, new DenseTensor<long>(numbers.Select(v => v > 0 ? 1L : 0L).ToArray(), dims))
                : NamedOnnxValue.CreateFromTensor(name, new DenseTensor<float>(name == replaced ? values! : numbers, dims));
        }
        return feeds;
    }

    /// <summary>One of the rows of a tensor whose first axis has as many as there are samples.</summary>
    static NamedOnnxValue Row(NamedOnnxValue value, int row, int rows) => value.Value switch
    {
        DenseTensor<float> t => NamedOnnxValue.CreateFromTensor(value.Name, new DenseTensor<float>(t.Buffer.Slice(row * ((int)t.Length / rows), (int)t.Length / rows), [1, .. t.Dimensions[1..]])),
        DenseTensor<long> t => NamedOnnxValue.CreateFromTensor(value.Name, new DenseTensor<long>(t.Buffer.Slice(row * ((int)t.Length / rows), (int)t.Length / rows), [1, .. t.Dimensions[1..]])),
        _ => throw new ArgumentException($"{value.Name} is no tensor of floats or int64.", nameof(value)),
    };

    static Dictionary<string, float[]> Run(InferenceSession session, Dictionary<string, NamedOnnxValue> feeds)
    {
        using var results = session.Run([.. feeds.Values]);
        return results.Where(r => r.Value is Tensor<float>).ToDictionary(r => r.Name, r => r.AsTensor<float>().ToArray(), StringComparer.Ordinal);
    }
}
