using System.IO.Compression;
using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using Xunit;

namespace GraphRewriter.Tests.Canonicalization;

public class CanonicalizerTests
{
    /// <summary>Networks whose run takes seconds, or whose operators ONNX Runtime lacks.</summary>
    static readonly string[] Apart = ["real/style_candy.onnx", "real/superres_prepost.onnx"];

    /// <summary>The files of lint/ that ONNX Runtime runs as they are.</summary>
    static readonly string[] Lint =
    [
        "cleanable", "constant_fold_bloater", "light_resnet50", "light_shufflenet", "loop", "opset_11", "qdq_conv", "scan", "sparse.conv", "unbounded_dds", "unsorted", "zero_nodes",
    ];

    public static TheoryData<string> Networks() => [.. SharedFiles.Models("real").Concat(SharedFiles.Models("torch")).Except(Apart)];

    public static TheoryData<string> LintFiles() => [.. Lint.Select(f => $"lint/{f}.onnx")];

    public static TheoryData<string> TorchNetworks() => [.. SharedFiles.Models("torch")];

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Networks))]
    public void The_canonical_form_computes_what_the_file_computes(string name) => CompareOutputs(name, new CanonicalOptions());

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Networks))]
    public void With_dynamic_dimensions_kept_it_computes_the_same(string name) => CompareOutputs(name, new CanonicalOptions { KeepDynamic = true, ComputeInFloat32 = false });

    [Theory]
    [MemberData(nameof(LintFiles))]
    public void Odd_files_compute_what_they_computed(string name) => CompareOutputs(name, new CanonicalOptions());

    [Fact]
    [Trait("Category", "Long")]
    public void The_style_network_of_opset_7_with_legacy_operators_computes_the_same() => CompareOutputs("real/style_candy.onnx", new CanonicalOptions());

    [Fact]
    public void Operators_of_another_domain_are_named_and_the_rest_is_canonical()
    {
        using var file = OnnxReader.Read(Locate("real/superres_prepost.onnx"));

        var canonical = Canonicalizer.Run(file.Model, new CanonicalOptions());

        Assert.Equal(["com.microsoft.extensions::DecodeImage", "com.microsoft.extensions::EncodeImage"], canonical.Unsupported.Select(u => u.OpType));
        Assert.Equal(8, canonical.Parameters.Count(p => p.Trainable));
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Networks))]
    public void A_canonical_model_has_one_opset_unique_names_static_shapes_and_no_constant_nodes(string name)
    {
        using var file = OnnxReader.Read(Locate(name));

        var model = Canonicalizer.Run(file.Model, new CanonicalOptions()).Model;

        Assert.Equal(Model.CanonicalOpset, model.Opset);
        Assert.Empty(model.Functions);
        var nodes = model.Graph.AllNodes().ToList();
        Assert.DoesNotContain(nodes, n => n.OpType is "Constant" or "If");
        Assert.DoesNotContain("", nodes.Select(n => n.Name));
        Assert.Equal(nodes.Count, nodes.Select(n => n.Name).Distinct(StringComparer.Ordinal).Count());
        Assert.All(nodes.SelectMany(n => n.Outputs).OfType<Value>(), v => Assert.True(v.Shape is { IsStatic: true }, v.ToString()));
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(TorchNetworks))]
    public void The_trainable_parameters_are_those_PyTorch_has_under_its_names(string name)
    {
        using var file = OnnxReader.Read(Locate(name));
        using var reference = ZipFile.OpenRead(Locate(Path.ChangeExtension(name, ".npz")));
        const string Prefix = "eval_grad_norm/";
        var expected = reference.Entries.Select(e => Path.ChangeExtension(e.FullName, null)).Where(n => n.StartsWith(Prefix, StringComparison.Ordinal)).Select(n => n[Prefix.Length..]);

        var canonical = Canonicalizer.Run(file.Model, new CanonicalOptions());

        Assert.Equal(expected.Order(StringComparer.Ordinal), canonical.Parameters.Where(p => p.Trainable).Select(p => p.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Merged_initializers_are_no_tie_but_embedding_and_head_are()
    {
        using var encoder = OnnxReader.Read(Locate("torch/torch_encoder.onnx"));
        using var gpt = OnnxReader.Read(Locate("torch/torch_gpt.onnx"));

        Assert.DoesNotContain(Canonicalizer.Run(encoder.Model, new CanonicalOptions()).Parameters, p => p.IsTied);
        var tied = Assert.Single(Canonicalizer.Run(gpt.Model, new CanonicalOptions()).Parameters, p => p.IsTied);
        Assert.Equal("te.weight", tied.Name);
        Assert.Equal([ParameterRole.Embedding, ParameterRole.LinearWeight], tied.Uses.Select(u => u.Role));
    }

    [Theory]
    [InlineData("real/silero_vad_v5.onnx", 243585)]
    [InlineData("real/silero_vad_16k_op15.onnx", 243585)]
    [InlineData("real/silero_vad_op18_ifless.onnx", 243585)]
    public void Weights_inside_branches_are_found_and_the_transform_basis_is_no_parameter(string name, long trainable)
    {
        using var file = OnnxReader.Read(Locate(name));

        var canonical = Canonicalizer.Run(file.Model, new CanonicalOptions());

        Assert.Equal(trainable, canonical.Parameters.Where(p => p.Trainable).Sum(p => p.Count));
        var basis = Assert.Single(canonical.Parameters, p => !p.Trainable);
        Assert.Equal(ParameterRole.FrontEnd, basis.Role);
        Assert.Contains("forward_basis", basis.Name, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("real/ultraface_rfb.onnx")]
    [InlineData("real/ultraface_rfb_folded.onnx")]
    [InlineData("real/mnist_cnn.onnx")]
    [InlineData("real/squeezenet_fp16.onnx")]
    [InlineData("real/fastestdet.onnx")]
    [InlineData("lint/light_resnet50.onnx")]
    [InlineData("lint/light_shufflenet.onnx")]
    public void A_batch_size_fixed_in_the_file_is_bound_anew_where_samples_stay_apart(string name)
    {
        using var file = OnnxReader.Read(Locate(name));
        var one = Canonicalizer.Run(file.Model, new CanonicalOptions());
        var three = Canonicalizer.Run(file.Model, new CanonicalOptions { Batch = 3 });

        Assert.Equal((BatchKind.Free, 3L), (three.Batch.Kind, three.Batch.Size));
        Canonical.AssertSamplesStayApart(one, three);
    }

    [Fact]
    public void The_model_given_is_not_changed()
    {
        using var file = OnnxReader.Read(Locate("real/ppocr_cls.onnx"));
        var before = OnnxWriter.ToBytes(file.Model);

        Canonicalizer.Run(file.Model, new CanonicalOptions { Batch = 2 });

        Assert.Equal(before, OnnxWriter.ToBytes(file.Model));
    }

    static string Locate(string name) => SharedFiles.Require(["models", .. name.Split('/')]);

    static void CompareOutputs(string name, CanonicalOptions options)
    {
        var path = Locate(name);
        using var file = OnnxReader.Read(path);
        var canonical = Canonicalizer.Run(file.Model, options);
        // What the inputs of a graph with open dimensions may be is known from the binding.
        var bound = Canonicalizer.Run(file.Model, options with { KeepDynamic = false });
        using var original = OrtReference.Open(path);
        using var mine = OrtReference.Open(OnnxWriter.ToBytes(canonical.Model));
        var shapes = bound.Inputs.Where(i => i.Bound is not null).ToDictionary(i => i.Name, i => i.Bound!.ToArray(), StringComparer.Ordinal);
        var feeds = OrtReference.SeededInputs(original, seed: 1, shapes);
        foreach (var input in bound.Inputs) if (input.Content is { } content) feeds[input.Name] = content;

        var expected = OrtReference.Run(original, feeds);
        var actual = OrtReference.Run(mine, canonical.Model.Graph.Inputs.ToDictionary(v => v.Name, v => As(feeds[v.Name], v.Type), StringComparer.Ordinal));

        Assert.Equal(expected.Keys, actual.Keys);
        // float16 models are computed in float32: their own rounding is the difference.
        Assert.All(expected, e => Assert.InRange(OrtReference.RelativeDifference(As(e.Value, actual[e.Key].Type), actual[e.Key]), 0, e.Value.Type == ElementType.Float16 ? 2e-3 : 1e-5));
    }

    static TensorData As(TensorData data, ElementType type) => data.Type == type || type == ElementType.Undefined ? data : TensorData.FromNumbers(type, [.. data.Dims], data.ToDoubles());
}
