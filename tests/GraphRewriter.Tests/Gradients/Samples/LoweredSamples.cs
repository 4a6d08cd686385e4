using GraphRewriter.Emission;
using GraphRewriter.Ir;
using static GraphRewriter.Ir.Attribute;
using static GraphRewriter.Tests.Gradients.Domain;
using static GraphRewriter.Tests.Gradients.SampleInput;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Gradients.Samples;

/// <summary>Samples of the operators of other opsets that canonicalising rewrites, most of them newer ones, against ONNX Runtime's kernels of those opsets.</summary>
static class LoweredSamples
{
    const string Stash = "the statistics are taken in float32 (stash_type)";

    static readonly Domain Small = Between(-1, 1);

    internal static readonly OpSample[] All =
    [
        .. Attentions(),
        .. Others(),
    ];

    static IEnumerable<OpSample> Attentions()
    {
        SampleInput[] cross = [F(2, 4, 3, 8), F(2, 4, 5, 8), F(2, 4, 5, 6)], self = [F(2, 2, 3, 4), F(2, 2, 3, 4), F(2, 2, 3, 6)];
        yield return Attention("typical", cross);
        yield return Attention("own scale", cross, Of("scale", 0.3f));
        yield return Attention("causal", self, Of("is_causal", 1L));
        yield return Attention("causal, more keys than queries", cross, Of("is_causal", 1L));
        yield return Attention("additive mask", [.. cross, F(3, 5)]);
        yield return Attention("additive mask of each sample and head", [.. cross, F(2, 4, 3, 5)]);
        yield return Attention("bool mask", [.. cross, B([3, 5], 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0)]);
        yield return Attention("bool mask and causal", [.. self, B([3, 3], 1, 1, 0, 1, 1, 1, 0, 1, 1)], Of("is_causal", 1L));
        yield return Attention("query that sees nothing", [.. self, B([3, 3], 1, 1, 0, 0, 0, 0, 0, 1, 1)]) with { Reference = Masked(3, "110 000 011") };
        yield return Attention("soft cap and mask", [.. self, F(2, 1, 3, 3)], Of("softcap", 0.5f));
        yield return Attention("grouped queries", [F(2, 4, 3, 4), F(2, 2, 5, 4), F(2, 2, 5, 6)]);
        yield return Attention("grouped queries of rank 3", [F(2, 3, 16), F(2, 5, 8), F(2, 5, 12)], Of("q_num_heads", 4L), Of("kv_num_heads", 2L));
        yield return Attention("past and present, causal", [.. self, null, F(2, 2, 2, 4), F(2, 2, 2, 6)], Of("is_causal", 1L)) with { Outputs = 3 };
        yield return Attention("past of rank 3, grouped", [F(2, 3, 8), F(2, 3, 4), F(2, 3, 4), null, F(2, 1, 2, 4), F(2, 1, 2, 4)], Of("q_num_heads", 2L), Of("kv_num_heads", 1L)) with { Outputs = 3 };
        for (var mode = 0L; mode < 4; mode++)
        {
            yield return Attention($"scores, mode {mode}", [.. self, F(3, 3)], Of("qk_matmul_output_mode", mode), Of("softcap", 0.5f)) with { Outputs = 4 };
            yield return Attention($"scores, mode {mode}, newer", [.. self, F(3, 3)], Of("qk_matmul_output_mode", mode), Of("softcap", 0.5f)) with { Outputs = 4, Opset = 24 };
        }
        yield return Attention("softmax in float64", self, Of("softmax_precision", 11L));
        yield return Attention("lengths", [.. cross, null, null, null, I(3, 5).Fed()]) with { Opset = 24 };
        yield return Attention("lengths and causal", [F(2, 1, 2, 4), F(2, 1, 5, 4), F(2, 1, 5, 6), null, null, null, I(3, 5).Fed()], Of("is_causal", 1L)) with { Opset = 24, Reference = Masked(2, "11000 11100 11110 11111") };
        yield return Attention("more queries than keys, causal", [F(2, 1, 3, 4), F(2, 1, 4, 4), F(2, 1, 4, 6), null, null, null, I(2, 4).Fed()], Of("is_causal", 1L)) with { Opset = 24, Reference = Masked(3, "0000 1000 1100 1100 1110 1111") };
        yield return Attention("lengths, mask with fewer keys", [.. cross, F(3, 4), null, null, I(3, 4).Fed()]) with { Opset = 24, Reference = FewerKeys };
        yield return Attention("window", self, Of("left_window_size", 1L), Of("right_window_size", 0L)) with { Opset = 25, Reference = Masked(3, "100 110 011") };
        yield return Attention("window to the right", self, Of("right_window_size", 1L)) with { Opset = 25, Reference = Masked(3, "110 111 111") };
        yield return Attention("window of narrow keys", [F(2, 2, 3, 4), F(2, 2, 2, 4), F(2, 2, 2, 6)], Of("left_window_size", 0L)) with { Opset = 25, Reference = Masked(3, "11 01 00") };
    }

