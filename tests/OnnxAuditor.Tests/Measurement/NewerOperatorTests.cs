using System.IO.Compression;
using System.Text;
using System.Text.Json;
using GraphRewriter.Canonicalization;
using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Execution.Torch;
using OnnxAuditor.Numerics;
using Xunit;
using Attribute = GraphRewriter.Ir.Attribute;

namespace OnnxAuditor.Tests.Measurement;

/// <summary>
/// Outputs and gradients of single operators on both engines against PyTorch's: those too new for the ONNX project's test data of this system. The gradients are of
/// Σ output * cotangent.
/// </summary>
public sealed class NewerOperatorTests
{
    /// <summary>What PyTorch calls a setting and ONNX takes as an input, by operator: the input's slot.</summary>
    static readonly Dictionary<(string Op, string Setting), int> Inputs = new()
    {
        [("Col2Im", "image_shape")] = 1,
        [("Col2Im", "block_shape")] = 2,
        [("AffineGrid", "size")] = 1,
        [("Resize", "sizes")] = 3,
        [("ReduceLogSumExp", "axes")] = 1,
        [("CenterCropPad", "shape")] = 1,
    };

    public static TheoryData<string> Cases =>
    [
        "affine_grid", "attention", "attention_causal", "center_crop_pad", "col2im", "gelu_none", "gelu_tanh", "grid_sample_bicubic_border", "grid_sample_bicubic_reflection",
        "grid_sample_bicubic_zeros", "grid_sample_bilinear_border", "grid_sample_bilinear_reflection", "grid_sample_bilinear_zeros", "grid_sample_nearest_border",
        "grid_sample_nearest_reflection", "grid_sample_nearest_zeros", "group_norm", "mish", "reduce_log_sum_exp", "resize_antialias_linear", "resize_cubic", "rms_norm", "rotary",
        "scatter_add", "swish",
    ];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Output_and_gradients_on_Onnx_Runtime_are_those_of_PyTorch(string name) => Compare(name, OnOnnxRuntime);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Output_and_gradients_on_Torch_are_those_of_PyTorch(string name) => Compare(name, OnTorch);

    /// <summary>Runs a graph; returns its output and the product of the cotangent with its derivative by each target.</summary>
    delegate (TensorData Output, IReadOnlyList<TensorData> Gradients) Engine(Model model, Dictionary<string, TensorData> feeds, IReadOnlyList<Value> targets, TensorData cotangent);

    static void Compare(string name, Engine engine)
    {
        using var archive = ZipFile.OpenRead(SharedFiles.Require("models/ops/newer_operators.npz"));
        var meta = Meta(archive).RootElement.GetProperty(name);
        var canonical = Canonicalizer.Run(ModelOf(archive, meta, out var feeds), new CanonicalOptions());
        Assert.Equal("", string.Join("; ", canonical.Unsupported.Select(u => u.Reason)));
        var targets = canonical.Model.Graph.Inputs.Where(v => v.IsFloat).ToList();

        var (output, gradients) = engine(canonical.Model, feeds, targets, Array(archive, meta.GetProperty("cotangent").GetString()!));

        AssertClose("output", Array(archive, meta.GetProperty("output").GetString()!), output);
        var expected = meta.GetProperty("gradients").EnumerateArray().Select(g => g.GetString()).ToList();
        for (var i = 0; i < expected.Count; i++)
            if (expected[i] is { } key) AssertClose($"gradient of input {i}", Array(archive, key), gradients[targets.FindIndex(t => string.Equals(t.Name, $"in{i}", StringComparison.Ordinal))]);
    }

    static (TensorData, IReadOnlyList<TensorData>) OnOnnxRuntime(Model model, Dictionary<string, TensorData> feeds, IReadOnlyList<Value> targets, TensorData cotangent)
    {
        var graph = model.Graph;
        var output = graph.Outputs[0];
        var seed = new Value("dy", output.Type, output.Shape);
        graph.Inputs.Add(seed);
        feeds["dy"] = cotangent;
        var result = Differentiate.Run(graph, [(output, seed)], targets, new Tape(graph));
        Assert.Empty(result.Blocked);
        graph.Outputs.AddRange(targets.Select(t => result.Gradients[t]).Distinct().Where(g => g != seed));
        using var executor = new OrtExecutor(model, new OrtSettings(Threads: 1));
        string[] names = [.. graph.Outputs.Select(o => o.Name)];
        var found = names.Zip(executor.Run(feeds, names, TestContext.Current.CancellationToken)).ToDictionary(r => r.First, r => r.Second, StringComparer.Ordinal);
        return (found[output.Name], [.. targets.Select(t => result.Gradients[t] is var g && g == seed ? cotangent : found[g.Name])]);
    }

