using static GraphRewriter.Ir.Attribute;
using static GraphRewriter.Tests.Gradients.Domain;
using static GraphRewriter.Tests.Gradients.SampleInput;

namespace GraphRewriter.Tests.Gradients.Samples;

/// <summary>Samples of the normalisation rules.</summary>
static class NormalizationSamples
{
    const string Stash = "the operator's function takes the statistics in float32 (stash_type)";

    internal static readonly OpSample[] All =
    [
        new("BatchNormalization", "typical", [F(2, 3, 2, 2), F(3), F(3), F(3), F(3).In(Positive)]),
        new("BatchNormalization", "no spatial axes", [F(4, 3), F(3), F(3), F(3), F(3).In(Positive)], [Of("epsilon", 0.25f)]),
        new("BatchNormalization", "three spatial axes", [F(1, 2, 2, 1, 3), F(2), F(2), F(2), F(2).In(Positive)]),
        new("BatchNormalization", "far mean", [F(2, 2, 3).In(Between(99, 101)), F(2), F(2), F(2).In(Between(99, 101)), F(2).In(Positive)])
        {
            Tolerance = (2e-4, "float32 has 24 bits, of which the mean takes 7"),
        },

        new("BatchNormalization", "batch statistics", [F(2, 3, 2, 2), F(3), F(3), F(3), F(3).In(Positive)], [Of("training_mode", 1L)], Outputs: 3),

        new("LayerNormalization", "typical", [F(3, 8), F(8), F(8)]),
        new("LayerNormalization", "axis one of three, no bias", [F(2, 3, 4), F(3, 4)], [Of("axis", 1L)]),
        new("LayerNormalization", "negative axis", [F(2, 3, 4), F(3, 4), F(3, 4)], [Of("axis", -2L), Of("epsilon", 0.25f)]),
        new("LayerNormalization", "all axes", [F(2, 4), F(2, 4), F(2, 4)], [Of("axis", 0L)]),
        new("LayerNormalization", "statistics as outputs", [F(3, 8), F(8), F(8)], Outputs: 3),
        new("LayerNormalization", "mean as output, several axes", [F(2, 3, 4), F(3, 4), F(3, 4)], [Of("axis", 1L)], Outputs: 2),

        new("InstanceNormalization", "typical", [F(2, 3, 4, 2), F(3), F(3)]),
        new("InstanceNormalization", "one spatial axis", [F(2, 3, 5), F(3), F(3)], [Of("epsilon", 0.25f)]),
        new("InstanceNormalization", "three spatial axes", [F(1, 2, 2, 2, 3), F(2), F(2)]),

        new("GroupNormalization", "typical", [F(2, 4, 3, 2), F(4), F(4)], [Of("num_groups", 2L)]) { InFloat32 = Stash },
        new("GroupNormalization", "one group", [F(2, 4, 3), F(4), F(4)], [Of("num_groups", 1L), Of("epsilon", 0.25f)]) { InFloat32 = Stash },
        new("GroupNormalization", "group per channel", [F(1, 3, 2, 2), F(3), F(3)], [Of("num_groups", 3L)]) { InFloat32 = Stash },

        new("LpNormalization", "typical", [F(3, 4)], Domain: NotSmall),
        new("LpNormalization", "first norm along axis zero", [F(3, 4)], [Of("axis", 0L), Of("p", 1L)], NotSmall),
        new("LpNormalization", "negative axis", [F(2, 3, 2)], [Of("axis", -2L)], NotSmall),
        new("LpNormalization", "zero vector", [V([1, 2], 0, 0)]) { Expected = [[0, 0]] },

        new("MeanVarianceNormalization", "typical", [F(2, 3, 4, 2)]),
        new("MeanVarianceNormalization", "spatial axes", [F(2, 3, 4, 2)], [Of("axes", [2L, 3L])]),
        new("MeanVarianceNormalization", "across channels", [F(2, 3, 2, 2)], [Of("axes", [0L, 1, 2, 3])]),

        new("LRN", "typical", [F(2, 6, 3, 2)], [Of("size", 3L), Of("alpha", 0.5f)]),
        new("LRN", "window wider than the channels", [F(1, 3, 2, 2)], [Of("size", 5L), Of("alpha", 0.75f), Of("beta", 0.5f), Of("bias", 2f)]),
        new("LRN", "default strength", [F(1, 5, 2, 2)], [Of("size", 5L)]),
    ];
}
