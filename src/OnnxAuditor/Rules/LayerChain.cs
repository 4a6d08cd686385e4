using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;

namespace OnnxAuditor.Rules;

/// <summary>A layer that follows another one with nothing but activations, pooling and re-laying in between.</summary>
/// <param name="Next">The weight of the layer that follows; null where the way ends in something else (a sum, a normalisation, a branch, an output).</param>
/// <param name="Activation">The activation on the way; null for none.</param>
/// <param name="Pooled">Whether pooling lies on the way.</param>
sealed record LayerStep(Weight? Next, Node? Activation, bool Pooled);

/// <summary>Which layers follow which.</summary>
static class LayerChain
{
    /// <summary>Whether a weight is the kernel of a convolution or linear layer whose fan-in is known.</summary>
    public static bool IsLayer(Weight weight) => weight.IsKernel && weight is { Role: ParameterRole.ConvolutionWeight or ParameterRole.LinearWeight, FanIn: > 0 } && weight.Statistics is { NonFinite: 0, Rms: > 0 };

    /// <summary>The way on from a layer.</summary>
    /// <param name="view">The graph that the weights belong to.</param>
    /// <param name="layers">The layers' weights by node.</param>
    /// <param name="weight">The layer's weight.</param>
    public static LayerStep Next(ModelView view, IReadOnlyDictionary<Node, Weight> layers, Weight weight)
    {
        var (at, activation, pooled) = (weight.Use.Node.OutputAt(0), (Node?)null, false);
        while (at is not null && !view.IsOutput(at) && view.UsesOf(at) is [{ Node: var node, Input: var input }])
        {
            if (layers.TryGetValue(node, out var next)) return new LayerStep(next.Use.Input == input ? null : next, activation, pooled);
            if (IsActivation(node) && input == 0)
            {
                if (activation is not null) break;
                activation = node;
            }
            else if (node.OpType is "MaxPool" or "AveragePool" or "GlobalAveragePool" or "GlobalMaxPool") pooled = true;
            else if (!HandsOn(node, input)) break;
            at = node.OutputAt(0);
        }
        return new LayerStep(null, activation, pooled);
    }

    /// <summary>The layers of a graph by node, in graph order.</summary>
    public static Dictionary<Node, Weight> Layers(RuleContext context)
    {
        var layers = new Dictionary<Node, Weight>();
        foreach (var weight in context.Weights.Where(IsLayer)) layers.TryAdd(weight.Use.Node, weight);
        return layers;
    }

    /// <summary>Whether scaling the input by a positive factor scales the output by it; so layers on both sides can be rescaled against each other exactly.</summary>
    public static bool KeepsFactors(Node? activation) => activation?.OpType is null or "Relu" or "LeakyRelu" or "PRelu";

    static bool IsActivation(Node node) => node.Domain.Length == 0
        && node.OpType is "Relu" or "LeakyRelu" or "PRelu" or "Clip" or "Elu" or "Selu" or "Celu" or "Gelu" or "Mish" or "HardSwish" or "Sigmoid" or "HardSigmoid" or "Tanh" or "Softplus" or "Softsign" or "ThresholdedRelu";

    static bool HandsOn(Node node, int input) => node.OpType is "Flatten" or "Reshape" or "Transpose" or "Squeeze" or "Unsqueeze" or "Identity" or "Dropout" or "Pad" or "DepthToSpace" or "SpaceToDepth" && input == 0
        // A bias that stands by itself.
        || node.Is("Add") && ModelView.ConstantOf(node.Inputs[1 - input]) is { Count: > 1 };
}
