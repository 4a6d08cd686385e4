namespace GraphRewriter.Gradients;

/// <summary>An operator of the ONNX specification.</summary>
/// <param name="Domain">The domain; empty for the standard one.</param>
/// <param name="Name">The name.</param>
/// <param name="Since">The first version of the domain's operator set that has it.</param>
sealed record CatalogueEntry(string Domain, string Name, int Since);

/// <summary>
/// The names of all operators of the standard domain up to <see cref="LastOpset"/>, the deprecated ones among them, and of the training preview domain, in
/// alphabetical order. Source: docs/Operators.md of https://github.com/onnx/onnx.
/// </summary>
static class OperatorCatalogue
{
    /// <summary>The newest operator set the catalogue covers.</summary>
    internal const int LastOpset = 26;

    /// <summary>The domain of the optimisers that ONNX once specified.</summary>
    internal const string TrainingDomain = "ai.onnx.preview.training";

    /// <summary>The operators.</summary>
    internal static readonly CatalogueEntry[] All =
    [
        Standard("Abs", 1), Standard("Acos", 7), Standard("Acosh", 9), Standard("Add", 1), Standard("AffineGrid", 20), Standard("And", 1),
        Standard("ArgMax", 1), Standard("ArgMin", 1), Standard("Asin", 7), Standard("Asinh", 9), Standard("Atan", 7), Standard("Atanh", 9),
        Standard("Attention", 23), Standard("AveragePool", 1), Standard("BatchNormalization", 1), Standard("Bernoulli", 15), Standard("BitCast", 26),
        Standard("BitShift", 11), Standard("BitwiseAnd", 18), Standard("BitwiseNot", 18), Standard("BitwiseOr", 18), Standard("BitwiseXor", 18),
        Standard("BlackmanWindow", 17), Standard("Cast", 1), Standard("CastLike", 15), Standard("Ceil", 1), Standard("Celu", 12),
        Standard("CenterCropPad", 18), Standard("Clip", 1), Standard("Col2Im", 18), Standard("Compress", 9), Standard("Concat", 1),
        Standard("ConcatFromSequence", 11), Standard("Constant", 1), Standard("ConstantOfShape", 9), Standard("Conv", 1),
        Standard("ConvInteger", 10), Standard("ConvTranspose", 1), Standard("Cos", 7), Standard("Cosh", 9), Standard("CumProd", 26),
        Standard("CumSum", 11), Standard("DeformConv", 19), Standard("DepthToSpace", 1), Standard("DequantizeLinear", 10), Standard("Det", 11),
        Standard("DFT", 17), Standard("Div", 1), Standard("Dropout", 1), Standard("DynamicQuantizeLinear", 11), Standard("Einsum", 12),
        Standard("Elu", 1), Standard("Equal", 1), Standard("Erf", 9), Standard("Exp", 1), Standard("Expand", 8), Standard("EyeLike", 9),
        Standard("Flatten", 1), Standard("Floor", 1), Standard("Gather", 1), Standard("GatherElements", 11), Standard("GatherND", 11),
        Standard("Gelu", 20), Standard("Gemm", 1), Standard("GlobalAveragePool", 1), Standard("GlobalLpPool", 1), Standard("GlobalMaxPool", 1),
        Standard("Greater", 1), Standard("GreaterOrEqual", 12), Standard("GridSample", 16), Standard("GroupNormalization", 18), Standard("GRU", 1),
        Standard("HammingWindow", 17), Standard("HannWindow", 17), Standard("Hardmax", 1), Standard("HardSigmoid", 1), Standard("HardSwish", 14),
        Standard("Identity", 1), Standard("If", 1), Standard("ImageDecoder", 20), Standard("InstanceNormalization", 1), Standard("IsInf", 10),
        Standard("IsNaN", 9), Standard("LayerNormalization", 17), Standard("LeakyRelu", 1), Standard("Less", 1), Standard("LessOrEqual", 12),
        Standard("Log", 1), Standard("LogSoftmax", 1), Standard("Loop", 1), Standard("LpNormalization", 1), Standard("LpPool", 1),
        Standard("LRN", 1), Standard("LSTM", 1), Standard("MatMul", 1), Standard("MatMulInteger", 10), Standard("Max", 1), Standard("MaxPool", 1),
        Standard("MaxRoiPool", 1), Standard("MaxUnpool", 9), Standard("Mean", 1), Standard("MeanVarianceNormalization", 9),
        Standard("MelWeightMatrix", 17), Standard("Min", 1), Standard("Mish", 18), Standard("Mod", 10), Standard("Mul", 1),
        Standard("Multinomial", 7), Standard("Neg", 1), Standard("NegativeLogLikelihoodLoss", 12), Standard("NonMaxSuppression", 10),
        Standard("NonZero", 9), Standard("Not", 1), Standard("OneHot", 9), Standard("Optional", 15), Standard("OptionalGetElement", 15),
        Standard("OptionalHasElement", 15), Standard("Or", 1), Standard("Pad", 1), Standard("Pow", 1), Standard("PRelu", 1),
        Standard("QLinearConv", 10), Standard("QLinearMatMul", 10), Standard("QuantizeLinear", 10), Standard("RandomNormal", 1),
        Standard("RandomNormalLike", 1), Standard("RandomUniform", 1), Standard("RandomUniformLike", 1), Standard("Range", 11),
        Standard("Reciprocal", 1), Standard("ReduceL1", 1), Standard("ReduceL2", 1), Standard("ReduceLogSum", 1), Standard("ReduceLogSumExp", 1),
        Standard("ReduceMax", 1), Standard("ReduceMean", 1), Standard("ReduceMin", 1), Standard("ReduceProd", 1), Standard("ReduceSum", 1),
        Standard("ReduceSumSquare", 1), Standard("RegexFullMatch", 20), Standard("Relu", 1), Standard("Reshape", 1), Standard("Resize", 10),
        Standard("ReverseSequence", 10), Standard("RMSNormalization", 23), Standard("RNN", 1), Standard("RoiAlign", 10),
        Standard("RotaryEmbedding", 23), Standard("Round", 11), Standard("Scan", 8), Standard("Scatter", 9), Standard("ScatterElements", 11),
        Standard("ScatterND", 11), Standard("Selu", 1), Standard("SequenceAt", 11), Standard("SequenceConstruct", 11), Standard("SequenceEmpty", 11),
        Standard("SequenceErase", 11), Standard("SequenceInsert", 11), Standard("SequenceLength", 11), Standard("SequenceMap", 17),
        Standard("Shape", 1), Standard("Shrink", 9), Standard("Sigmoid", 1), Standard("Sign", 9), Standard("Sin", 7), Standard("Sinh", 9),
        Standard("Size", 1), Standard("Slice", 1), Standard("Softmax", 1), Standard("SoftmaxCrossEntropyLoss", 12), Standard("Softplus", 1),
        Standard("Softsign", 1), Standard("SpaceToDepth", 1), Standard("Split", 1), Standard("SplitToSequence", 11), Standard("Sqrt", 1),
        Standard("Squeeze", 1), Standard("STFT", 17), Standard("StringConcat", 20), Standard("StringNormalizer", 10), Standard("StringSplit", 20),
        Standard("Sub", 1), Standard("Sum", 1), Standard("Swish", 24), Standard("Tan", 7), Standard("Tanh", 1), Standard("TensorScatter", 24),
        Standard("TfIdfVectorizer", 9), Standard("ThresholdedRelu", 10), Standard("Tile", 1), Standard("TopK", 1), Standard("Transpose", 1),
        Standard("Trilu", 14), Standard("Unique", 11), Standard("Unsqueeze", 1), Standard("Upsample", 7), Standard("Where", 9), Standard("Xor", 1),

        Training("Adagrad", 1), Training("Adam", 1), Training("Gradient", 1), Training("Momentum", 1),
    ];

    static CatalogueEntry Standard(string name, int since) => new("", name, since);

    static CatalogueEntry Training(string name, int since) => new(TrainingDomain, name, since);
}