    static OpSample Attention(string name, SampleInput?[] inputs, params Attribute[] attributes) =>
        new("Attention", name, inputs, attributes, Small) { Opset = 23, InFloat32 = "in float64 ONNX Runtime expands the operator's function, whose constants are float32" };

    /// <summary>
    /// Attention with what a query may see written as a mask of [samples, 1, queries, keys]. ONNX Runtime has no number for a query that sees nothing, where the standard
    /// has zero: such a query is let see all, and its result is taken away.
    /// </summary>
    static Func<Tape, Value?[], Value[]> Masked(int queries, params bool[] open) => (t, x) =>
    {
        var keys = (int)x[1]!.Shape![2].Size;
        var rows = open.Chunk(keys).Select(row => row.Contains(true)).ToArray();
        var mask = TensorData.FromBools([open.Length / keys / queries, 1, queries, keys], [.. open.Select((o, i) => o || !rows[i / keys])]);
        var kept = TensorData.FromFloats([rows.Length / queries, 1, queries, 1], [.. rows.Select(r => r ? 1f : 0f)]);
        return [t.Mul(t.Op("Attention", x[0], x[1], x[2], t.Const(mask)), t.Const(kept))];
    };

    /// <summary>The same from a row of digits for each query, 1 where it may see a key.</summary>
    static Func<Tape, Value?[], Value[]> Masked(int queries, string open) => Masked(queries, [.. open.Where(c => c != ' ').Select(c => c == '1')]);

    /// <summary>The mask written out to the last key.</summary>
    static Value[] FewerKeys(Tape t, Value?[] x)
    {
        var mask = t.Op("Pad", x[3], t.Ints(0, 0, 0, 1), t.ScalarLike(double.NegativeInfinity, x[3]!));
        return [t.Op("Attention", x[0], x[1], x[2], mask, null, null, x[6])];
    }

