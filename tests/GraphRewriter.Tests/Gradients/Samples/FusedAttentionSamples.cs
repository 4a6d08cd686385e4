using GraphRewriter.Emission;
using GraphRewriter.Ir;
using static GraphRewriter.Ir.Attribute;
using static GraphRewriter.Tests.Gradients.Domain;
using static GraphRewriter.Tests.Gradients.SampleInput;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Gradients.Samples;

/// <summary>Samples of the attention operators and the rotation of com.microsoft, against ONNX Runtime's own kernels.</summary>
static class FusedAttentionSamples
{
    const string Microsoft = "com.microsoft";

    static readonly Domain Small = Between(-1, 1);

    internal static readonly OpSample[] All =
    [
        .. Attentions(),
        .. MultiHeads(),
        .. Grouped(),
        .. Rotations(),
    ];

    static OpSample Fused(string op, string name, SampleInput?[] inputs, params Attribute[] attributes) => new($"{Microsoft}::{op}", name, inputs, attributes, Small);

    static SampleInput Ints(long[] dims, params long[] values) => I(dims, values).As(ElementType.Int32).Fed();

    static IEnumerable<OpSample> Attentions()
    {
        SampleInput x = F(2, 3, 8), w = F(8, 24), b = F(24);
        var heads = Of("num_heads", 2L);
        yield return Fused("Attention", "typical", [x, w, b], heads);
        // ONNX Runtime's kernel on the processor reads a bias that is not there.
        yield return Fused("Attention", "no bias", [x, w], heads) with { Reference = (t, v) => [Emit(t, "Attention", v[0], v[1], t.Const(TensorData.FromFloats([24], new float[24])))] };
        yield return Fused("Attention", "own scale", [x, w, b], heads, Of("scale", 0.3f));
        yield return Fused("Attention", "unidirectional", [x, w, b], heads, Of("unidirectional", 1L));
        yield return Fused("Attention", "mask of keys", [x, w, b, Ints([2, 3], 1, 1, 0, 1, 1, 1)], heads);
        yield return Fused("Attention", "mask of keys, own filter", [x, w, b, Ints([2, 3], 1, 1, 0, 1, 1, 1)], heads, Of("mask_filter_value", -2f));
        yield return Fused("Attention", "mask of queries and keys", [x, w, b, Ints([2, 3, 3], 1, 0, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1)], heads);
        yield return Fused("Attention", "mask of keys, unidirectional", [x, w, b, Ints([2, 3], 1, 1, 0, 0, 1, 1)], heads, Of("unidirectional", 1L));
        yield return Fused("Attention", "ends", [x, w, b, Ints([2], 2, 3)], heads);
        yield return Fused("Attention", "ends and starts", [x, w, b, Ints([4], 2, 3, 0, 1)], heads);
        yield return Fused("Attention", "past and present", [x, w, b, null, F(2, 2, 2, 2, 4)], heads) with { Outputs = 2 };
        yield return Fused("Attention", "past, mask, unidirectional", [x, w, b, Ints([2, 5], 1, 1, 0, 1, 1, 1, 1, 1, 1, 1), F(2, 2, 2, 2, 4)], heads, Of("unidirectional", 1L)) with { Outputs = 2 };
        yield return Fused("Attention", "unequal sizes, bias of the scores", [x, F(8, 16), F(16), null, null, F(2, 2, 3, 3)], heads, Of("qkv_hidden_sizes", [4L, 4, 8]), Of("scale", 0.25f));
        yield return Fused("Attention", "bias of the scores for all samples", [x, w, b, null, null, F(1, 2, 3, 3)], heads);
        yield return Fused("Attention", "bias of the scores for all heads", [x, w, b, null, null, F(2, 1, 3, 3)], heads);
    }

