using GraphRewriter.Ir;

namespace OnnxAuditor.Measurement;

/// <summary>Counts multiply-accumulate operations from shapes.</summary>
static class CountMacs
{
    /// <summary>Of one sample's forward pass; null where an operator's shapes are not known. Subgraphs count once.</summary>
    /// <param name="graph">The graph, shapes inferred.</param>
    /// <param name="batch">The samples that the shapes stand for.</param>
    public static long? PerSample(Graph graph, long batch)
    {
        var total = 0.0;
        foreach (var node in graph.AllNodes())
        {
            var macs = Of(node);
            if (macs is null) return null;
            total += macs.Value;
        }
        return (long)Math.Round(total / Math.Max(1, batch));
    }

    static double? Of(Node node)
    {
        if (node.Domain.Length > 0) return 0;
        return node.OpType switch
        {
            // Each output element takes one product with each weight of its channel; for a transposed convolution each input element does.
            "Conv" or "DeformConv" => Product(Count(node.Output), PerChannel(node.Inputs[1])),
            "ConvTranspose" => Product(Count(node.Inputs[0]!), PerChannel(node.Inputs[1])),
            "MatMul" => Product(Count(node.Output), node.Inputs[0]!.Shape?[-1].Size),
            "Gemm" => Product(Count(node.Output), node.Inputs[0]!.Shape?[node.Int("transA") != 0 ? 0 : 1].Size),
            "LSTM" or "GRU" or "RNN" => Recurrent(node),
            "Einsum" => Count(node.Output) is null ? null : Einsum(node),
            _ => 0,
        };
    }

    /// <summary>Every step and sample multiplies with all input and hidden weights.</summary>
    static double? Recurrent(Node node)
    {
        var x = node.Inputs[0]!.Shape;
        return x is { IsStatic: true } ? Product(x[0].Size * x[1].Size, Count(node.Inputs[1]!) + Count(node.Inputs[2]!)) : null;
    }

    /// <summary>The product of the sizes of all distinct labels.</summary>
    static double? Einsum(Node node)
    {
        var terms = node.String("equation").Replace(" ", "", StringComparison.Ordinal).Split("->")[0].Split(',');
        var sizes = new Dictionary<char, double>();
        for (var k = 0; k < terms.Length; k++)
        {
            if (node.Inputs[k]!.Shape is not { IsStatic: true } shape) return null;
            var labels = terms[k].Replace("...", "", StringComparison.Ordinal);
            for (var i = 0; i < labels.Length; i++) sizes[labels[i]] = Math.Max(sizes.GetValueOrDefault(labels[i]), shape[shape.Rank - labels.Length + i].Size);
        }
        return node.Inputs.Count < 2 ? 0 : sizes.Values.Aggregate(1.0, (a, b) => a * b);
    }

    static double? PerChannel(Value? weight) => weight?.Shape is { IsStatic: true, Rank: > 1 } w ? (double)w.ElementCount / w[0].Size : null;

    static double? Count(Value value) => value.Shape is { IsStatic: true } s ? s.ElementCount : null;

    static double? Product(double? a, double? b) => a is null || b is null or < 0 ? null : a * b;
}
