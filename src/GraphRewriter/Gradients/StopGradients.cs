namespace GraphRewriter.Gradients;

/// <summary>The operators through which no gradient flows, with the reason: an absence would not tell a decision from an omission.</summary>
static class StopGradients
{
    const string Indices = "its output is an index";
    const string Truth = "its output is a truth value";
    const string Step = "it is piecewise constant: the derivative is zero almost everywhere";
    const string ShapeOnly = "its output depends on the shape of its input alone";
    const string Source = "it has no input that carries data";
    const string OnRequest = "on request (--straight-through)";
    const string IntegerKernel = "it computes in integers; use the float original or dequantise the weights";

    /// <summary>The stops.</summary>
    public static readonly GradientStop[] All =
    [
        new("ArgMax", 1, Indices),
        new("ArgMin", 1, Indices),
        new("NonZero", 9, Indices),
        new("NonMaxSuppression", 10, "it selects boxes by comparison; its output is a list of indices"),
        new("Unique", 11, "it sorts and selects by equality; counts and indices carry no gradient"),
        new("Equal", 1, Truth),
        new("Greater", 1, Truth),
        new("GreaterOrEqual", 12, Truth),
        new("Less", 1, Truth),
        new("LessOrEqual", 12, Truth),
        new("And", 1, Truth),
        new("Or", 1, Truth),
        new("Xor", 1, Truth),
        new("Not", 1, Truth),
        new("IsNaN", 9, Truth),
        new("IsInf", 10, Truth),
        new("Floor", 1, Step),
        new("Ceil", 1, Step),
        new("Round", 11, $"{Step}; {OnRequest} it counts as the identity"),
        new("Sign", 9, Step),
        new("Hardmax", 1, Step),
        new("Shape", 1, ShapeOnly),
        new("Size", 1, ShapeOnly),
        new("EyeLike", 9, ShapeOnly),
        new("Constant", 1, Source),
        new("ConstantOfShape", 9, Source),
        new("Range", 11, "its output has a length that depends on its inputs; start and step are counted as constants"),
        new("OneHot", 9, "its data input is an index"),
        new("RandomNormal", 1, Source),
        new("RandomNormalLike", 1, ShapeOnly),
        new("RandomUniform", 1, Source),
        new("RandomUniformLike", 1, ShapeOnly),
        new("Bernoulli", 15, "it draws at random"),
        new("Multinomial", 7, "it draws at random"),
        new("BlackmanWindow", 17, Source),
        new("HannWindow", 17, Source),
        new("HammingWindow", 17, Source),
        new("MelWeightMatrix", 17, Source),
        new("BitCast", 26, "it reinterprets bits: its output is no continuous function of its input"),
        new("BitShift", 11, IntegerKernel),
        new("BitwiseAnd", 18, IntegerKernel),
        new("BitwiseNot", 18, IntegerKernel),
        new("BitwiseOr", 18, IntegerKernel),
        new("BitwiseXor", 18, IntegerKernel),
        new("ConvInteger", 10, IntegerKernel),
        new("MatMulInteger", 10, IntegerKernel),
        new("QLinearConv", 10, IntegerKernel),
        new("QLinearMatMul", 10, IntegerKernel),
        new("DynamicQuantizeLinear", 11, "it rounds to integers, by a scale that depends on the data"),
        new("QuantizeLinear", 10, $"it rounds to integers; {OnRequest} the gradient passes where nothing saturates"),
    ];
}
