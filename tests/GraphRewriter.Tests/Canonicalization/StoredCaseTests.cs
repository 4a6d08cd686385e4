using Xunit;

namespace GraphRewriter.Tests.Canonicalization;

public class StoredCaseTests(ITestOutputHelper output)
{
    /// <summary>Why a case may decide nothing: the beginnings of the reasons.</summary>
    static readonly string[] Excuses =
    [
        // Sequences, optionals and maps are outside of what is fed and compared here.
        "takes or gives something that is no tensor",
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
        CheckedAgainst.Match("onnx", RunAll("node", 868).Select(c => c.Calls().ToList()).Where(calls => calls is [("", _, _)]).Select(calls => calls[0].OpType));

    IEnumerable<StoredCase> RunAll(string folder, int atLeast)
    {
        var all = StoredCase.Below(Checkout.OnnxTestData(folder)).Select(c => (Case: c, Result: Run(c))).ToList();
        var results = all.ToLookup(r => r.Result.Outcome, r => $"{r.Case}: {r.Result.Reason}");

        foreach (var reason in results[Outcome.LeftOut]) output.WriteLine(reason);
        Assert.Empty(results[Outcome.Failed]);
        Assert.All(results[Outcome.LeftOut], reason => Assert.Contains(Excuses, e => reason.Contains(": " + e, StringComparison.Ordinal)));
        Assert.True(results[Outcome.Passed].Count() >= atLeast, $"{results[Outcome.Passed].Count()} passed");
        return all.Where(r => r.Result.Outcome == Outcome.Passed).Select(r => r.Case);
    }

    /// <summary>
    /// Runs a case in canonical form, and where that does not give the stored outputs, as it is: a case that ONNX Runtime itself cannot run or gets otherwise decides nothing.
    /// </summary>
    /// <returns>The outcome, and for all but <see cref="Outcome.Passed"/> the reason.</returns>
    static (Outcome Outcome, string Reason) Run(StoredCase test)
    {
        using (var file = test.Read())
            if (file.Model.Graph.Inputs.Concat(file.Model.Graph.Outputs).Any(v => v.Other is not null)) return (Outcome.LeftOut, "takes or gives something that is no tensor");
        // Sums of large numbers that cancel are zero in the stored outputs only.
        test = test with { OfLargest = 1e-5 };
        if (test.Run(StoredCase.OnOnnxRuntime)[0] is not { } wrong) return (Outcome.Passed, "");
        return test.RunOriginal() is { } excuse ? (Outcome.LeftOut, $"{excuse}; canonical: {wrong}") : (Outcome.Failed, wrong);
    }

    /// <summary>How a case ended: passed; left out, as ONNX Runtime itself does not give the stored outputs; or failed.</summary>
    enum Outcome
    {
        Passed,
        LeftOut,
        Failed,
    }
}