    static IEnumerable<OpSample> MultiHeads()
    {
        SampleInput q = F(2, 3, 8), k = F(2, 5, 8), v = F(2, 5, 6);
        var heads = Of("num_heads", 2L);
        yield return Fused("MultiHeadAttention", "typical", [q, k, v], heads);
        yield return Fused("MultiHeadAttention", "bias", [q, k, v, F(22)], heads);
        yield return Fused("MultiHeadAttention", "self, present, own scale", [q, F(2, 3, 8), F(2, 3, 8)], heads, Of("scale", 0.2f)) with { Outputs = 3 };
        yield return Fused("MultiHeadAttention", "mask of keys", [q, k, v, null, Ints([2, 5], 1, 1, 0, 1, 1, 1, 0, 1, 1, 1)], heads);
        yield return Fused("MultiHeadAttention", "mask of queries and keys", [q, F(2, 3, 8), F(2, 3, 8), null, Ints([2, 3, 3], 1, 0, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1)], heads);
        yield return Fused("MultiHeadAttention", "lengths", [q, k, v, null, Ints([2], 2, 5)], heads);
        yield return Fused("MultiHeadAttention", "bias of the scores", [q, k, v, null, null, F(2, 2, 3, 5)], heads);
        yield return Fused("MultiHeadAttention", "bias of the scores for all", [q, k, v, null, null, F(1, 1, 3, 5)], heads);
        yield return Fused("MultiHeadAttention", "unidirectional", [q, F(2, 3, 8), F(2, 3, 8)], heads, Of("unidirectional", 1L));
        yield return Fused("MultiHeadAttention", "past and present", [q, F(2, 3, 8), F(2, 3, 8), null, null, null, F(2, 2, 2, 4), F(2, 2, 2, 4)], heads) with { Outputs = 3 };
        yield return Fused("MultiHeadAttention", "past, unidirectional, mask", [q, F(2, 3, 8), F(2, 3, 8), null, Ints([2, 5], 1, 1, 0, 1, 1, 1, 0, 1, 1, 1), null, F(2, 2, 2, 4), F(2, 2, 2, 4)], heads, Of("unidirectional", 1L)) with { Outputs = 3 };
        yield return Fused("MultiHeadAttention", "past, bias", [q, F(2, 3, 8), F(2, 3, 8), F(24), null, null, F(2, 2, 2, 4), F(2, 2, 2, 4)], heads) with { Outputs = 3 };
        yield return Fused("MultiHeadAttention", "keys and values of a cache", [q, F(2, 2, 5, 4), F(2, 2, 5, 4)], heads);
        yield return Fused("MultiHeadAttention", "keys and values of a cache, bias", [q, F(2, 2, 5, 4), F(2, 2, 5, 4), F(24)], heads);
        yield return Fused("MultiHeadAttention", "packed keys and values", [q, F(2, 5, 2, 2, 4)], heads) with { Reference = (t, x) => Unpacked(t, [x[0]!, .. Parts(t, x[1]!, 2)]) };
        yield return Fused("MultiHeadAttention", "packed", [F(2, 3, 2, 3, 4)], heads) with { Reference = (t, x) => Unpacked(t, Parts(t, x[0]!, 3)) };
        yield return Fused("MultiHeadAttention", "packed, bias", [F(2, 3, 2, 3, 4), null, null, F(24)], heads) with { Reference = (t, x) => Unpacked(t, [.. Parts(t, x[0]!, 3), x[3]!]) };
    }

    /// <summary>ONNX Runtime's kernel on the processor takes queries, keys and values apart.</summary>
    static Value[] Unpacked(Tape t, Value[] inputs) => [Emit(t, "MultiHeadAttention", inputs)];

    static Value Emit(Tape t, string op, params Value?[] inputs) => t.Emit(new Node(op, inputs, [new Value("made")], [Of("num_heads", 2L)], Microsoft, "made")).Output;

    static Value[] Parts(Tape t, Value x, int count) => [.. Enumerable.Range(0, count).Select(i => t.Reshape(t.Slice(x, 3, i, i + 1), 0, 0, 8))];

