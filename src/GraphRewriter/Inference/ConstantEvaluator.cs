using System.Collections.Frozen;
using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>Works out a node's outputs from constant inputs, through <see cref="InferenceContext.Evaluated"/>; states nothing where it cannot.</summary>
delegate void EvaluateConstants(in InferenceContext x);

/// <summary>How constant inputs of one operator give constant outputs.</summary>
readonly record struct ConstantRule(string OpType, EvaluateConstants Evaluate);

/// <summary>
/// Evaluates small nodes whose inputs are constants: the shape arithmetic of exporters and the constants around it. Integers wrap and divide as in the runtimes, floats are
/// computed in float64 and rounded to their type.
/// </summary>
static class ConstantEvaluator
{
    /// <summary>The most elements a result may have: shapes, axes, masks and small tables, but no weights.</summary>
    public const int MaxElements = 4096;

    const int MaxInputElements = 16 * MaxElements;

    static readonly FrozenDictionary<string, EvaluateConstants> Rules = new ConstantRule[][]
    {
        ConstantArithmetic.All,
        ConstantMovement.All,
        ConstantReductions.All,
    }
    .SelectMany(family => family)
    .ToDictionary(rule => rule.OpType, rule => rule.Evaluate, StringComparer.Ordinal)
    .ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Evaluates a node whose outputs' types and shapes have been inferred.</summary>
    /// <returns>Whether the first output is known.</returns>
    public static bool TryEvaluate(in InferenceContext x)
    {
        var first = x.Node.OutputAt(0);
        if (first?.Evaluated is not null) return true;
        foreach (var input in x.Node.Inputs)
        {
            if (input is null) continue;
            if (input.Constant is not { Unavailable: null } data || !IsEvaluable(data)) return false;
        }
        if (!Rules.TryGetValue(x.Node.OpType, out var evaluate)) return false;
        foreach (var output in x.Node.Outputs)
            if (output?.Shape is { IsStatic: true } shape && SmallTensor.Count(shape.ToArray()) > MaxElements) return false;
        evaluate(in x);
        return first?.Evaluated is not null;
    }

    /// <summary>Whether a type is one whose elements take whole bytes and are numbers or truth values of the ordinary kinds.</summary>
    public static bool IsOrdinary(ElementType type) => type.IsFloat || type == ElementType.Bool || (type.IsInteger && type.Bits >= 8);

    static bool IsEvaluable(TensorData data)
    {
        if (!IsOrdinary(data.Type)) return false;
        var count = 1L;
        foreach (var d in data.Dims)
        {
            count *= d;
            if (count > MaxInputElements) return false;
        }
        return true;
    }
}
