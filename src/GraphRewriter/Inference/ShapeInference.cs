using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>Placeholder of the branch under way.</summary>
static class ShapeInference
{
    public static void Infer(Node node) => _ = node.Name;
}
