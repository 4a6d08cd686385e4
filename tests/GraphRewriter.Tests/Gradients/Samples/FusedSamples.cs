using GraphRewriter.Emission;
using GraphRewriter.Ir;
using static GraphRewriter.Ir.Attribute;
using static GraphRewriter.Tests.Gradients.Domain;
using static GraphRewriter.Tests.Gradients.SampleInput;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Gradients.Samples;

/// <summary>Samples of the fused products, activations and norms of com.microsoft, against ONNX Runtime's own kernels; attention has a file of its own.</summary>
static class FusedSamples
{
    const string Stash = "the statistics are taken in float32 (stash_type)";
    const string Constants = "in float64 ONNX Runtime expands the operator's function, whose constants are float32";

    static readonly Domain Small = Between(-0.5, 0.5);

    internal static readonly OpSample[] All =
    [
        .. Products(),
        .. Convolutions(),
        .. Activations(),
        .. Norms(),
    ];

    static OpSample Fused(string op, string name, SampleInput?[] inputs, params Attribute[] attributes) => new("com.microsoft::" + op, name, inputs, attributes, Small);

    static IEnumerable<OpSample> Products()
    {
        yield return Fused("FusedMatMul", "typical", [F(3, 4), F(4, 5)]);
        yield return Fused("FusedMatMul", "transposed, scaled", [F(2, 4, 3), F(2, 5, 4)], Of("transA", 1L), Of("transB", 1L), Of("alpha", 0.5f));
        yield return Fused("FusedMatMul", "batches broadcast", [F(2, 3, 4), F(5, 4)], Of("transB", 1L));
        yield return Fused("FusedMatMul", "vector", [F(4), F(5, 4)], Of("transA", 1L), Of("transB", 1L));
        yield return Fused("FusedMatMul", "batch of A transposed", [F(3, 2, 4), F(2, 4, 5)], Of("transBatchA", 1L));
        yield return Fused("FusedMatMul", "batch of A transposed, and A", [F(4, 2, 3), F(2, 4, 5)], Of("transBatchA", 1L), Of("transA", 1L));
        yield return Fused("FusedMatMul", "batch of B transposed", [F(2, 3, 4), F(4, 2, 5)], Of("transBatchB", 1L));
        yield return Fused("FusedMatMul", "batch of B transposed, and B, rank 4", [F(2, 3, 2, 4), F(5, 2, 3, 4)], Of("transBatchB", 1L), Of("transB", 1L));
        yield return Fused("TransposeMatMul", "typical", [F(2, 3, 4), F(2, 5, 4)], Of("transB", 1L));
        yield return Fused("TransposeMatMul", "both", [F(4, 3), F(5, 4)], Of("transA", 1L), Of("transB", 1L));
        yield return Fused("TransposeMatMul", "scaled", [F(3, 4), F(4, 5)], Of("alpha", -2f));

        yield return Fused("FusedGemm", "Sigmoid, no bias", [F(3, 2), F(3, 4)], Of("transA", 1L), Of("alpha", 0.5f), Of("activation", "Sigmoid"));
        yield return Fused("FusedGemm", "LeakyRelu", [F(2, 3), F(3, 2), V(4, -4)], Of("activation", "LeakyRelu"), Of("activation_alpha", 0.2f));
        yield return Fused("FusedGemm", "Relu, bias per row", [F(2, 3), F(3, 2), V([2, 1], 4, -4)], Of("activation", "Relu"), Of("beta", 0.5f));
        yield return Fused("FusedGemm", "HardSigmoid", [F(2, 3), F(3, 2), V(0, 9)], Of("activation", "HardSigmoid"), Of("activation_alpha", 0.2f), Of("activation_beta", 0.5f));
        // Not so far out that 1 - Y^2 is rounding.
        yield return Fused("FusedGemm", "Tanh", [F(2, 3).In(Between(-0.5, 0.5)), F(3, 2).In(Between(-0.5, 0.5)), V(0.5, -0.5)], Of("activation", "Tanh"));
        foreach (var activation in (string[])["Softplus", "Softsign", "Elu", "ThresholdedRelu"])
            yield return Fused("FusedGemm", activation, [F(2, 3), F(3, 2), V(4, -4)], Of("activation", activation), Of("activation_alpha", 0.75f));
    }

