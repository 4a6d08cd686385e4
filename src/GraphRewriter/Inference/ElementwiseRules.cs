using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>Operators whose output is shaped like an input, or like all of them broadcast together.</summary>
static class ElementwiseRules
{
    internal static readonly ShapeRule[] All =
    [
        .. ShapeRule.Each(LikeFirst,
            "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BitwiseNot", "Ceil", "Celu", "Clip", "Cos", "Cosh", "Elu", "Erf", "Exp", "Floor",
            "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Log", "Mish", "Neg", "PRelu", "Reciprocal", "Relu", "Round", "Selu", "Shrink", "Sigmoid",
            "Sign", "Sin", "Sinh", "Softplus", "Softsign", "Sqrt", "Swish", "Tan", "Tanh", "ThresholdedRelu"),
        // Along an axis, shape kept.
        .. ShapeRule.Each(LikeFirst,
            "CumProd", "CumSum", "Hardmax", "LogSoftmax", "ReverseSequence", "RotaryEmbedding", "Softmax", "TensorScatter", "Trilu"),
        .. ShapeRule.Each(BoolLikeFirst, "IsInf", "IsNaN", "Not", "RegexFullMatch"),
        .. ShapeRule.Each(Broadcast,
            "Add", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Div", "Max", "Mean", "Min", "Mod", "Mul", "Pow", "StringConcat", "Sub", "Sum"),
        .. ShapeRule.Each(Compare, "And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Or", "Xor"),
        new("Where", (in x) => x.Out(0, x.TypeOf(1) is ElementType.Undefined ? x.TypeOf(2) : x.TypeOf(1), BroadcastAll(x))),
        new("Identity", Identity),
        new("Cast", (in x) => x.Out(0, x.TypeAttribute("to", ElementType.Undefined), x.ShapeOf(0))),
        new("BitCast", (in x) => x.Out(0, x.TypeAttribute("to", ElementType.Undefined), x.ShapeOf(0))),
        new("CastLike", (in x) => x.Out(0, x.TypeOf(1), x.ShapeOf(0))),
        new("Dropout", Dropout),
    ];

    /// <summary>The shape that all inputs broadcast to; null where one has unknown rank.</summary>
    public static Shape? BroadcastAll(in InferenceContext x)
    {
        Shape? result = null;
        for (var i = 0; i < x.InputCount; i++)
        {
            if (!x.HasInput(i)) continue;
            if (x.ShapeOf(i) is not { } shape) return null;
            result = result is null ? shape : DimArithmetic.Broadcast(result, shape) ?? throw x.Conflict("the shapes do not broadcast");
        }
        return result;
    }

    /// <summary>One output, typed and shaped like the first input.</summary>
    public static void LikeFirst(in InferenceContext x) => x.Out(0, x.TypeOf(0), x.ShapeOf(0));

    static void BoolLikeFirst(in InferenceContext x) => x.Out(0, ElementType.Bool, x.ShapeOf(0));

    static void Broadcast(in InferenceContext x)
    {
        // Before inference has seen every input, the type of any of them will do, but for Pow and BitShift, whose second type is free.
        var type = x.TypeOf(0);
        if (type == ElementType.Undefined && x.Node.OpType is not "Pow") type = x.TypeOf(1);
        x.Out(0, type, BroadcastAll(x));
    }

    static void Compare(in InferenceContext x) => x.Out(0, ElementType.Bool, BroadcastAll(x));

    static void Identity(in InferenceContext x)
    {
        x.Out(0, x.TypeOf(0), x.ShapeOf(0));
        // Identity also passes sequences and optionals.
        if (x.Node.Input(0)?.Other is { } other) x.Node.OutputAt(0)?.Other = other;
    }

    static void Dropout(in InferenceContext x)
    {
        LikeFirst(x);
        x.Out(1, ElementType.Bool, x.ShapeOf(0));
    }
}
