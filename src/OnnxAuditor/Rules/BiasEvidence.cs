using GraphRewriter.Ir;

namespace OnnxAuditor.Rules;

/// <summary>Tells from the weights alone which units an activation never lets through.</summary>
static class BiasEvidence
{
    /// <summary>The share of an activation's units whose bias lies further below zero than <paramref name="margin"/> times the typical size of what is added to it; 0 where the layer in front does not show it.</summary>
    public static double ShareOffByBias(RuleContext context, Node activation, double margin)
    {
        if (context.CanonicalView?.Own(activation) is not { } node || node.Input(0)?.Producer is not { } before) return 0;
        if (before.Is("BatchNormalization"))
            return Floats(before.Input(1)) is { } scale && Floats(before.Input(2)) is { } shift ? Share(shift, i => margin * Math.Abs(scale[i % scale.Length])) : 0;
        if (LayerInFront(before) is not var (layer, bias) || bias is null || context.Weights.FirstOrDefault(w => w.Use.Node == layer && w.IsKernel) is not { } weight) return 0;
        if (weight.UnitNorms() is not { } norms || norms.Length != bias.Length || RmsOf(context, layer.Inputs[weight.Use.Input == 0 ? 1 : 0]!) is not { } rms) return 0;
        return Share(bias, i => margin * norms[i] * rms);
    }

    /// <summary>
    /// The share of a layer's units whose |bias| is above <paramref name="margin"/> times the typical size ‖w‖·rms(x) of what it is added to, with the largest such ratio; null where the layer does not show it.
    /// </summary>
    public static (double Share, double Largest)? ShareOfHugeBiases(RuleContext context, Weight weight, double margin)
    {
        if (context.CanonicalView is not { } view || view.Own(weight.Use.Node) is not { } layer || weight.UnitNorms() is not { } norms) return null;
        var sum = layer.Input(2) is null && layer.OutputAt(0) is { } output && view.UsesOf(output) is [{ Node: { OpType: "Add" } add }] ? add : layer;
        if (LayerInFront(sum) is not var (_, bias) || bias is null || bias.Length != norms.Length) return null;
        if (RmsOf(context, layer.Inputs[weight.Use.Input == 0 ? 1 : 0]!) is not { } rms || rms == 0) return null;
        var ratios = bias.Select((b, u) => norms[u] > 0 ? Math.Abs(b) / (norms[u] * rms) : 0).ToList();
        return ((double)ratios.Count(r => r > margin) / ratios.Count, ratios.Max());
    }

    static double Share(float[] bias, Func<int, double> reach)
    {
        var off = 0;
        for (var i = 0; i < bias.Length; i++) if (bias[i] < -reach(i)) off++;
        return (double)off / bias.Length;
    }

    /// <summary>The convolution or matrix product whose result the node is, with its bias.</summary>
    static (Node Layer, float[]? Bias)? LayerInFront(Node node) => node.OpType switch
    {
        "Conv" or "ConvTranspose" or "Gemm" => (node, Floats(node.Input(2))),
        "Add" when node.Inputs.FirstOrDefault(i => Floats(i) is not null) is { } bias && node.Inputs.FirstOrDefault(i => i != bias)?.Producer is { OpType: "MatMul" or "Conv" } layer => (layer, Floats(bias)),
        _ => null,
    };

    /// <summary>The root mean square of a layer's input: that of the nearest measured layer in front of it, or 1 for an input of the model, which probes draw from N(0, 1).</summary>
    static double? RmsOf(RuleContext context, Value value)
    {
        for (var at = value; ;)
        {
            if (context.Run?.Layers.FirstOrDefault(l => string.Equals(l.Layer.Output.Name, at.Name, StringComparison.Ordinal)) is { Moments: { } moments }) return moments.Rms;
            if (at.Producer is not { } producer) return at.Data is null && context.SyntheticInputs ? 1 : null;
            if (producer.OpType is not ("MaxPool" or "AveragePool" or "GlobalAveragePool" or "Flatten" or "Reshape" or "Identity" or "Dropout" or "Squeeze" or "Unsqueeze") || producer.Input(0) is not { } before) return null;
            at = before;
        }
    }

    static float[]? Floats(Value? value) => ModelView.ConstantOf(value) is { Unavailable: null, Count: > 1 } data && data.Type.IsFloat ? data.ToFloats() : null;
}
