using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;

namespace OnnxAuditor.Measurement;

/// <summary>Finds the layers of a canonical graph: what proxies and depth profiles count.</summary>
static class FindLayers
{
    static readonly HashSet<string> Activations = new(StringComparer.Ordinal)
    {
        "Relu", "LeakyRelu", "PRelu", "ThresholdedRelu", "Elu", "Selu", "Celu", "Sigmoid", "HardSigmoid", "HardSwish",
        "Softplus", "Softsign", "Mish", "Gelu", "Tanh", "Clip", "Shrink",
    };

    static readonly HashSet<string> Norms = new(StringComparer.Ordinal)
    {
        "BatchNormalization", "InstanceNormalization", "GroupNormalization", "LayerNormalization", "LpNormalization", "MeanVarianceNormalization", "LRN",
    };

    static readonly HashSet<string> KeepsAxes = new(StringComparer.Ordinal)
    {
        "Add", "Sub", "Mul", "Div", "Identity", "Dropout", "Cast", "Erf", "Exp", "Neg", "Sqrt", "Pow", "Max", "Min", "Where", "Pad",
        "MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool", "Resize",
    };

    /// <summary>Lists the layers of the main graph, in graph order: what depth profiles show.</summary>
    public static IReadOnlyList<Layer> In(CanonicalModel model) => [.. WithMerges(model).Where(l => l.Kind is not (LayerKind.Pool or LayerKind.Sum))];

    /// <summary>Lists the layers, pools and sums of the main graph, in graph order.</summary>
    public static IReadOnlyList<Layer> WithMerges(CanonicalModel model)
    {
        var parameters = ParameterPaths(model);
        var channel = new Dictionary<Value, int>();
        var depth = new Dictionary<Value, int>();
        var layers = new List<Layer>();
        var used = model.Model.Graph.UsedValues();
        foreach (var node in model.Model.Graph.Nodes)
        {
            var below = 0;
            foreach (var input in node.Inputs) if (input is not null) below = Math.Max(below, depth.GetValueOrDefault(input));
            var kind = KindOf(node, parameters);
            if (kind is LayerKind.Convolution or LayerKind.Linear or LayerKind.Recurrent) below++;
            foreach (var output in node.Outputs) if (output is not null) depth[output] = below;
            // A recurrent layer may be read by its last state alone.
            var read = node.Outputs.FirstOrDefault(o => o is not null && used.Contains(o));
            if ((read ?? node.OutputAt(0)) is not { } y || y.Shape is not { Rank: > 0 } shape) continue;
            var axis = ChannelAxis(node, kind, shape, channel, parameters);
            channel[y] = axis;
            if (kind is { } known && y.IsFloat) layers.Add(new Layer(node.LogicalName, node, known, y, axis, below));
        }
        return layers;
    }

    /// <summary>Values that are a parameter, or one seen through operators that only re-lay it.</summary>
    static HashSet<Value> ParameterPaths(CanonicalModel model)
    {
        var found = model.Parameters.Select(p => p.Value).ToHashSet();
        foreach (var node in model.Model.Graph.Nodes)
        {
            if (node.OpType is "Transpose" or "Reshape" or "Unsqueeze" or "Squeeze" or "Identity" or "Cast" or "DequantizeLinear" or "Flatten"
                && node.Input(0) is { } x && found.Contains(x)) found.Add(node.Output);
        }
        return found;
    }

    static LayerKind? KindOf(Node node, HashSet<Value> parameters) => node.Domain.Length > 0 ? null : node.OpType switch
    {
        "Conv" or "ConvTranspose" or "DeformConv" => LayerKind.Convolution,
        "Gemm" => LayerKind.Linear,
        "MatMul" or "Einsum" when node.Inputs.Any(i => i is not null && parameters.Contains(i)) => LayerKind.Linear,
        "LSTM" or "GRU" or "RNN" => LayerKind.Recurrent,
        "MaxPool" or "AveragePool" or "LpPool" or "GlobalAveragePool" or "GlobalMaxPool" or "GlobalLpPool" => LayerKind.Pool,
        "Add" or "Sum" when node.Inputs.Count > 1 && node.Inputs.All(i => i is { Data: null } && !parameters.Contains(i)) => LayerKind.Sum,
        _ when Norms.Contains(node.OpType) => LayerKind.Norm,
        _ when Activations.Contains(node.OpType) && node.Input(0) is { } x && !parameters.Contains(x) => LayerKind.Activation,
        _ => null,
    };

    static int ChannelAxis(Node node, LayerKind? kind, Shape shape, Dictionary<Value, int> channel, HashSet<Value> parameters)
    {
        var last = shape.Rank - 1;
        var inherited = -1;
        if (node.OpType == "Transpose" && node.Input(0) is { } source && channel.TryGetValue(source, out var axis) && node.Ints("perm") is { } permutation)
            inherited = Array.IndexOf(permutation, axis);
        else if (kind is LayerKind.Activation or LayerKind.Norm || KeepsAxes.Contains(node.OpType))
        {
            foreach (var input in node.Inputs)
                if (input?.Shape?.Rank == shape.Rank && channel.TryGetValue(input, out var known)) inherited = Math.Max(inherited, known);
        }
        return kind switch
        {
            LayerKind.Convolution => 1,
            LayerKind.Linear when node.OpType == "MatMul" && node.Inputs[0] is { } a && parameters.Contains(a) && shape.Rank > 1 => last - 1,
            LayerKind.Linear or LayerKind.Recurrent => last,
            LayerKind.Norm when node.OpType is "BatchNormalization" or "InstanceNormalization" or "GroupNormalization" or "LRN" => Math.Min(1, last),
            LayerKind.Norm when node.OpType == "LayerNormalization" => last,
            _ when inherited >= 0 => inherited,
            _ => shape.Rank >= 4 ? 1 : last,
        };
    }
}
