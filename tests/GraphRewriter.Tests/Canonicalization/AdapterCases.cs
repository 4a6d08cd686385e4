using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Canonicalization;

/// <summary>Hand-made calls for the adapters that the ONNX project's test data does not reach, and for corners of those it does.</summary>
static class AdapterCases
{
    const string Microsoft = "com.microsoft";

    internal static readonly AdapterCase[] All =
    [
        .. Broadcasts(),
        .. Shapes(),
        .. Legacy(),
        .. Newer(),
        .. Attentions(),
        .. Fused(),
    ];

    static TensorData F(params long[] dims) => Seeded(dims, dims.Length + (int)dims.Sum());

    static TensorData Seeded(long[] dims, int seed) => OrtReference.Seeded(ElementType.Float32, dims, new Random(seed));

    static TensorData Positive(params long[] dims) => TensorData.FromFloats(dims, [.. F(dims).ToFloats().Select(v => Math.Abs(v) + 0.1f)]);

    static TensorData Flags(params long[] dims) => OrtReference.Seeded(ElementType.Bool, dims, new Random(3));

    static TensorData Numbers(long below, params long[] dims) => OrtReference.Seeded(ElementType.Int32, dims, new Random(5), (int)below);

    static Attribute A(string name, long value) => Attribute.Of(name, value);

    static Attribute A(string name, float value) => Attribute.Of(name, value);

    static Attribute A(string name, string value) => Attribute.Of(name, value);

    static Attribute A(string name, params long[] values) => Attribute.Of(name, values);

    static AdapterCase Case(string op, long opset, TensorData?[] inputs, Attribute[] attributes, int outputs = 1, string note = "") =>
        new($"{op}-{opset}{note}", new OperatorCall(op, opset, inputs, attributes, outputs));

    static AdapterCase Contrib(string op, TensorData?[] inputs, Attribute[] attributes, int outputs = 1, string note = "", int[]? constants = null) =>
        new($"{op}{note}", new OperatorCall(op, 1, inputs, attributes, outputs, Microsoft, constants));

    static IEnumerable<AdapterCase> Broadcasts()
    {
        var (x, middle) = (F(2, 3, 4), F(3));
        foreach (var op in (string[])["Add", "Sub", "Mul", "Div", "Greater", "Less"])
            yield return Broadcast(op, x, Positive(3));
        yield return Broadcast("Pow", Positive(2, 3, 4), middle);
        foreach (var op in (string[])["And", "Or", "Xor", "Equal"]) yield return Broadcast(op, Flags(2, 3, 4), Flags(3));
        yield return new("Add-6 suffix", new("Add", 6, [x, F(4)], [A("broadcast", 1)]), new("Add", 7, [x, F(4)], []));
        yield return new("PRelu-6", new("PRelu", 6, [x, middle], []), new("PRelu", 7, [x, middle.Reshaped(3, 1)], []));
        yield return new("Gemm-6", new("Gemm", 6, [F(2, 3), F(3, 4), F(4)], [A("broadcast", 1)]), new("Gemm", 7, [F(2, 3), F(3, 4), F(4)], []));
    }

    /// <summary>The second operand lies along axis 1 of the first.</summary>
    static AdapterCase Broadcast(string op, TensorData a, TensorData b) =>
        new(op + "-6 axis", new(op, 6, [a, b], [A("broadcast", 1), A("axis", 1)]), new(op, 7, [a, b.Reshaped(3, 1)], []));

