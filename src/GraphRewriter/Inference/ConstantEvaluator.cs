using System.Collections.Frozen;
using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>Works out a node's outputs from constant inputs, through <see cref="InferenceContext.Evaluated"/>; states nothing where it cannot.</summary>
delegate void EvaluateConstants(in InferenceContext x);

/// <summary>How constant inputs of one operator give constant outputs.</summary>
/// <param name="OpType">The operator.</param>
/// <param name="Required">The number of inputs that must be given; those after them may be left out.</param>
/// <param name="Evaluate">The evaluation.</param>
readonly record struct ConstantRule(string OpType, int Required, EvaluateConstants Evaluate);

/// <summary>
/// Evaluates small nodes whose inputs are constants: the shape arithmetic of exporters and the constants around it. Integers wrap and divide as in the
/// runtimes, floats are
/// computed in float64 and rounded to their type.
/// </summary>
static class ConstantEvaluator
{
    /// <summary>The most elements a result may have: shapes, axes, masks and small tables, but no weights.</summary>
    public const int MaxElements = 4096;

    const int MaxInputElements = 16 * MaxElements;

    static readonly FrozenDictionary<string, ConstantRule> Rules = new ConstantRule[][]
    {
        ConstantArithmetic.All,
        ConstantMovement.All,
        ConstantReductions.All,
    }
    .SelectMany(family => family)
    .ToDictionary(rule => rule.OpType, StringComparer.Ordinal)
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
        if (!Rules.TryGetValue(x.Node.OpType, out var rule)) return false;
        for (var i = 0; i < rule.Required; i++) if (!x.HasInput(i)) return false;
        foreach (var output in x.Node.Outputs)
            if (output?.Shape is { IsStatic: true } shape && !IsSmall(shape)) return false;
        rule.Evaluate(in x);
        return first?.Evaluated is not null;
    }

    /// <summary>Whether a type is one whose elements take whole bytes and are numbers or truth values of the ordinary kinds.</summary>
    public static bool IsOrdinary(ElementType type) => type.IsFloat || type == ElementType.Bool || (type.IsInteger && type.Bits >= 8);

    // Even a shape without elements must have dimensions whose product can be counted.
    static bool IsSmall(Shape shape)
    {
        var count = 1L;
        foreach (var d in shape)
        {
            if (d.Size > MaxElements) return false;
            count *= Math.Max(1, d.Size);
            if (count > MaxElements) return false;
        }
        return true;
    }

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
