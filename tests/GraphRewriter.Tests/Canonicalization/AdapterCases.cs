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
        .. Relabelled(),
        .. Fused(),
    ];

    /// <summary>Calls of com.microsoft that have no canonical form, by the reason.</summary>
    internal static readonly AdapterCase[] Refused =
    [
        Refusal("a quantised cache has no canonical form", "GroupQueryAttention", Grouped(), [A("k_quant_type", "PER_TENSOR"), A("v_quant_type", "PER_TENSOR")]),
        Refusal("a cache that drops what is out of its window has no canonical form", "GroupQueryAttention", Grouped(), [A("sliding_window_cache", 1), A("local_window_size", 4)]),
        Refusal("its output of scores has no canonical form", "GroupQueryAttention", Grouped(), [A("qk_output", 1)], 4),
        Refusal("'x0' must have rank 3", "GroupQueryAttention", [F(3, 16), .. Grouped()[1..]], []),
        Refusal("it has not as many keys as queries", "GroupQueryAttention", [F(2, 1, 16), .. Grouped()[1..]], []),
        Refusal("the number of heads is missing", "MultiHeadAttention", [F(2, 3, 8), F(2, 3, 8), F(2, 3, 8)], [A("num_heads", 0)]),
        Refusal("shared caches, beams and the output of scores have no canonical form", "MultiHeadAttention", [F(2, 3, 8), F(2, 3, 8), F(2, 3, 8), null, null, null, null, null, Numbers(3, 1)], []),
        Refusal("its query, key and value have ranks without a meaning", "MultiHeadAttention", [F(2, 2, 3, 4), F(2, 2, 3, 4), F(2, 2, 3, 4)], []),
        Refusal("rotary positions and shared caches inside a fused Attention have no canonical form", "Attention", [F(2, 3, 8), F(8, 24), F(24)], [A("do_rotary", 1)]),
        Refusal("a mask of shape 2×1×3×3 has no canonical form", "Attention", [F(2, 3, 8), F(8, 24), F(24), Numbers(2, 2, 1, 3, 3)], []),
        Refusal("its input must have rank 3 or 4, its positions a known rank", "RotaryEmbedding", [F(2, 8), TensorData.Vector(0), F(4, 4), F(4, 4)], []),
        Refusal("no standard operator inverts a matrix", "Inverse", [F(2, 3, 3)], []),
        Refusal("its activation 'Swoosh' is not known", "FusedConv", [F(1, 2, 5, 5), F(3, 2, 3, 3)], [A("activation", "Swoosh")]),
    ];

    static TensorData?[] Grouped() => [F(2, 3, 16), F(2, 3, 16), F(2, 3, 16), null, null, Numbers(1, 2), Numbers(1, 1)];

    static AdapterCase Refusal(string reason, string op, TensorData?[] inputs, Attribute[] attributes, int outputs = 1) =>
        new(reason, new OperatorCall(op, 1, inputs, [A("num_heads", 2), A("kv_num_heads", 2), .. attributes], outputs, Microsoft));

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

    static AdapterCase Contrib(string op, TensorData?[] inputs, Attribute[] attributes, string note = "") =>
        new($"{op} of {Microsoft}{note}", new OperatorCall(op, 1, inputs, attributes, Domain: Microsoft));

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

    /// <summary>What carries no gradient; the others are among the samples of gradients.</summary>
    static IEnumerable<AdapterCase> Newer()
    {
        var bytes = OrtReference.Seeded(ElementType.UInt8, [2, 3], new Random(1));
        yield return new("Cast-24", new("Cast", 24, [F(2, 3)], [A("to", (long)ElementType.Int32), A("round_mode", "down")]), new("Cast", 21, [F(2, 3)], [A("to", (long)ElementType.Int32)]));
        yield return new("CastLike-24", new("CastLike", 24, [F(2, 3), Numbers(5, 2)], [A("round_mode", "nearest")]), new("CastLike", 21, [F(2, 3), Numbers(5, 2)], []));
        yield return Case("QuantizeLinear", 23, [F(2, 3), TensorData.Scalar(0.1), OrtReference.Seeded(ElementType.UInt8, [], new Random(1))], [A("precision", (long)ElementType.Float32)]);
        yield return new("QuantizeLinear-23 scale of another type", new("QuantizeLinear", 23, [F(2, 3), Half(0.1f)], []), new("QuantizeLinear", 21, [Rounded(F(2, 3)), Half(0.1f)], []));
        yield return new("QuantizeLinear-23 own precision", new("QuantizeLinear", 23, [F(2, 3), Half(0.1f)], [A("precision", (long)ElementType.Float32)]), new("QuantizeLinear", 21, [F(2, 3), TensorData.FromFloats([], Half(0.1f).ToFloats())], []));
        yield return Case("DequantizeLinear", 23, [bytes, TensorData.Scalar(0.1)], [A("output_dtype", (long)ElementType.Float16)], note: " wide to half");
        yield return Case("DequantizeLinear", 23, [bytes, Half(0.1f)], [A("output_dtype", (long)ElementType.Float32)], note: " half to wide");
        foreach (var type in (ElementType[])[ElementType.Int32, ElementType.Int64, ElementType.UInt32, ElementType.UInt64, ElementType.Float64])
            yield return Case("CumProd", 26, [OrtReference.Seeded(type, [2, 9], new Random(2), 100), TensorData.Scalar(1L)], [], note: $" of {type}");
        yield return Case("CumProd", 26, [OrtReference.Seeded(ElementType.Int32, [3, 2, 4], new Random(2)), TensorData.FromNumbers(ElementType.Int32, [], [-2])], [A("exclusive", 1), A("reverse", 1)], note: " along a middle axis");
        yield return Case("CumProd", 26, [F(2, 0, 3), TensorData.Scalar(1L)], [], note: " of nothing");
        yield return Case("CumProd", 26, [F(0, 3), TensorData.Scalar(1L)], [A("exclusive", 1)], note: " of no rows");
        // Windows that would start in the padding behind the data.
        foreach (var op in (string[])["MaxPool", "AveragePool"])
            yield return Case(op, 22, [F(1, 2, 5, 5)], [A("kernel_shape", 2, 2), A("strides", 3, 3), A("pads", 0, 0, 1, 1), A("ceil_mode", 1)], note: " of windows in the padding");
    }

    /// <summary>Operators whose version of opset 22 to 25 takes more types and means the same.</summary>
    static IEnumerable<AdapterCase> Relabelled()
    {
        var (x, image) = (F(2, 3, 4), F(1, 2, 5, 5));
        foreach (var op in (string[])["Asin", "Asinh", "Acos", "Atan", "Atanh", "Cos", "Cosh", "Sin", "Sinh", "Tan", "Elu", "HardSigmoid", "HardSwish", "Mish", "Selu", "Softplus", "Softsign", "ThresholdedRelu", "Round", "EyeLike"])
            yield return Case(op, 22, [F(3, 4)], []);
        yield return Case("Acosh", 22, [TensorData.FromFloats([3], [1, 2, 3])], []);
        yield return Case("Det", 22, [F(2, 3, 3)], []);
        yield return Case("Dropout", 22, [x], []);
        yield return Case("LpNormalization", 22, [x], [A("axis", 1), A("p", 1)]);
        yield return Case("InstanceNormalization", 22, [image, F(2), F(2)], []);
        foreach (var op in (string[])["GlobalAveragePool", "GlobalMaxPool"]) yield return Case(op, 22, [image], []);
        foreach (var op in (string[])["AveragePool", "MaxPool", "LpPool"]) yield return Case(op, 22, [image], [A("kernel_shape", 2, 2), A("dilations", 2, 2)]);
        yield return Case("MaxUnpool", 22, [F(1, 1, 2, 2), TensorData.FromInt64s([1, 1, 2, 2], [0, 3, 9, 14])], [A("kernel_shape", 2, 2), A("strides", 2, 2)]);
        foreach (var op in (string[])["Conv", "ConvTranspose"]) yield return Case(op, 22, [image, F(2, 2, 3, 3), F(2)], [A("pads", 1, 1, 1, 1)]);
        yield return Case("DeformConv", 22, [image, F(3, 2, 2, 2), F(1, 8, 4, 4)], []);
        yield return Case("GridSample", 22, [image, F(1, 3, 3, 2)], [A("mode", "cubic")]);
        yield return Case("RNN", 22, [x, F(1, 5, 4), F(1, 5, 5)], [A("hidden_size", 5)]);
        yield return Case("GRU", 22, [x, F(1, 15, 4), F(1, 15, 5)], [A("hidden_size", 5)]);
        yield return Case("LSTM", 22, [x, F(1, 20, 4), F(1, 20, 5)], [A("hidden_size", 5)]);
        yield return Case("NegativeLogLikelihoodLoss", 22, [F(3, 4), TensorData.FromInt64s([3], [0, 3, 1])], []);
        foreach (var op in (string[])["Flatten", "Identity", "Shape", "Size", "Transpose"]) yield return Case(op, 25, [x], []);
        yield return Case("Reshape", 25, [x, TensorData.Vector(4, -1)], []);
        yield return Case("Squeeze", 25, [F(2, 1, 3), TensorData.Vector(1)], []);
        yield return Case("Unsqueeze", 25, [x, TensorData.Vector(0, 2)], []);
        foreach (var mode in (string[])["constant", "edge", "reflect", "wrap"]) yield return Case("Pad", 25, [x, TensorData.Vector(0, 1, 1, 0, 0, 2)], [A("mode", mode)], note: " " + mode);
        yield return Case("ConstantOfShape", 25, [TensorData.Vector(2, 3)], []);
        yield return Case("Cast", 25, [x], [A("to", (long)ElementType.Float16)]);
        yield return Case("CastLike", 25, [x, Numbers(5, 2)], []);
        yield return Case("TopK", 24, [x, TensorData.Vector(2)], [A("axis", 1)], 2);
        yield return Case("QuantizeLinear", 25, [x, TensorData.Scalar(0.1)], []);
        yield return Case("DequantizeLinear", 25, [OrtReference.Seeded(ElementType.UInt8, [2, 3], new Random(1)), TensorData.Scalar(0.1)], []);
    }

    static TensorData Half(float value) => TensorData.FromNumbers(ElementType.Float16, [], [value]);

    static TensorData Rounded(TensorData x) => TensorData.FromNumbers(ElementType.Float16, [.. x.Dims], x.ToDoubles());

    static IEnumerable<AdapterCase> Fused()
    {
        var x = F(2, 3, 8);
        yield return Contrib("QuantizeLinear", [x, TensorData.Scalar(0.05), TensorData.FromNumbers(ElementType.UInt8, [], [7])], []);
        yield return Contrib("DequantizeLinear", [OrtReference.Seeded(ElementType.UInt8, [2, 3], new Random(1)), TensorData.Scalar(0.05), TensorData.FromNumbers(ElementType.UInt8, [], [7])], []);
        foreach (var mode in (string[])["bilinear", "nearest", "bicubic"])
            yield return Contrib("GridSample", [F(1, 2, 4, 4), F(1, 3, 3, 2)], [A("mode", mode), A("padding_mode", "border"), A("align_corners", 1)], " " + mode);
        yield return Contrib("Range", [TensorData.Scalar(2.0), TensorData.Scalar(9.0), TensorData.Scalar(2.0)], []);
    }
}
