using GraphRewriter.Ir;

namespace OnnxAuditor.Rules;

/// <summary>Recognises the end of a residual branch.</summary>
static class Residual
{
    const int MaxSteps = 6;

    /// <summary>
    /// Whether the node's result, through normalisation, bias, reshaping, dropout or scaling by a constant, goes only into an addition whose other summand is data.
    /// </summary>
    public static bool FeedsSum(ModelView view, Node node)
    {
        for (var step = 0; step < MaxSteps; step++)
        {
            if (node.OutputAt(0) is not { } output || view.IsOutput(output)) return false;
            var next = view.UsesOf(output).Select(u => u.Node).Distinct().ToList();
            if (next is not [var only]) return false;
            if (only.OpType is "Add" or "Sum" or "SkipLayerNormalization" && only.Inputs.Count(i => i is not null && ModelView.ConstantOf(i) is null) >= 2) return true;
            if (only.OpType is not ("Add" or "Mul" or "BatchNormalization" or "InstanceNormalization" or "LayerNormalization" or "GroupNormalization" or "Identity" or "Dropout" or "Reshape"
                or "Transpose" or "Cast" or "Squeeze" or "Unsqueeze")) return false;
            if (only.OpType is "Mul" && !only.Inputs.Any(i => ModelView.ConstantOf(i) is not null)) return false;
            node = only;
        }
        return false;
    }
}
