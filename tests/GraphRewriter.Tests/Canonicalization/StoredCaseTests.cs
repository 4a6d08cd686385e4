using Xunit;

namespace GraphRewriter.Tests.Canonicalization;

public class StoredCaseTests(ITestOutputHelper output)
{
    /// <summary>Why a case may decide nothing: the beginnings of the reasons.</summary>
    static readonly string[] Excuses =
    [
        // Sequences, optionals and maps are outside of what is fed and compared here.
        "takes or gives something that is no tensor",
        "older than opset 6",
        // Operators of preview domains, types without kernel, locales the machine lacks.
        "ONNX Runtime:",
        // Random numbers, bfloat16 stored as uint16, numbers written as text, and three cases where the stored outputs of the time are wrong.
        "ONNX Runtime's own result:",
    ];

    [Theory]
    [InlineData("pytorch-operator", 35)]
    [InlineData("pytorch-converted", 82)]
    [InlineData("simple", 17)]
    public void Canonical_models_give_the_outputs_stored_with_the_Onnx_test_data(string folder, int atLeast) => RunAll(folder, atLeast);

    [Fact]
    [Trait("Category", "Long")]
    public void Canonical_operator_calls_give_the_outputs_stored_with_the_Onnx_test_data() => RunAll("node", 856);

    void RunAll(string folder, int atLeast)
    {
        var results = StoredCase.Below(Checkout.OnnxTestData(folder)).Select(c => (Case: c, Result: c.Run())).ToLookup(r => r.Result.Outcome, r => $"{r.Case}: {r.Result.Reason}");

        foreach (var reason in results[StoredCase.Outcome.LeftOut]) output.WriteLine(reason);
        Assert.Empty(results[StoredCase.Outcome.Failed]);
        Assert.All(results[StoredCase.Outcome.LeftOut], reason => Assert.Contains(Excuses, e => reason.Contains(": " + e, StringComparison.Ordinal)));
        Assert.True(results[StoredCase.Outcome.Passed].Count() >= atLeast, $"{results[StoredCase.Outcome.Passed].Count()} passed");
    }
}