    static IEnumerable<AdapterCase> Shapes()
    {
        var image = F(1, 2, 4, 4);
        yield return Case("TopK", 9, [F(3, 5)], [A("k", 2), A("axis", 1)], 2);
        yield return Case("Hardmax", 11, [F(2, 3, 4)], [A("axis", 1)]);
        yield return Case("Hardmax", 11, [F(2, 3)], [A("axis", 1)], note: " last");
        yield return Case("Softmax", 11, [F(2, 3, 1, 1)], [A("axis", 1)], note: " one wide axis");
        yield return Case("Softmax", 11, [F(2, 3, 4)], [A("axis", -2)], note: " negative axis");
        yield return Case("LogSoftmax", 9, [F(2, 3, 4)], []);
        yield return Case("Upsample", 7, [image], [Attribute.Of("scales", [1f, 1f, 2f, 3f]), A("mode", "nearest")]);
        yield return Case("Upsample", 9, [image, TensorData.FromFloats([4], [1, 1, 1.5f, 2])], [A("mode", "linear")]);
        yield return Case("Resize", 10, [image, TensorData.FromFloats([4], [1, 1, 2, 2])], [A("mode", "linear")]);
        yield return new("Resize-10 shrinking", new("Resize", 10, [image, TensorData.FromFloats([4], [1, 1, 0.6f, 0.6f])], [], Constants: [1]));
        yield return new("Resize-10 shrinking and growing", new("Resize", 10, [image, TensorData.FromFloats([4], [1, 1, 0.6f, 1.7f])], [], Constants: [1]));
        yield return Case("Resize", 11, [image, TensorData.FromFloats([0], []), TensorData.FromFloats([0], []), TensorData.Vector(1, 2, 7, 3)], [A("mode", "nearest"), A("coordinate_transformation_mode", "tf_half_pixel_for_nn"), A("nearest_mode", "floor")], note: " tf_half_pixel_for_nn");
        var (signal, w, r) = (F(3, 2, 4), F(1, 5, 4), F(1, 5, 5));
        yield return new("RNN-6", new("RNN", 6, [signal, w, r], [A("hidden_size", 5), A("output_sequence", 1)]), new("RNN", 7, [signal, w, r], [A("hidden_size", 5)]));
        yield return new("GRU-6", new("GRU", 6, [signal, F(1, 15, 4), F(1, 15, 5)], [A("hidden_size", 5), A("output_sequence", 1)]), new("GRU", 7, [signal, F(1, 15, 4), F(1, 15, 5)], [A("hidden_size", 5)]));
        yield return new("LSTM-6", new("LSTM", 6, [signal, F(1, 20, 4), F(1, 20, 5)], [A("hidden_size", 5), A("output_sequence", 1)]), new("LSTM", 7, [signal, F(1, 20, 4), F(1, 20, 5)], [A("hidden_size", 5)]));
        yield return Case("RoiAlign", 10, [F(1, 2, 6, 6), TensorData.FromFloats([2, 4], [0.5f, 0.5f, 4, 4, 1, 2, 5, 5]), TensorData.FromInt64s([2], [0, 0])], [A("output_height", 2), A("output_width", 2), A("sampling_ratio", 2)]);
        yield return Case("GroupNormalization", 18, [F(2, 6, 3, 3), F(3), F(3)], [A("num_groups", 3), A("epsilon", 1e-3f)]);
        yield return new("BatchNormalization-7 per activation", new("BatchNormalization", 7, [F(2, 3, 2), F(3, 2), F(3, 2), F(3, 2), Positive(3, 2)], [A("spatial", 0)]));
        yield return new("BatchNormalization-9 training", new("BatchNormalization", 9, [F(2, 3, 2), F(3), F(3), F(3), Positive(3)], [], 3), new("BatchNormalization", 14, [F(2, 3, 2), F(3), F(3), F(3), Positive(3)], [A("training_mode", 1)], 3));
        yield return new("Dropout-7 mask", new("Dropout", 7, [F(2, 3)], [A("ratio", 0.4f)]), new("Identity", 13, [F(2, 3)], []));
        yield return Case("Split", 11, [F(2, 6)], [A("axis", 1), A("split", 1, 2, 3)], 3);
        yield return Case("Pad", 2, [F(2, 3)], [A("pads", 1, 0, -1, 2), A("value", 1.5f)], note: " below opset 6");
        yield return Case("Pad", 10, [F(2, 3)], [A("pads", 1, 0, 0, 2), A("value", 1.5f)]);
        yield return Case("Clip", 6, [F(2, 3)], [A("max", 0.3f)]);
        yield return Case("Slice", 9, [F(4, 5)], [A("starts", 1, 0), A("ends", 3, -1)]);
        yield return Case("DFT", 17, [F(1, 4, 3, 1), TensorData.Scalar(8L)], [A("axis", 2)]);
    }