    static (TensorData, IReadOnlyList<TensorData>) OnTorch(Model model, Dictionary<string, TensorData> feeds, IReadOnlyList<Value> targets, TensorData cotangent)
    {
        if (TorchLibrary.Unavailable is { } why) Assert.Skip(why);
        var output = model.Graph.Outputs[0];
        using var executor = new TorchExecutor(model);
        using var pass = executor.Forward(feeds, [output], targets, TestContext.Current.CancellationToken);
        using var everything = TorchSharp.torch.NewDisposeScope();
        var seed = TorchSharp.torch.tensor(cotangent.ToFloats(), [.. cotangent.Dims]);
        // A place that only decides what is read has no gradient: PyTorch's are zeros.
        var gradients = pass.Gradients(output, targets, seed).Select((g, i) => g ?? TorchSharp.torch.zeros_like(pass[targets[i]]));
        return (TorchTensors.Fetch(pass[output], output.Type), [.. gradients.Select(g => TorchTensors.Fetch(g, ElementType.Float32))]);
    }

    /// <summary>The operators of the cases, each as often as there are cases.</summary>
    internal static IEnumerable<string> Operators()
    {
        using var archive = ZipFile.OpenRead(SharedFiles.Require("models/ops/newer_operators.npz"));
        using var meta = Meta(archive);
        return [.. Cases.Select(c => meta.RootElement.GetProperty(c.Data).GetProperty("op").GetString()!)];
    }

    static Model ModelOf(ZipArchive archive, JsonElement meta, out Dictionary<string, TensorData> feeds)
    {
        var op = meta.GetProperty("op").GetString()!;
        var graph = new Graph { Name = "case" };
        feeds = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        var inputs = new List<Value?>();
        foreach (var key in meta.GetProperty("inputs").EnumerateArray())
        {
            var data = Array(archive, key.GetString()!);
            var value = new Value($"in{inputs.Count}", data.Type, data.Shape);
            graph.Inputs.Add(value);
            feeds[value.Name] = data;
            inputs.Add(value);
        }
        var attributes = new List<Attribute>();
        foreach (var setting in meta.GetProperty("attributes").EnumerateObject())
        {
            if (setting.NameEquals("note")) continue;
            if (!Inputs.TryGetValue((op, setting.Name), out var slot))
            {
                attributes.Add(AttributeOf(setting));
                continue;
            }
            while (inputs.Count <= slot) inputs.Add(null);
            inputs[slot] = graph.AddInitializer(setting.Name, TensorData.Vector([.. setting.Value.EnumerateArray().Select(v => v.GetInt64())]));
        }
        // PyTorch leaves out what a filter reaches beyond the edge, ONNX repeats the edge there unless told so.
        if (attributes.Exists(a => a is { Name: "antialias", Content: 1L })) attributes.Add(Attribute.Of("exclude_outside", 1L));
        var node = new Node(op, inputs, [new Value("out")], attributes, "", "node");
        graph.Nodes.Add(node);
        graph.Outputs.Add(node.Output);
        var model = new Model(graph);
        // The first opset that has the newest of them.
        model.Opsets[""] = 24;
        return model;
    }

    static Attribute AttributeOf(JsonProperty setting) => setting.Value.ValueKind switch
    {
        JsonValueKind.String => Attribute.Of(setting.Name, setting.Value.GetString()!),
        JsonValueKind.Array => Attribute.Of(setting.Name, [.. setting.Value.EnumerateArray().Select(v => v.GetInt64())]),
        _ when setting.Value.GetRawText().AsSpan().ContainsAny('.', 'e') => Attribute.Of(setting.Name, setting.Value.GetSingle()),
        _ => Attribute.Of(setting.Name, setting.Value.GetInt64()),
    };

    /// <summary>The description of the cases: JSON in an array of one UTF-32 string, after a header whose length the tenth and eleventh bytes tell.</summary>
    static JsonDocument Meta(ZipArchive archive)
    {
        var bytes = Bytes(archive, "meta");
        return JsonDocument.Parse(Encoding.UTF32.GetString(bytes.AsSpan(10 + BitConverter.ToUInt16(bytes, 8))));
    }

    static TensorData Array(ZipArchive archive, string name)
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, Bytes(archive, name));
            return NumPyFile.ReadNpy(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    static byte[] Bytes(ZipArchive archive, string name)
    {
        using var stream = archive.GetEntry(name + ".npy")!.Open();
        using var memory = new MemoryStream();
        stream.CopyTo(memory);
        return memory.ToArray();
    }

    static void AssertClose(string what, TensorData expected, TensorData found)
    {
        Assert.Equal(expected.Dims, found.Dims);
        var (x, y) = (expected.ToDoubles(), found.ToDoubles());
        var largest = x.Max(Math.Abs);
        for (var i = 0; i < x.Length; i++) Assert.True(Math.Abs(x[i] - y[i]) <= 1e-4 * largest + 1e-7, $"{what}[{i}]: {y[i]:G9}, PyTorch {x[i]:G9}, largest {largest:G6}");
    }
}