    static IEnumerable<OpSample> Grouped()
    {
        Attribute heads = Of("num_heads", 4L), shared = Of("kv_num_heads", 2L);
        SampleInput q = F(2, 3, 32), k = F(2, 3, 16), v = F(2, 3, 16);
        SampleInput full = Ints([2], 2, 2), three = Ints([1], 3);
        OpSample Query(string name, SampleInput?[] inputs, params Attribute[] attributes) => Fused("GroupQueryAttention", name, inputs, [heads, shared, .. attributes]) with { Outputs = 3 };

        yield return Query("first prompt", [q, k, v, null, null, full, three]);
        yield return Query("first prompt, length known", [q, k, v, null, null, full.Constant(), three.Constant()]);
        yield return Query("padded prompt", [q, k, v, null, null, Ints([2], 2, 1), three]);
        yield return Query("packed", [F(2, 3, 64), null, null, null, null, full, three]);
        yield return Query("own scale, soft cap", [q, k, v, null, null, full, three], Of("scale", 0.3f), Of("softcap", 0.75f));
        yield return Query("window", [q, k, v, null, null, full, three], Of("local_window_size", 2L));
        yield return Query("window of one", [q, k, v, null, null, full, three], Of("local_window_size", 1L));
        yield return Query("both directions", [q, k, v, null, null, full, three], Of("causal", 0L));
        yield return Query("bias of the scores", [q, k, v, null, null, full, three, null, null, null, F(2, 4, 3, 3)]);
        yield return Query("bias of the scores for all, soft cap", [q, k, v, null, null, full, three, null, null, null, F(1, 1, 3, 3)], Of("softcap", 0.75f));
        yield return Query("sink", [q, k, v, null, null, full, three, null, null, null, null, F(4)]);
        yield return Query("smooth softmax", [q, k, v, null, null, full, three], Of("smooth_softmax", 1L));

        SampleInput next = F(2, 1, 32), nextKey = F(2, 1, 16), past = F(2, 2, 4, 8);
        yield return Query("one more token", [next, nextKey, nextKey, past, past, Ints([2], 4, 4), Ints([1], 5)]);
        yield return Query("one more token, samples of unequal length", [next, nextKey, nextKey, past, past, Ints([2], 2, 4), Ints([1], 5)]);
        yield return Query("room in the cache", [next, nextKey, nextKey, F(2, 2, 7, 8), F(2, 2, 7, 8), Ints([2], 2, 4), Ints([1], 5)]);
        yield return Query("room in the cache, bias of the scores", [next, nextKey, nextKey, F(2, 2, 7, 8), F(2, 2, 7, 8), Ints([2], 4, 4), Ints([1], 5), null, null, null, F(1, 4, 1, 5)]);
        yield return Query("one more token, window, packed", [F(2, 1, 64), null, null, past, past, Ints([2], 4, 4), Ints([1], 5)], Of("local_window_size", 3L));
        yield return Query("several more tokens", [F(1, 2, 32), F(1, 2, 16), F(1, 2, 16), F(1, 2, 4, 8), F(1, 2, 4, 8), Ints([1], 5), Ints([1], 6)]);
        yield return Query("several more tokens, sink, window", [F(1, 2, 32), F(1, 2, 16), F(1, 2, 16), F(1, 2, 4, 8), F(1, 2, 4, 8), Ints([1], 5), Ints([1], 6), null, null, null, null, F(4)], Of("local_window_size", 3L));

        SampleInput wide = F(1, 3, 64), wideKey = F(1, 3, 32), table = F(6, 8);
        var turning = Of("do_rotary", 1L);
        yield return Query("rotary", [wide, wideKey, wideKey, null, null, Ints([1], 2), three, table, table], turning);
        yield return Query("rotary, interleaved", [wide, wideKey, wideKey, null, null, Ints([1], 2), three, table, table], turning, Of("rotary_interleaved", 1L));
        yield return Query("rotary, packed", [F(1, 3, 128), null, null, null, null, Ints([1], 2), three, table, table], turning);
        yield return Query("rotary, part of the head", [F(1, 3, 128), F(1, 3, 64), F(1, 3, 64), null, null, Ints([1], 2), three, table, table], turning);
        yield return Query("rotary, one more token", [F(2, 1, 64), F(2, 1, 32), F(2, 1, 32), F(2, 2, 4, 16), F(2, 2, 4, 16), Ints([2], 2, 4), Ints([1], 5), table, table], turning);
        yield return Query("rotary, several more tokens", [F(1, 2, 64), F(1, 2, 32), F(1, 2, 32), F(1, 2, 4, 16), F(1, 2, 4, 16), Ints([1], 5), Ints([1], 6), table, table], turning);
        yield return Query("rotary, padded prompt", [F(2, 3, 64), F(2, 3, 32), F(2, 3, 32), null, null, Ints([2], 2, 1), three, table, table], turning);
        yield return Query("rotary, first position of a prompt", [F(2, 3, 64), F(2, 3, 32), F(2, 3, 32), null, null, full, three, table, table, I([2, 3], 3, 5, 4, 1, 0, 1).Fed()], turning);
        yield return Query("rotary, positions of several more tokens", [F(1, 2, 64), F(1, 2, 32), F(1, 2, 32), F(1, 2, 4, 16), F(1, 2, 4, 16), Ints([1], 5), Ints([1], 6), table, table, I([1, 2], 3, 1).Fed()], turning);
        yield return Query("norms of query and key, rotary", [wide, wideKey, wideKey, null, null, Ints([1], 2), three, table, table, null, null, null, null, null, F(16), F(16)], turning) with { Reference = Normalized, InFloat32 = "the statistics are taken in float32" };
        yield return Query("rotary, positions", [F(2, 1, 64), F(2, 1, 32), F(2, 1, 32), F(2, 2, 4, 16), F(2, 2, 4, 16), Ints([2], 4, 4), Ints([1], 5), table, table, I([2, 1], 3, 5).Fed()], turning);
    }

