using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>Normalisations.</summary>
static class NormalizationRules
{
    internal static readonly ShapeRule[] All =
    [
        .. ShapeRule.Each(ElementwiseRules.LikeFirst,
            "GroupNormalization", "InstanceNormalization", "LRN", "LpNormalization", "MeanVarianceNormalization", "RMSNormalization"),
        new("LayerNormalization", LayerNormalization),
        new("BatchNormalization", BatchNormalization),
    ];

    static void LayerNormalization(in InferenceContext x)
    {
        ElementwiseRules.LikeFirst(x);
        var type = x.TypeAttribute("stash_type", ElementType.Float32);
        Shape? statistics = null;
        if (x.ShapeOf(0) is { } shape)
        {
            Dim[] dims = [.. shape];
            dims.AsSpan(x.Axis(x.Node.Int("axis", -1), shape.Rank)).Fill(1);
            statistics = new Shape(dims);
        }
        x.Out(1, type, statistics);
        x.Out(2, type, statistics);
    }

    static void BatchNormalization(in InferenceContext x)
    {
        ElementwiseRules.LikeFirst(x);
        for (var i = 1; i <= 4; i++)
            if (x.ShapeOf(0) is { Rank: >= 2 } input && x.ShapeOf(i) is { Rank: 1 } channels && !DimArithmetic.TryUnify(input[1], channels[0], out _))
                throw x.Conflict("the statistics have another number of channels than the input");
        // Running mean and variance; the saved ones of opset 9 are shaped alike.
        for (var i = 1; i < x.Node.Outputs.Count; i++) x.Out(i, x.TypeOf(3), x.ShapeOf(3));
    }
}
