using System.Buffers.Binary;
using System.Text.Json;
using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using Microsoft.ML.OnnxRuntime;
using OnnxAuditor.Execution.Torch;
using OnnxAuditor.Measurement;
using OnnxAuditor.Tests.Commands;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace OnnxAuditor.Tests.Training;

/// <summary>What <c>rewrite --train-step</c> writes, as any other program sees it: a model file and a safetensors file, run by plain ONNX Runtime calls.</summary>
public sealed class TrainStepTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("train-step-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("residual_cnn.onnx", "momentum", "frozen", 2)]
    [InlineData("residual_cnn.onnx", "adamw", "batch", 5)]
    [InlineData("transformer.onnx", "adam", "frozen", 2)]
    [InlineData("lstm_tagger.onnx", "sgd", "frozen", 5)]
    public void Losses_are_those_of_torch_on_the_same_weights_batch_and_optimizer(string model, string optimizer, string statistics, int batch)
    {
        TorchLibrary.Require();
        const int Steps = 6;
        var rate = optimizer.StartsWith("adam", StringComparison.Ordinal) ? 1e-3f : 1e-2f;
        using var written = Written(Checkout.Path("models", model), optimizer, statistics);
        var feeds = written.Data(batch);
        var losses = new List<float>();
        for (var i = 0; i < Steps; i++) losses.Add(written.Step(feeds, rate));
        var expected = TorchLosses(Checkout.Path("models", model), optimizer, statistics, feeds, rate, Steps);
        for (var i = 0; i < Steps; i++) Assert.Equal(expected[i], losses[i], 1e-4 * Math.Abs(expected[i]));
        Assert.True(losses[^1] < losses[0], string.Join(' ', losses));
    }

    [Fact]
    public void One_file_takes_batches_of_any_size()
    {
        using var written = Written(Checkout.Path("models", "residual_cnn.onnx"), "adam", "frozen");
        foreach (var batch in (int[])[2, 5]) Assert.True(float.IsFinite(written.Step(written.Data(batch), 1e-3f)));
        Assert.Equal(-1, written.Session.InputMetadata["image"].Dimensions[0]);
    }

    [Fact]
    public void Names_are_those_of_the_model_in_both_files()
    {
        var path = Checkout.Path("models", "residual_cnn.onnx");
        using var written = Written(path, "adamw", "frozen");
        using var file = OnnxReader.Read(path);
        foreach (var parameter in Canonicalizer.Run(file.Model, new CanonicalOptions()).Parameters.Where(p => p.Trainable))
        {
            Assert.Equal(parameter.Value.Data!.ToFloats(), written.Beside[parameter.Name].ToFloats());
            Assert.Contains(parameter.Name, written.Session.InputNames);
            Assert.Contains($"new/{parameter.Name}", written.Session.OutputNames);
            Assert.Contains($"exp_avg/{parameter.Name}", written.Session.InputNames);
            Assert.Contains($"new/exp_avg_sq/{parameter.Name}", written.Session.OutputNames);
        }
        Assert.Equal("loss", written.Session.OutputNames[0]);
        // Every output but the loss is what an input takes next.
        Assert.All(written.Session.OutputNames.Skip(1), o => Assert.Contains(o["new/".Length..], written.Session.InputNames));
        Assert.Equal("adamw", written.Session.ModelMetadata.CustomMetadataMap["train-step.optimizer"]);
    }

    [Fact]
    public void Running_statistics_follow_the_batch_as_those_of_torch()
    {
        TorchLibrary.Require();
        var path = Path.Combine(folder, "norm.onnx");
        OnnxWriter.Write(TextGraph.Parse("""
            opset 17
            input x f32[N,3,4,4]
            const scale f32[3] = seeded
            const shift f32[3] = seeded
            const mean f32[3] = seeded
            const variance f32[3] = 1.5 0.5 2
            const w f32[3,2] = seeded
            y = BatchNormalization(x, scale, shift, mean, variance) momentum=0.8
            p = ReduceMean(y) axes=[2,3] keepdims=0
            z = MatMul(p, w)
            output z
            """), path);
        using var written = Written(path, "sgd", "batch");
        using var layer = nn.BatchNorm2d(3, momentum: 0.2);
        var (mean, variance) = (Assert.Single(written.Beside, b => b.Key == "mean").Value.ToFloats(), written.Beside["variance"].ToFloats());
        layer.running_mean = torch.tensor(mean);
        layer.running_var = torch.tensor(variance);
        layer.train();
        var random = new Random(5);
        for (var i = 0; i < 3; i++)
        {
            var feeds = written.Data(4, random.Next());
            written.Step(feeds, 0.1f);
            using var scope = NewDisposeScope();
            layer.forward(torch.tensor(feeds["x"].ToFloats(), 4, 3, 4, 4));
            Near(layer.running_mean.data<float>().ToArray(), written.Carried["mean"].ToFloats());
            Near(layer.running_var.data<float>().ToArray(), written.Carried["variance"].ToFloats());
        }

        static void Near(float[] expected, float[] actual)
        {
            for (var k = 0; k < expected.Length; k++) Assert.Equal(expected[k], actual[k], 1e-6f);
        }
    }

    [Fact]
    public void Parameters_that_no_gradient_reaches_stay_constants_and_are_named()
    {
        var output = Path.Combine(folder, "out.onnx");
        var (code, _, error) = CommandRun.Of("rewrite", Checkout.Path("models", "detached_branch.onnx"), output, "--train-step", "sgd");
        Assert.Equal(1, code);
        Assert.Contains("parameters are not trained and stay constants", error, StringComparison.Ordinal);
        using var session = new InferenceSession(output);
        Assert.DoesNotContain("gate.fc.weight", session.InputNames);
        Assert.Contains("trunk.fc.weight", session.InputNames);
    }

    [Theory]
    [InlineData("--train-step", "adamax")]
    [InlineData("--train-step", "adam", "--gradients")]
    public void A_step_that_cannot_be_written_is_a_usage_error(params string[] words)
    {
        var output = Path.Combine(folder, "out.onnx");
        var (code, _, error) = CommandRun.Of(["rewrite", Checkout.Path("models", "residual_cnn.onnx"), output, .. words]);
        Assert.Equal(2, code);
        Assert.Single(error.TrimEnd('\n').Split('\n'));
        Assert.False(File.Exists(output));
    }

    [Fact]
    public void Weights_of_float16_are_trained_in_float32()
    {
        var output = Path.Combine(folder, "half.train.onnx");
        var (code, _, error) = CommandRun.Of("rewrite", SharedFiles.Require("models", "real", "squeezenet_fp16.onnx"), output, "--train-step", "momentum");
        Assert.True(code == 0, error);
        using var session = new InferenceSession(output);
        Assert.All(session.InputMetadata.Where(i => i.Value.OnnxValueType == OnnxValueType.ONNX_TYPE_TENSOR && !i.Value.ElementType.Equals(typeof(long))), i => Assert.Equal(typeof(float), i.Value.ElementType));
    }

    WrittenStep Written(string model, string optimizer, string statistics)
    {
        var output = Path.Combine(folder, $"{Path.GetFileNameWithoutExtension(model)}.train.onnx");
        var (code, _, error) = CommandRun.Of("rewrite", model, output, "--train-step", optimizer, "--norm-stats", statistics);
        Assert.True(code == 0, error);
        return new WrittenStep(output);
    }

    /// <summary>The losses of torch.optim over the gradients of autograd, which knows nothing of our rules.</summary>
    static List<double> TorchLosses(string path, string optimizer, string statistics, Dictionary<string, TensorData> feeds, float rate, int steps)
    {
        using var file = OnnxReader.Read(path);
        var input = feeds.Single(f => f.Key is "image" or "tokens");
        var canonical = Canonicalizer.Run(file.Model, new CanonicalOptions { Batch = input.Value.Dims[0], InputShapes = new Dictionary<string, Shape>(StringComparer.Ordinal) { [input.Key] = input.Value.Shape } });
        using var training = new Bench.TorchTraining(canonical, statistics == "batch" ? NormStatistics.Batch : NormStatistics.Frozen, optimizer, null, threads: 1);
        return [.. Enumerable.Range(0, steps).Select(_ => training.Step(feeds, rate))];
    }

    /// <summary>A written step with what it carries, as a program in any language would hold it.</summary>
    sealed class WrittenStep : IDisposable
    {
        public WrittenStep(string path)
        {
            Session = OrtReference.Open(path);
            Beside = ReadSafeTensors(Path.ChangeExtension(path, ".safetensors"));
            Carried = new(Beside, StringComparer.Ordinal);
            foreach (var name in Session.ModelMetadata.CustomMetadataMap["train-step.zero"].Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                var meta = Session.InputMetadata[name];
                var dims = meta.Dimensions.Select(d => (long)d).ToArray();
                Carried[name] = TensorData.FromNumbers((ElementType)meta.ElementDataType, dims, new double[dims.Aggregate(1L, (a, b) => a * b)]);
            }
        }

        public InferenceSession Session { get; }

        public Dictionary<string, TensorData> Beside { get; }

        public Dictionary<string, TensorData> Carried { get; }

        /// <summary>Seeded data and targets: what is neither carried nor the rate.</summary>
        public Dictionary<string, TensorData> Data(int batch, int seed = 7)
        {
            var random = new Random(seed);
            return Session.InputMetadata.Where(i => !Carried.ContainsKey(i.Key) && i.Key != "learning_rate").OrderBy(i => i.Key, StringComparer.Ordinal)
                .ToDictionary(i => i.Key, i => OrtReference.Seeded((ElementType)i.Value.ElementDataType, [.. i.Value.Dimensions.Select((d, at) => d > 0 ? d : at == 0 ? (long)batch : 6)], random), StringComparer.Ordinal);
        }

        public float Step(Dictionary<string, TensorData> data, float rate)
        {
            var feeds = data.Concat(Carried).ToDictionary(StringComparer.Ordinal);
            feeds["learning_rate"] = TensorData.FromFloats([], [rate]);
            var given = OrtReference.Run(Session, feeds);
            foreach (var name in Carried.Keys.ToList()) Carried[name] = given[$"new/{name}"];
            return given["loss"].ToFloats()[0];
        }

        public void Dispose() => Session.Dispose();

        static Dictionary<string, TensorData> ReadSafeTensors(string path)
        {
            var bytes = File.ReadAllBytes(path);
            var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
            Assert.Equal(0, (8 + length) % 8);
            using var header = JsonDocument.Parse(bytes.AsMemory(8, length));
            var end = 0;
            var tensors = new Dictionary<string, TensorData>(StringComparer.Ordinal);
            foreach (var entry in header.RootElement.EnumerateObject())
            {
                var range = entry.Value.GetProperty("data_offsets");
                Assert.Equal((end, "F32"), (range[0].GetInt32(), entry.Value.GetProperty("dtype").GetString()));
                end = range[1].GetInt32();
                tensors[entry.Name] = TensorData.FromBytes(ElementType.Float32, [.. entry.Value.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64())], bytes.AsMemory(8 + length + range[0].GetInt32(), end - range[0].GetInt32()));
            }
            Assert.Equal(bytes.Length, 8 + length + end);
            return tensors;
        }
    }
}
