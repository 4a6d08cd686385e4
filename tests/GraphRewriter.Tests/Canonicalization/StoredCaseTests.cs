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
    public void Canonical_operator_calls_give_the_outputs_stored_with_the_Onnx_test_data() =>
        CheckedAgainst.Match("onnx", RunAll("node", 856).Select(c => c.Calls().ToList()).Where(calls => calls is [("", _, _)]).Select(calls => calls[0].OpType));

    IEnumerable<StoredCase> RunAll(string folder, int atLeast)
    {
        var all = StoredCase.Below(Checkout.OnnxTestData(folder)).Select(c => (Case: c, Result: c.Run())).ToList();
        var results = all.ToLookup(r => r.Result.Outcome, r => $"{r.Case}: {r.Result.Reason}");

        foreach (var reason in results[StoredCase.Outcome.LeftOut]) output.WriteLine(reason);
        Assert.Empty(results[StoredCase.Outcome.Failed]);
        Assert.All(results[StoredCase.Outcome.LeftOut], reason => Assert.Contains(Excuses, e => reason.Contains(": " + e, StringComparison.Ordinal)));
        Assert.True(results[StoredCase.Outcome.Passed].Count() >= atLeast, $"{results[StoredCase.Outcome.Passed].Count()} passed");
        return all.Where(r => r.Result.Outcome == StoredCase.Outcome.Passed).Select(r => r.Case);
    }
}