    static IEnumerable<OpSample> Convolutions()
    {
        // Far from the kinks of the activations.
        SampleInput[] inputs = [F(1, 2, 5, 5), F(3, 2, 3, 3).In(Between(-0.25, 0.25)).Shaped(), V(9, -9, 0.5)];
        yield return Fused("FusedConv", "no activation", inputs);
        yield return Fused("FusedConv", "Relu", [inputs[0], inputs[1], V(9, -9, 9)], Of("activation", "Relu"), Of("pads", [1L, 1, 1, 1]));
        yield return Fused("FusedConv", "LeakyRelu, strides", [inputs[0], inputs[1], V(9, -9, 9)], Of("activation", "LeakyRelu"), Of("activation_params", [0.2f]), Of("strides", [2L, 2]));
        yield return Fused("FusedConv", "Sigmoid, dilations", [inputs[0], inputs[1], V(0, -1, 1)], Of("activation", "Sigmoid"), Of("dilations", [2L, 2]));
        yield return Fused("FusedConv", "Tanh, groups", [F(1, 4, 5, 5), F(2, 2, 3, 3).In(Between(-0.25, 0.25)).Shaped(), F(2)], Of("activation", "Tanh"), Of("group", 2L));
        yield return Fused("FusedConv", "HardSigmoid", inputs, Of("activation", "HardSigmoid"), Of("activation_params", [0.1f, 0.5f]));
        yield return Fused("FusedConv", "Clip", inputs, Of("activation", "Clip"), Of("activation_params", [-4f, 4f]));
        yield return Fused("FusedConv", "sum, Relu", [inputs[0], inputs[1], V(9, -9, 9), F(1, 3, 3, 3)], Of("activation", "Relu"));
        yield return Fused("FusedConv", "one axis, padded by name", [F(2, 2, 6), F(3, 2, 3).Shaped()], Of("auto_pad", "SAME_UPPER"));
        yield return Fused("FusedConv", "no bias, sum", [inputs[0], inputs[1], null, F(1, 3, 3, 3)]);
    }

    static IEnumerable<OpSample> Activations()
    {
        yield return Fused("Gelu", "typical", [F(2, 3, 8).In(Any)]);
        yield return Fused("Gelu", "vector", [F(7).In(Any)]);
        yield return Fused("Gelu", "large", [F(2, 3).In(Between(-6, 6))]);
        yield return Fused("FastGelu", "typical", [F(2, 3, 8).In(Any)]) with { InFloat32 = Constants };
        yield return Fused("FastGelu", "bias", [F(2, 3, 8).In(Any), F(8)]) with { InFloat32 = Constants };
        yield return Fused("FastGelu", "matrix", [F(5, 4).In(Any), F(4)]) with { InFloat32 = Constants };
        yield return Fused("BiasGelu", "typical", [F(2, 3, 8).In(Any), F(8)]);
        yield return Fused("BiasGelu", "matrix", [F(5, 4).In(Any), F(4)]);
        yield return Fused("BiasGelu", "large", [F(2, 4).In(Between(-6, 6)), F(4)]);
        yield return Fused("QuickGelu", "typical", [F(2, 3, 8).In(Any)]);
        yield return Fused("QuickGelu", "own factor", [F(2, 3, 8).In(Any)], Of("alpha", 1.5f));
        yield return Fused("QuickGelu", "as Swish", [F(2, 3).In(Any)], Of("alpha", 1f));

        yield return Fused("Trilu", "lower", [F(2, 3, 4)], Of("upper", 0L));
        yield return Fused("Trilu", "upper", [F(4, 3)]);
        yield return Fused("Trilu", "upper, shifted", [F(4, 4), Scalar(-1)]);

        yield return Fused("BiasAdd", "typical", [F(2, 3, 8), F(8), F(2, 3, 8)]) with { Reference = (t, x) => [t.Op("Sum", x)] };
        yield return Fused("BiasAdd", "one sample", [F(1, 5, 4), F(4), F(1, 5, 4)]) with { Reference = (t, x) => [t.Op("Sum", x)] };
        yield return Fused("BiasAdd", "one place", [F(3, 1, 2), F(2), F(3, 1, 2)]) with { Reference = (t, x) => [t.Op("Sum", x)] };
        yield return Fused("BiasSoftmax", "last axis", [F(2, 3, 8), F(8)], Of("axis", 2L), Of("is_inner_broadcast", 0L)) with { Reference = (t, x) => [Softmax(t, t.Add(x[0]!, x[1]!))] };
        yield return Fused("BiasSoftmax", "inner broadcast", [F(2, 3, 4, 5), F(2, 1, 1, 5)], Of("axis", 3L), Of("is_inner_broadcast", 1L)) with { Reference = (t, x) => [Softmax(t, t.Add(x[0]!, x[1]!))] };
        yield return Fused("BiasSoftmax", "several axes", [F(2, 3, 4), F(3, 4)], Of("axis", 1L), Of("is_inner_broadcast", 0L)) with { Reference = (t, x) => [t.Reshape(Softmax(t, t.Reshape(t.Add(x[0]!, x[1]!), 2, 12)), 2, 3, 4)] };
    }

    static Value Softmax(Tape t, Value x) => t.Op("Softmax", [Of("axis", -1L)], x);

