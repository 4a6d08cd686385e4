using System.CommandLine;

namespace Bench;

/// <summary>The options that verbs share.</summary>
static class VerbOptions
{
    /// <summary>The networks.</summary>
    public static Argument<string[]> Models() => new("model")
    {
        Description = "ONNX files; the usual ones of the shared networks where none is given.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    /// <summary>How often each alternative runs.</summary>
    public static Option<int> Rounds(int usual) => new("--rounds") { Description = "How often each alternative runs.", DefaultValueFactory = _ => usual };

    /// <summary>Threads.</summary>
    public static Option<int> Threads() => new("--threads") { Description = "Threads of ONNX Runtime.", DefaultValueFactory = _ => 2 };

    /// <summary>Samples a pass.</summary>
    public static Option<long> Batch() => new("--batch") { Description = "Samples a pass.", DefaultValueFactory = _ => 16 };

    /// <summary>Whether the results are kept.</summary>
    public static Option<bool> Page() => new("--page") { Description = "Also writes the results to docs/benchmarks." };
}
