using System.Collections.Frozen;
using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>
/// Infers types, shapes and the contents of shape arithmetic, for every standard operator at the canonical opset. What cannot be known before a run is left
/// unknown.
/// </summary>
static class ShapeInference
{
    static readonly FrozenDictionary<string, InferShapes> Rules = new ShapeRule[][]
    {
        ElementwiseRules.All,
        ReductionRules.All,
        ReshapeRules.All,
        JoiningRules.All,
        IndexingRules.All,
        ProductRules.All,
        ConvolutionRules.All,
        NormalizationRules.All,
        GeneratorRules.All,
        RecurrentRules.All,
        QuantizationRules.All,
        LossRules.All,
        SignalRules.All,
        ImageRules.All,
        TextRules.All,
        ControlFlowRules.All,
    }
    .SelectMany(family => family)
    .ToDictionary(rule => rule.OpType, rule => rule.Infer, StringComparer.Ordinal)
    .ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>The operators inference knows.</summary>
    public static IReadOnlyCollection<string> Operators => Rules.Keys;

    /// <summary>Infers every node of a graph in order, subgraphs included.</summary>
    /// <exception cref="ModelException">Shapes provably cannot belong together.</exception>
    public static void Infer(Graph graph)
    {
        foreach (var node in graph.Nodes) Infer(node);
    }

    /// <summary>
    /// Sets type and shape of a node's outputs, and where they follow from constants or shapes <see cref="Value.Evaluated"/> and <see cref="Value.Dims"/>.
    /// The inputs must
    /// have been inferred. What is known of an output already is kept where inference has nothing to say. Dims of a bool output, which comparing shapes
    /// makes, are 0 and 1.
    /// </summary>
    /// <exception cref="ModelException">The input shapes provably cannot belong together.</exception>
    public static void Infer(Node node)
    {
        foreach (var output in node.Outputs)
        {
            if (output is null) continue;
            output.Evaluated = null;
            output.Dims = default;
        }
        if (node.Domain.Length != 0 || !Rules.TryGetValue(node.OpType, out var rule))
        {
            foreach (var (_, graph) in node.Subgraphs) Infer(graph);
            return;
        }
        var x = new InferenceContext(node);
        rule(in x);
        if (!ConstantEvaluator.TryEvaluate(in x)) DimEvaluator.Evaluate(in x);
    }

    /// <summary>
    /// Forgets the shapes and contents of everything nodes make, in subgraphs too, so that inference starts from the inputs alone. Needed when input shapes
    /// change, as what is
    /// known of a value outlives its reasons otherwise. Types stay.
    /// </summary>
    public static void Forget(Graph graph)
    {
        foreach (var node in graph.AllNodes())
        {
            foreach (var output in node.Outputs)
            {
                if (output is null) continue;
                output.Shape = null;
                output.Evaluated = null;
                output.Dims = default;
            }
        }
    }
}
