using System.Collections.Frozen;

namespace GraphRewriter.Canonicalization;

/// <summary>The names of the operators of the standard ONNX domain up to the canonical opset; what newer opsets added has a row in <see cref="LowerOpset"/>.</summary>
static class StandardOperators
{
    internal static readonly FrozenSet<string> Names = (
        "Abs Acos Acosh Add AffineGrid And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization Bernoulli BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor " +
        "BlackmanWindow Cast CastLike Ceil Celu CenterCropPad Clip Col2Im Compress Concat ConcatFromSequence Constant ConstantOfShape Conv ConvInteger ConvTranspose Cos Cosh CumSum " +
        "DFT DeformConv DepthToSpace DequantizeLinear Det Div Dropout DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor GRU Gather GatherElements GatherND " +
        "Gelu Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization HammingWindow HannWindow HardSigmoid HardSwish Hardmax Identity If " +
        "ImageDecoder InstanceNormalization IsInf IsNaN LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax Loop LpNormalization LpPool MatMul MatMulInteger Max MaxPool " +
        "MaxRoiPool MaxUnpool Mean MeanVarianceNormalization MelWeightMatrix Min Mish Mod Mul Multinomial Neg NegativeLogLikelihoodLoss NonMaxSuppression NonZero Not OneHot Optional " +
        "OptionalGetElement OptionalHasElement Or PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear RNN RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range Reciprocal " +
        "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare RegexFullMatch Relu Reshape Resize ReverseSequence RoiAlign Round " +
        "STFT Scan Scatter ScatterElements ScatterND Selu SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength SequenceMap Shape Shrink Sigmoid Sign Sin " +
        "Sinh Size Slice Softmax SoftmaxCrossEntropyLoss Softplus Softsign SpaceToDepth Split SplitToSequence Sqrt Squeeze StringConcat StringNormalizer StringSplit Sub Sum Tan Tanh " +
        "TfIdfVectorizer ThresholdedRelu Tile TopK Transpose Trilu Unique Unsqueeze Upsample Where Xor").Split(' ').ToFrozenSet(StringComparer.Ordinal);

    /// <summary>
    /// The operators whose definition changed at opset 2 to 6, or that were experimental before it: what they mean below opset 6 has no adapter. Every other operator of opsets 1 to 5 means there what
    /// it means at 6. Source: docs/Changelog.md of https://github.com/onnx/onnx.
    /// </summary>
    internal static readonly FrozenSet<string> ChangedBefore6 = (
        "Abs Add BatchNormalization Cast Ceil Clip Concat Div Dropout Elu Exp Floor GRU Gemm GlobalLpPool HardSigmoid InstanceNormalization LeakyRelu Log LpPool Max Mean Min Mul Neg " +
        "PRelu Pad Reciprocal Relu Reshape Selu Sigmoid Split Sqrt Sub Sum Tanh Tile Upsample").Split(' ').ToFrozenSet(StringComparer.Ordinal);
}
