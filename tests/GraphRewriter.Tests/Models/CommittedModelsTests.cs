using GraphRewriter.Ir;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using ModelGenerator;
using Xunit;

namespace GraphRewriter.Tests.Models;

/// <summary>The files of models/ are what the generator writes, and ONNX Runtime takes them.</summary>
public class CommittedModelsTests
{
    public static TheoryData<string> Names => [.. Catalogue.All.Select(n => n.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_committed_file_is_what_the_generator_writes(string name)
    {
        var folder = Directory.CreateTempSubdirectory("models-");
        try
        {
            Find(name).Write(folder.FullName);
            foreach (var file in folder.GetFiles())
                Assert.True(File.ReadAllBytes(file.FullName).AsSpan().SequenceEqual(File.ReadAllBytes(Checkout.Path("models", file.Name))), $"{file.Name} differs; run the generator.");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void The_folder_holds_the_catalogue_s_files_and_no_others()
    {
        var expected = Catalogue.All.SelectMany(n => n.External ? new[] { $"{n.Name}.onnx", $"{n.Name}.onnx.data" } : [$"{n.Name}.onnx"]);
        var found = new DirectoryInfo(Checkout.Path("models")).GetFiles("*.onnx*");
        Assert.Equal(expected.Order(StringComparer.Ordinal), found.Select(f => f.Name).Order(StringComparer.Ordinal));
        Assert.InRange(found.Sum(f => f.Length), 1, 3_000_000);
    }

    [Fact]
    public void The_page_lists_the_catalogue() => Assert.Equal(Catalogue.Page(), File.ReadAllText(Checkout.Path("models", "README.md")));

    [Theory]
    [MemberData(nameof(Names))]
    public void A_committed_file_runs_in_ONNX_Runtime(string name)
    {
        using var session = new InferenceSession(Checkout.Path("models", $"{name}.onnx"));
        using var results = session.Run([.. session.InputMetadata.Select(i => Feed(i.Key, i.Value))]);
        Assert.Equal(session.OutputNames, results.Select(r => r.Name), StringComparer.Ordinal);
        foreach (var (result, declared) in results.Zip(Find(name).Build().Graph.Outputs))
        {
            var shape = result.Value switch { Tensor<float> t => t.Dimensions.ToArray(), Tensor<long> t => t.Dimensions.ToArray(), _ => [] };
            Assert.Equal(declared.Shape!.Select(Size), shape);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Outputs_are_finite_but_where_a_weight_is_not(string name)
    {
        using var session = new InferenceSession(Checkout.Path("models", $"{name}.onnx"));
        using var results = session.Run([.. session.InputMetadata.Select(i => Feed(i.Key, i.Value))]);
        var values = results.Where(r => r.Value is Tensor<float>).SelectMany(r => r.AsEnumerable<float>()).ToList();
        Assert.Equal(!name.Equals("nan_weight_cnn", StringComparison.Ordinal), values.TrueForAll(float.IsFinite));
        Assert.Equal(name.Equals("zero_init_mlp", StringComparison.Ordinal), values.TrueForAll(v => v == 0));
    }

    [Theory]
    [InlineData(16000)]
    [InlineData(8000)]
    public void Both_branches_of_the_conditional_encoder_run(long rate)
    {
        using var session = new InferenceSession(Checkout.Path("models", "conditional_encoder.onnx"));
        using var results = session.Run([Feed("audio", session.InputMetadata["audio"]), NamedOnnxValue.CreateFromTensor("sample_rate", new DenseTensor<long>(new[] { rate }, []))]);
        Assert.Contains(results[0].AsEnumerable<float>(), v => v != 0);
    }

    [Fact]
    public void A_token_does_not_see_those_after_it()
    {
        using var session = new InferenceSession(Checkout.Path("models", "transformer.onnx"));
        float[] Logits(params long[] tokens)
        {
            using var results = session.Run([NamedOnnxValue.CreateFromTensor("tokens", new DenseTensor<long>(tokens, [1, tokens.Length]))]);
            return [.. results[0].AsEnumerable<float>().Take(2 * 128)];
        }
        var (given, changedAfter, changedBefore) = (Logits(5, 17, 99, 3), Logits(5, 17, 44, 7), Logits(6, 17, 99, 3));
        Assert.Equal(given, changedAfter);
        Assert.NotEqual(given.AsSpan(128).ToArray(), changedBefore.AsSpan(128).ToArray());
    }

    static Network Find(string name) => Catalogue.All.Single(n => n.Name.Equals(name, StringComparison.Ordinal));

    /// <summary>Batch 2 and sequence 5 where they are free.</summary>
    static int Size(Dim dim) => dim.IsKnown ? (int)dim.Size : dim == NetworkBuilder.Batch ? 2 : 5;

    static NamedOnnxValue Feed(string name, NodeMetadata input)
    {
        int[] dims = [.. input.Dimensions.Zip(input.SymbolicDimensions, (size, symbol) => size >= 0 ? size : Size(new Dim(-1, symbol)))];
        var count = dims.Aggregate(1, (a, b) => a * b);
        return input.ElementType == typeof(long)
            ? NamedOnnxValue.CreateFromTensor(name, new DenseTensor<long>(Enumerable.Range(1, count).Select(i => (long)(i * 37 % 100)).ToArray(), dims))
            : NamedOnnxValue.CreateFromTensor(name, new DenseTensor<float>(new Init(Bound: 1.7).Fill(count, name), dims));
    }
}