    static IEnumerable<OpSample> Norms()
    {
        SampleInput x = F(2, 3, 8).In(Any), skip = F(2, 3, 8).In(Any), scale = F(8).In(Any), shift = F(8), bias = F(8);
        yield return Fused("SkipLayerNormalization", "typical", [x, skip, scale, shift], Of("epsilon", 1e-5f));
        yield return Fused("SkipLayerNormalization", "bias", [x, skip, scale, shift, bias], Of("epsilon", 1e-5f));
        yield return Fused("SkipLayerNormalization", "no shift, bias", [x, skip, scale, null, bias]);
        yield return Fused("SkipLayerNormalization", "sum as output", [x, skip, scale, shift, bias]) with { Outputs = 4, LeftOut = [1, 2] };
        yield return Fused("SkipLayerNormalization", "skip of one sample", [x, F(1, 3, 8), scale, shift]);
        yield return Fused("SkipLayerNormalization", "skip without batch", [x, F(3, 8), scale, shift]);
        yield return Fused("SkipSimplifiedLayerNormalization", "typical", [x, skip, scale], Of("epsilon", 1e-5f)) with { InFloat32 = Stash };
        yield return Fused("SkipSimplifiedLayerNormalization", "bias", [x, skip, scale, bias], Of("epsilon", 1e-5f)) with { InFloat32 = Stash };
        yield return Fused("SkipSimplifiedLayerNormalization", "sum as output", [x, skip, scale, bias]) with { Outputs = 4, LeftOut = [1, 2], InFloat32 = Stash };
        yield return Fused("SkipSimplifiedLayerNormalization", "skip of one sample", [x, F(1, 3, 8), scale]) with { InFloat32 = Stash };
        yield return new("SimplifiedLayerNormalization", "typical", [x, scale], [Of("epsilon", 1e-5f), Of("axis", -1L)]) { Opset = 14, InFloat32 = Stash };
        yield return new("SimplifiedLayerNormalization", "two axes", [x, F(3, 8)], [Of("axis", 1L)]) { Opset = 14, InFloat32 = Stash };
        yield return new("SimplifiedLayerNormalization", "inverse deviation as output", [x, scale], [Of("axis", -1L)], Outputs: 2) { Opset = 14, InFloat32 = Stash };
        yield return Fused("SimplifiedLayerNormalization", "under com.microsoft", [x, scale], Of("axis", -1L)) with { Reference = (t, v) => [t.Op("SimplifiedLayerNormalization", [Of("axis", -1L)], v)], InFloat32 = Stash };
        yield return Fused("SimplifiedLayerNormalization", "vector", [F(4), F(4)], Of("axis", -1L)) with { Reference = (t, v) => [t.Op("SimplifiedLayerNormalization", [Of("axis", -1L)], v)], InFloat32 = Stash };
        yield return Fused("SimplifiedLayerNormalization", "two axes", [x, F(3, 8)], Of("axis", 1L)) with { Reference = (t, v) => [t.Op("SimplifiedLayerNormalization", [Of("axis", 1L)], v)], InFloat32 = Stash };
        yield return Fused("LayerNormalization", "typical", [x, scale, shift]) with { Reference = (t, v) => [t.Op("LayerNormalization", v)] };
        yield return Fused("LayerNormalization", "no shift", [x, scale]) with { Reference = (t, v) => [t.Op("LayerNormalization", v)] };
        yield return Fused("LayerNormalization", "two axes", [x, F(3, 8), F(3, 8)], Of("axis", 1L)) with { Reference = (t, v) => [t.Op("LayerNormalization", [Of("axis", 1L)], v)] };

        SampleInput Ids(long[] dims, params long[] values) => I(dims, values).As(ElementType.Int32).Fed();
        SampleInput words = F(6, 8).In(Any), places = F(5, 8).In(Any), segments = F(2, 8).In(Any);
        var ids = Ids([2, 3], 5, 0, 2, 1, 1, 4);
        yield return Fused("EmbedLayerNormalization", "typical", [ids, Ids([2, 3], 0, 1, 1, 0, 0, 1), words, places, segments, scale, shift]) with { Outputs = 2 };
        yield return Fused("EmbedLayerNormalization", "mask", [ids, Ids([2, 3], 0, 1, 1, 0, 0, 1), words, places, segments, scale, shift, Ids([2, 3], 1, 1, 0, 1, 1, 1)], Of("mask_index_type", 1L)) with { Outputs = 2 };
        yield return Fused("EmbedLayerNormalization", "positions, sum as output", [ids, null, words, places, null, scale, shift, null, Ids([2, 3], 4, 0, 1, 2, 2, 3)], Of("epsilon", 1e-5f)) with { Outputs = 3 };
        yield return Fused("EmbedLayerNormalization", "positions of one sample", [ids, null, words, places, null, scale, shift, null, Ids([1, 3], 4, 0, 1)]) with { Outputs = 2 };
    }
}