    static IEnumerable<AdapterCase> Legacy()
    {
        var image = F(1, 3, 4, 5);
        yield return Case("Affine", 7, [image], [A("alpha", 2f), A("beta", 0.5f)]);
        yield return Case("ImageScaler", 7, [image], [A("scale", 0.5f), Attribute.Of("bias", [1f, 2f, 3f])]);
        yield return Case("Crop", 7, [image], [A("border", 1, 0, 2, 1)]);
        yield return Case("Crop", 7, [image], [A("border", 1, 1, 0, 0), A("scale", 2, 3)], note: " to a size");
        yield return Case("ScaledTanh", 7, [image], [A("alpha", 1.5f), A("beta", 0.7f)]);
        yield return Case("ParametricSoftplus", 7, [image], [A("alpha", 1.5f), A("beta", 0.7f)]);
        yield return Case("DynamicSlice", 7, [F(4, 5), TensorData.Vector(1), TensorData.Vector(3), TensorData.Vector(0)], []);
        yield return Case("MeanVarianceNormalization", 7, [image], [A("across_channels", 1)]);
        yield return Case("MeanVarianceNormalization", 7, [image], [], note: " per channel");
        yield return new("Scale-7", new("Scale", 7, [image], [A("scale", 3f)]), new("Mul", 7, [image, TensorData.Scalar(3.0)], []));
        yield return new("ConstantFill-7", new("ConstantFill", 7, [TensorData.Vector(2, 3)], [A("value", 1.5f), A("input_as_shape", 1)]), new("Expand", 8, [TensorData.Scalar(1.5), TensorData.Vector(2, 3)], []));
        yield return new("GivenTensorFill-7", new("GivenTensorFill", 7, [], [Attribute.Of("values", [1f, 2f]), A("shape", [2])]), new("Identity", 7, [TensorData.FromFloats([2], [1, 2])], []));
        yield return Case("SimplifiedLayerNormalization", 14, [F(2, 3, 4), F(4)], [A("epsilon", 1e-3f), A("axis", -1)]);
        yield return new("LayerNormalization-16", new("LayerNormalization", 16, [F(2, 3, 4), F(4), Seeded([4], 77)], []));
    }

    static IEnumerable<AdapterCase> Newer()
    {
        yield return Case("RMSNormalization", 23, [F(2, 3, 4), F(4)], [A("epsilon", 1e-3f)]);
        yield return Case("RMSNormalization", 23, [F(2, 3, 4), F(3, 4)], [A("axis", 1)], note: " two axes");
        yield return Case("RotaryEmbedding", 23, [F(2, 3, 4, 8), F(2, 4, 4), Seeded([2, 4, 4], 99)], []);
        yield return Case("RotaryEmbedding", 23, [F(2, 4, 24), F(10, 4), Seeded([10, 4], 99), TensorData.FromInt64s([2, 4], [0, 1, 2, 3, 4, 5, 6, 9])], [A("num_heads", 3), A("interleaved", 1)], note: " interleaved, positions");
        yield return Case("RotaryEmbedding", 23, [F(2, 3, 4, 8), F(10, 2), Seeded([10, 2], 99), TensorData.FromInt64s([2, 4], [0, 1, 2, 3, 4, 5, 6, 9])], [A("rotary_embedding_dim", 4)], note: " part of the head");
        yield return Case("Swish", 24, [F(2, 3)], [A("alpha", 0.7f)]);
        yield return Case("TensorScatter", 24, [F(2, 3, 6, 2), Seeded([2, 3, 2, 2], 4), TensorData.Vector(1, 3)], []);
        yield return Case("TensorScatter", 24, [F(2, 6, 2), Seeded([2, 3, 2], 4), TensorData.Vector(5, 3)], [A("mode", "circular"), A("axis", 1)], note: " circular");
        yield return Case("TensorScatter", 24, [F(2, 3, 6, 2), Seeded([2, 3, 2, 2], 4)], [], note: " from the start");
        yield return Case("Cast", 24, [F(2, 3)], [A("to", (long)ElementType.Int32)]);
        yield return Case("QuantizeLinear", 23, [F(2, 3), TensorData.Scalar(0.1), OrtReference.Seeded(ElementType.UInt8, [], new Random(1))], [A("precision", (long)ElementType.Float32)]);
        yield return new("DequantizeLinear-23 output_dtype", new("DequantizeLinear", 23, [OrtReference.Seeded(ElementType.UInt8, [2, 3], new Random(1)), TensorData.Scalar(0.1)], [A("output_dtype", (long)ElementType.Float16)]), new("Cast", 21, [TensorData.FromFloats([2, 3], [.. OrtReference.Seeded(ElementType.UInt8, [2, 3], new Random(1)).ToFloats().Select(v => v * 0.1f)])], [A("to", (long)ElementType.Float16)]));
        yield return new("CumProd-26", new("CumProd", 26, [F(2, 4), TensorData.Scalar(1L)], [A("exclusive", 1), A("reverse", 1)], Constants: [1]), new("Identity", 21, [ReversedProducts(F(2, 4))], []));
    }