    static IEnumerable<OpSample> Others()
    {
        yield return Newer(26, "CumProd", "typical", [F(3, 4), Scalar(1)]);
        yield return Newer(26, "CumProd", "zeros and negative numbers", [V([2, 5], 2, 0, -3, 0, 0.5, -1, -2, 0, 4, -0.25), Scalar(1)]);
        yield return Newer(26, "CumProd", "exclusive", [F(2, 3, 2), Scalar(-2)], Of("exclusive", 1L));
        yield return Newer(26, "CumProd", "backwards", [F(2, 3, 2), Scalar(0)], Of("reverse", 1L));
        yield return Newer(26, "CumProd", "exclusive, backwards", [F(2, 4), Scalar(1)], Of("exclusive", 1L), Of("reverse", 1L));
        yield return Newer(26, "CumProd", "vector", [F(5), Scalar(0)]);
        yield return Newer(26, "CumProd", "axis known at run time", [F(2, 3, 2), Scalar(-2).Fed()], Of("exclusive", 1L));
        yield return Newer(26, "CumProd", "last axis at run time, backwards", [F(2, 3), Scalar(1).Fed()], Of("reverse", 1L));

        yield return Newer(23, "RMSNormalization", "typical", [F(2, 3, 4), F(4)], Of("epsilon", 1e-3f)) with { InFloat32 = Stash };
        yield return Newer(23, "RMSNormalization", "two axes", [F(2, 3, 4), F(3, 4)], Of("axis", 1L)) with { InFloat32 = Stash };
        yield return Newer(23, "RMSNormalization", "all axes", [F(3, 4), F(3, 4)], Of("axis", -2L)) with { InFloat32 = Stash };
        yield return Newer(23, "RMSNormalization", "scale for all", [F(2, 3, 4), F(1)]) with { InFloat32 = Stash };

        yield return Newer(23, "RotaryEmbedding", "typical", [F(2, 3, 4, 8), F(2, 4, 4), F(2, 4, 4)]);
        yield return Newer(23, "RotaryEmbedding", "positions", [F(2, 3, 4, 8), F(10, 4), F(10, 4), I([2, 4], 0, 1, 2, 3, 4, 5, 6, 9).Fed()]);
        yield return Newer(23, "RotaryEmbedding", "rank 3, interleaved", [F(2, 4, 24), F(10, 4), F(10, 4), I([2, 4], 0, 1, 2, 3, 4, 5, 6, 9)], Of("num_heads", 3L), Of("interleaved", 1L));
        yield return Newer(23, "RotaryEmbedding", "part of the head", [F(2, 3, 4, 8), F(10, 2), F(10, 2), I([2, 4], 0, 1, 2, 3, 4, 5, 6, 9)], Of("rotary_embedding_dim", 4L));
        yield return Newer(23, "RotaryEmbedding", "part of the head, rank 3, interleaved, no positions", [F(2, 4, 16), F(2, 4, 2), F(2, 4, 2)], Of("num_heads", 2L), Of("rotary_embedding_dim", 4L), Of("interleaved", 1L));

        yield return Newer(24, "Swish", "typical", [F(2, 3)]);
        yield return Newer(24, "Swish", "own factor", [F(2, 3)], Of("alpha", 0.7f));
        yield return Newer(24, "Swish", "negative factor", [F(5)], Of("alpha", -1.5f));

        // Two older operators that others took over from.
        yield return Newer(9, "Upsample", "nearest", [F(1, 2, 2, 3), Scales(1, 1, 2, 3)]);
        yield return Newer(9, "Upsample", "linear", [F(1, 2, 3, 3), Scales(1, 1, 2, 1.5)], Of("mode", "linear"));
        yield return Newer(7, "Upsample", "scales as attribute", [F(1, 1, 2, 2)], Of("scales", [1f, 1f, 2f, 2f]));
        yield return Newer(9, "Scatter", "typical", [F(3, 3), I([2, 3], 1, 0, 2, 0, 2, 1).Fed(), F(2, 3)]);
        yield return Newer(9, "Scatter", "along the last axis", [F(2, 4), I([2, 2], 1, 3, 0, 2), F(2, 2)], Of("axis", 1L));
        yield return Newer(10, "Scatter", "vector", [F(5), I(3, 1), F(2)]);

        yield return Newer(24, "TensorScatter", "typical", [F(2, 3, 6, 2), F(2, 3, 2, 2), I(1, 3).Fed()]);
        yield return Newer(24, "TensorScatter", "circular", [F(2, 6, 2), F(2, 3, 2), I(5, 3)], Of("mode", "circular"), Of("axis", 1L));
        yield return Newer(24, "TensorScatter", "from the start", [F(2, 3, 6, 2), F(2, 3, 2, 2)]);
        yield return Newer(24, "TensorScatter", "last axis", [F(2, 3, 4), F(2, 3, 2), I(0, 2).Fed()], Of("axis", -1L));
    }

    static SampleInput Scales(params double[] scales) => V(scales).As(ElementType.Float32).Constant().NoGradient();

    static OpSample Newer(long opset, string op, string name, SampleInput?[] inputs, params Attribute[] attributes) => new(op, name, inputs, attributes) { Opset = opset };
}
