using GraphRewriter.Gradients;
using GraphRewriter.Ir;

namespace OnnxAuditor.Tests.Execution.Torch;

/// <summary>How both engines fare on a case of the ONNX project's operator test data.</summary>
/// <param name="Suite">The folder of the test data.</param>
/// <param name="Name">The case.</param>
/// <param name="Operator">The operator under test.</param>
/// <param name="IsFloat">Whether an output is a tensor of floats.</param>
/// <param name="DeclaredOut">Why neither engine is asked; null where both are.</param>
/// <param name="Ort">What is wrong on ONNX Runtime; null where nothing is.</param>
/// <param name="Torch">What is wrong on Torch; null where nothing is.</param>
sealed record ConformanceCase(string Suite, string Name, string Operator, bool IsFloat, string? DeclaredOut, string? Ort, string? Torch)
{
    const string Expanded = "_expanded";

    /// <summary>What works on something else than tensors of numbers, by operator, and the training operators.</summary>
    public static readonly IReadOnlyDictionary<string, string> OperatorsDeclaredOut = OperatorStatus.All
        .Where(s => s.Standing == OperatorStanding.NotTensor || s.Operator.Domain == OperatorCatalogue.TrainingDomain)
        .ToDictionary(s => s.Operator.Name, s => s.Standing == OperatorStanding.NotTensor ? s.Detail : "it updates weights", StringComparer.Ordinal);

    /// <summary>Runs a case on ONNX Runtime and another engine, both behind the canonicaliser.</summary>
    public static ConformanceCase Run(string suite, StoredCase stored, Engine torch)
    {
        using var file = stored.Read();
        var graph = file.Model.Graph;
        var isFloat = graph.Outputs.Any(v => v.IsFloat);
        if (WhyDeclaredOut(graph) is { } why) return new ConformanceCase(suite, stored.Name, OperatorOf(stored, graph), isFloat, why, null, null);
        var results = stored.Run(StoredCase.OnOnnxRuntime, torch);
        return new ConformanceCase(suite, stored.Name, OperatorOf(stored, graph), isFloat, null, results[0], results[1]);
    }

    static string? WhyDeclaredOut(Graph graph)
    {
        foreach (var node in graph.AllNodes()) if (OperatorsDeclaredOut.TryGetValue(node.OpType, out var why)) return why;
        foreach (var value in graph.Inputs.Concat(graph.Outputs))
        {
            if (value.Type == ElementType.String) return OperatorsDeclaredOut["StringConcat"];
            if (value.Other is { } other) return OperatorsDeclaredOut[other.Kind == OtherKind.Optional ? "Optional" : "SequenceAt"];
        }
        return null;
    }

    /// <summary>The operator that a case is about: its only one, or that of the case whose function it writes out.</summary>
    static string OperatorOf(StoredCase stored, Graph graph)
    {
        if (graph.Nodes.Count == 1) return graph.Nodes[0].OpType;
        var at = stored.Name.IndexOf(Expanded, StringComparison.Ordinal);
        var whole = at < 0 ? null : stored with { Folder = stored.Folder[..(stored.Folder.Length - stored.Name.Length + at)] };
        if (whole is null || !Directory.Exists(whole.Folder)) return graph.Nodes[^1].OpType;
        using var file = whole.Read();
        return file.Model.Graph.Nodes[0].OpType;
    }
}