    /// <summary>Products of the elements behind each one, row by row.</summary>
    static TensorData ReversedProducts(TensorData x)
    {
        var (v, result) = (x.ToFloats(), new float[x.Count]);
        for (var row = 0; row < 2; row++)
        {
            var product = 1f;
            for (var i = 3; i >= 0; i--)
            {
                result[row * 4 + i] = product;
                product *= v[row * 4 + i];
            }
        }
        return TensorData.FromFloats([2, 4], result);
    }

    static IEnumerable<AdapterCase> Attentions()
    {
        var (q, k, v) = (F(2, 4, 3, 8), Seeded([2, 4, 5, 8], 31), Seeded([2, 4, 5, 6], 32));
        var (square, squareK, squareV) = (F(2, 4, 3, 8), Seeded([2, 4, 3, 8], 31), Seeded([2, 4, 3, 6], 32));
        yield return Case("Attention", 23, [q, k, v], []);
        yield return Case("Attention", 23, [q, k, v], [A("scale", 0.3f)], note: " scale");
        yield return Case("Attention", 23, [q, k, v], [A("is_causal", 1)], note: " causal");
        yield return Case("Attention", 23, [q, k, v, F(3, 5)], [], note: " additive mask");
        yield return Case("Attention", 24, [square, squareK, squareV, F(2, 1, 3, 3)], [A("softcap", 0.5f)], note: " mask and soft cap");
        yield return Case("Attention", 23, [q, k, v, TensorData.FromBools([3, 5], [true, true, false, true, false, true, true, true, true, true, false, false, true, true, false])], [], note: " bool mask");
        yield return Case("Attention", 23, [F(2, 3, 32), Seeded([2, 5, 16], 31), Seeded([2, 5, 12], 32)], [A("q_num_heads", 4), A("kv_num_heads", 2)], note: " grouped queries of rank 3");
        yield return Case("Attention", 23, [q, k, v, null, Seeded([2, 4, 2, 8], 33), Seeded([2, 4, 2, 6], 34)], [A("is_causal", 1)], 3, note: " past and present, causal");
        for (var mode = 0; mode < 4; mode++)
            yield return Case("Attention", 24, [square, squareK, squareV, F(3, 3), null, null], [A("qk_matmul_output_mode", mode), A("softcap", 0.5f)], 4, note: $" inner output {mode}");
        yield return Case("Attention", 24, [q, k, v, null, null, null, TensorData.FromInt64s([2], [3, 5])], [], note: " lengths");

        var (x, w, b) = (F(2, 3, 8), F(8, 24), F(24));
        yield return Contrib("Attention", [x, w, b], [A("num_heads", 2)], constants: [1, 2]);
        yield return Contrib("Attention", [x, w, b], [A("num_heads", 2), A("unidirectional", 1)], note: " unidirectional", constants: [1, 2]);
        yield return Contrib("Attention", [x, w, b, TensorData.FromNumbers(ElementType.Int32, [2, 3], [1, 1, 0, 1, 1, 1])], [A("num_heads", 2)], note: " mask of keys", constants: [1, 2]);
        yield return Contrib("Attention", [x, w, b, TensorData.FromNumbers(ElementType.Int32, [2], [2, 3])], [A("num_heads", 2)], note: " lengths", constants: [1, 2]);
        yield return Contrib("Attention", [x, w, b, TensorData.FromNumbers(ElementType.Int32, [2, 5], [1, 1, 0, 1, 1, 1, 1, 1, 1, 1]), Seeded([2, 2, 2, 2, 4], 6)], [A("num_heads", 2), A("unidirectional", 1)], 2, " past, mask, unidirectional", [1, 2]);
        yield return Contrib("Attention", [x, F(8, 16), F(16), null, null, F(2, 2, 3, 3)], [A("num_heads", 2), A("qkv_hidden_sizes", 4, 4, 8), A("scale", 0.25f)], note: " unequal sizes, bias of the scores", constants: [1, 2]);
        yield return Contrib("MultiHeadAttention", [F(2, 3, 8), F(2, 5, 8), Seeded([2, 5, 8], 4), F(24)], [A("num_heads", 2)]);
        yield return Contrib("MultiHeadAttention", [F(2, 3, 8), F(2, 3, 8), Seeded([2, 3, 8], 4), null, TensorData.FromNumbers(ElementType.Int32, [2, 3], [1, 1, 0, 1, 1, 1])], [A("num_heads", 2), A("scale", 0.2f)], 3, " mask, present");
        yield return Contrib("MultiHeadAttention", [F(2, 3, 8), F(2, 3, 8), Seeded([2, 3, 8], 4), null, null, null, Seeded([2, 2, 2, 4], 7), Seeded([2, 2, 2, 4], 8)], [A("num_heads", 2)], 3, " past");
    }

