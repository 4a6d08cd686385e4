using GraphRewriter.Ir;
using OnnxAuditor.Execution.Torch;
using Xunit;

namespace OnnxAuditor.Tests.Execution.Torch;

/// <summary>Holds both engines against the operator test data of the ONNX project. docs/conformance.md is made here.</summary>
public class ConformanceTests(ITestOutputHelper output)
{
    static readonly string[] Suites = ["node", "pytorch-operator", "pytorch-converted", "simple"];

    /// <summary>Why cases do not pass: the beginnings of their names, and the cause.</summary>
    static readonly (string Cases, string Cause)[] Causes =
    [
        ("test_bernoulli", RandomNumbers),
        ("test_training_dropout", RandomNumbers),
        ("test_max_int16", NoKernel),
        ("test_max_uint16", NoKernel),
        ("test_min_int16", NoKernel),
        ("test_min_uint16", NoKernel),
        ("test_bitshift_left_uint16", NoKernel),
        ("test_bitshift_right_uint16", NoKernel),
        ("test_pow_types_float32_uint32", NoKernel),
        ("test_pow_types_float32_uint64", NoKernel),
        ("test_cast_FLOAT_to_BFLOAT16", "the stored numbers are cut off; the specification says to round"),
        ("test_castlike_FLOAT_to_BFLOAT16", "the stored numbers are cut off, and the input `like` has not the shape that the model declares, which ONNX Runtime refuses"),
        ("test_castlike_BFLOAT16_to_FLOAT", "the input `like` has not the shape that the model declares, which ONNX Runtime refuses"),
        ("test_dft", Cancels),
        ("test_stft", Cancels),
        ("test_maxunpool_export_with_output_shape", "the stored outputs take indices to count in the shape that would follow without `output_shape`; ONNX Runtime and PyTorch take them to count in the output"),
        ("test_resize_downsample_scales_cubic_align_corners", Unrounded),
        ("test_resize_downsample_scales_linear_align_corners", Unrounded),
    ];

    const string RandomNumbers = "random numbers: the stored ones are NumPy's";
    const string NoKernel = "ONNX Runtime has no kernel for the type";
    const string Cancels = "sums of large numbers that cancel: 0 is expected, float32 gives 1e-5, and 1e-7 is allowed";
    const string Unrounded = "the stored outputs reckon with a length of the result of 2.4, which is 2";

    static readonly Lazy<IReadOnlyList<ConformanceCase>> All = new(() => [.. Suites.SelectMany(suite => StoredCase.Below(Checkout.OnnxTestData(suite)).Select(c => ConformanceCase.Run(suite, c, OnTorch)))]);

    [Fact]
    public void Torch_gives_the_stored_outputs_of_nearly_all_cases_of_floats()
    {
        var floats = Cases("node").FindAll(c => c.IsFloat);
        Assert.InRange(floats.Count(c => c.Torch is null), 0.97 * floats.Count, floats.Count);
    }

    [Theory]
    [InlineData("pytorch-operator")]
    [InlineData("pytorch-converted")]
    [InlineData("simple")]
    public void Torch_passes_where_Onnx_Runtime_does(string suite) => Assert.DoesNotContain(Cases(suite), c => c is { Ort: null, Torch: not null });

    [Fact]
    public void What_does_not_pass_has_a_stated_cause()
    {
        var open = Suites.SelectMany(Cases).Where(c => c.Ort is not null || c.Torch is not null).ToList();

        Assert.All(open, c => Assert.Contains(Causes, k => c.Name.StartsWith(k.Cases, StringComparison.Ordinal)));
        Assert.All(Causes, k => Assert.Contains(open, c => c.Name.StartsWith(k.Cases, StringComparison.Ordinal)));
    }

    [Fact]
    public void The_page_in_docs_is_that_of_the_cases()
    {
        Run();
        var page = ConformancePage.Of(All.Value, Causes);
        foreach (var line in page.Split('\n')) output.WriteLine(line);
        if (Environment.GetEnvironmentVariable("UPDATE_DOCS") is "1") File.WriteAllText(Checkout.Path("docs", "conformance.md"), page);
        Assert.Equal(File.ReadAllText(Checkout.Path("docs", "conformance.md")), page);
    }

    static List<ConformanceCase> Cases(string suite)
    {
        Run();
        return [.. All.Value.Where(c => string.Equals(c.Suite, suite, StringComparison.Ordinal) && c.DeclaredOut is null)];
    }

    static void Run()
    {
        if (TorchLibrary.Unavailable is { } why) Assert.Skip(why);
        Checkout.OnnxTestData("node");
    }

    static Dictionary<string, TensorData> OnTorch(Model model, IReadOnlyDictionary<string, TensorData> feeds)
    {
        using var executor = new TorchExecutor(model);
        string[] names = [.. model.Graph.Outputs.Select(o => o.Name)];
        return names.Zip(executor.Run(feeds, names)).ToDictionary(p => p.First, p => p.Second, StringComparer.Ordinal);
    }
}
