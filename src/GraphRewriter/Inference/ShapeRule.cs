namespace GraphRewriter.Inference;

/// <summary>States types and shapes of a node's outputs through <see cref="InferenceContext.Out"/>; says nothing where nothing is known.</summary>
delegate void InferShapes(in InferenceContext x);

/// <summary>How the outputs of one operator follow from its inputs.</summary>
/// <param name="OpType">The operator, of the standard domain at the canonical opset.</param>
/// <param name="Infer">The inference.</param>
readonly record struct ShapeRule(string OpType, InferShapes Infer)
{
    /// <summary>One rule for several operators.</summary>
    public static IEnumerable<ShapeRule> Each(InferShapes infer, params string[] opTypes)
    {
        foreach (var op in opTypes) yield return new ShapeRule(op, infer);
    }
}