    static IEnumerable<AdapterCase> Fused()
    {
        var (x, skip, scale, shift, bias) = (F(2, 3, 8), Seeded([2, 3, 8], 9), F(8), Seeded([8], 10), Seeded([8], 11));
        yield return Contrib("SkipLayerNormalization", [x, skip, scale, shift, bias], [A("epsilon", 1e-5f)]);
        yield return new("SkipLayerNormalization with sum", new("SkipLayerNormalization", 1, [x, skip, scale, shift], [], 1, Microsoft));
        yield return Contrib("SkipSimplifiedLayerNormalization", [x, skip, scale, bias], [A("epsilon", 1e-5f)]);
        yield return Contrib("SimplifiedLayerNormalization", [x, scale], [A("epsilon", 1e-5f)]) is var simple ? simple with { Reference = simple.Call with { Domain = "", Opset = 14 } } : throw new InvalidOperationException();
        yield return new("LayerNormalization of com.microsoft", new("LayerNormalization", 1, [x, scale, shift], [], 1, Microsoft), new("LayerNormalization", 17, [x, scale, shift], []));
        yield return Contrib("EmbedLayerNormalization", [Numbers(6, 2, 3), Numbers(2, 2, 3), F(6, 8), Seeded([5, 8], 2), Seeded([2, 8], 3), scale, shift, TensorData.FromNumbers(ElementType.Int32, [2, 3], [1, 1, 0, 1, 1, 1])], [A("mask_index_type", 1)], 2, constants: [2, 3, 4, 5, 6]);
        yield return Contrib("EmbedLayerNormalization", [Numbers(6, 2, 3), null, F(6, 8), Seeded([5, 8], 2), null, scale, shift, null, Numbers(5, 2, 3)], [], 3, " positions, sum", [2, 3, 5, 6]);
        yield return Contrib("Gelu", [x], []);
        yield return Contrib("FastGelu", [x, bias], []);
        yield return Contrib("BiasGelu", [x, bias], []);
        yield return Contrib("QuickGelu", [x], [A("alpha", 1.5f)]);
        yield return new("BiasAdd", new("BiasAdd", 1, [x, bias, skip], [], 1, Microsoft), new("Sum", 13, [x, bias, skip], []));
        yield return new("BiasSoftmax", new("BiasSoftmax", 1, [x, bias], [A("axis", 2), A("is_inner_broadcast", 0)], 1, Microsoft), new("Softmax", 13, [Sum(x, bias)], []));
        yield return Contrib("FusedMatMul", [F(2, 4, 3), F(2, 5, 4)], [A("transA", 1), A("transB", 1), A("alpha", 0.5f)]);
        yield return Contrib("TransposeMatMul", [F(2, 3, 4), F(2, 5, 4)], [A("transB", 1)]);
        yield return Contrib("FusedGemm", [F(2, 3), F(4, 3), F(4)], [A("transB", 1), A("activation", "LeakyRelu"), A("activation_alpha", 0.2f)]);
        yield return Contrib("FusedConv", [F(1, 2, 5, 5), F(3, 2, 3, 3), F(3)], [A("activation", "Relu"), A("pads", 1, 1, 1, 1)], constants: [1, 2]);
        yield return Contrib("FusedConv", [F(1, 2, 5, 5), F(3, 2, 3, 3), F(3), Seeded([1, 3, 3, 3], 12)], [A("activation", "Clip"), Attribute.Of("activation_params", [-0.2f, 0.4f])], note: " sum, clip", constants: [1, 2]);
        yield return Contrib("QuantizeLinear", [x, TensorData.Scalar(0.05), TensorData.FromNumbers(ElementType.UInt8, [], [7])], []);
        yield return Contrib("DequantizeLinear", [OrtReference.Seeded(ElementType.UInt8, [2, 3], new Random(1)), TensorData.Scalar(0.05), TensorData.FromNumbers(ElementType.UInt8, [], [7])], []);
        yield return Contrib("GridSample", [F(1, 2, 4, 4), F(1, 3, 3, 2)], [A("mode", "bilinear")]);
    }

    static TensorData Sum(TensorData x, TensorData bias)
    {
        var (a, b) = (x.ToFloats(), bias.ToFloats());
        return TensorData.FromFloats([.. x.Dims], [.. a.Select((v, i) => v + b[i % b.Length])]);
    }
}