    /// <summary>ONNX Runtime's kernel on the processor has no norms of query and key.</summary>
    static Value[] Normalized(Tape t, Value?[] x)
    {
        Value Norm(int input, int scale) => t.ReshapeLike(t.Op("SimplifiedLayerNormalization", [Of("axis", -1L), Of("epsilon", 1e-6f)], t.Reshape(x[input]!, 0, 0, -1, 16), x[scale]), x[input]!);
        Attribute[] settings = [Of("num_heads", 4L), Of("kv_num_heads", 2L), Of("do_rotary", 1L)];
        var node = t.Emit(new Node("GroupQueryAttention", [Norm(0, 14), Norm(1, 15), .. x[2..9]], [new Value("made"), new Value("key"), new Value("value")], settings, Microsoft, "made"));
        return [.. node.Outputs.Select(o => o!)];
    }

    static IEnumerable<OpSample> Rotations()
    {
        SampleInput table = F(10, 4), places = I([2, 4], 0, 1, 2, 3, 4, 5, 6, 9).Fed();
        yield return Fused("RotaryEmbedding", "typical", [F(2, 4, 24), places, table, table]);
        yield return Fused("RotaryEmbedding", "rank 4", [F(2, 3, 4, 8), places, table, table]);
        yield return Fused("RotaryEmbedding", "interleaved", [F(2, 4, 24), places, table, table], Of("interleaved", 1L));
        yield return Fused("RotaryEmbedding", "one offset", [F(2, 4, 24), I(3).Fed(), table, table]);
        yield return Fused("RotaryEmbedding", "one offset, rank 4", [F(2, 3, 4, 8), I(3).Fed(), table, table]);
        yield return Fused("RotaryEmbedding", "part of the head", [F(2, 4, 36), places, table, table], Of("num_heads", 3L), Of("rotary_embedding_dim", 8L));
        yield return Fused("RotaryEmbedding", "part of the head, rank 4, interleaved", [F(2, 3, 4, 12), places, table, table], Of("num_heads", 3L), Of("rotary_embedding_dim", 8L), Of("interleaved", 1L));
    }
}
