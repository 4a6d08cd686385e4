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
    ];

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
    public void Torch_passes_where_Onnx_Runtime_does(string suite) => Assert.Empty(Cases(suite).Where(c => c is { Ort: null, Torch: not null }));

    [Fact]
    public void What_does_not_pass_has_a_stated_cause()
    {
        var open = Suites.SelectMany(Cases).Where(c => c.Ort is not null || c.Torch is not null).ToList();

        Assert.Empty(open.Where(c => !Causes.Any(k => c.Name.StartsWith(k.Cases, StringComparison.Ordinal))));
        Assert.Empty(Causes.Where(k => !open.Any(c => c.Name.StartsWith(k.Cases, StringComparison.Ordinal))));
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
