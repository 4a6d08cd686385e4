using GraphRewriter.Ir;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Arithmetic and mathematical functions of single elements. Kinks and ties have the gradients of docs/operators.md.</summary>
static class ElementwiseOps
{
    /// <summary>The operators.</summary>
    internal static readonly TorchOp[] All =
    [
        Arithmetic("Add", (a, b) => a + b),
        Arithmetic("Sub", (a, b) => a - b),
        Arithmetic("Mul", (a, b) => a * b),
        TorchOp.Of("Div", Div),
        TorchOp.Of("Pow", Pow),
        TorchOp.Of("Mod", Mod),
        TorchOp.Of("Max", c => Extremum(c, x => x.amax([0]))),
        TorchOp.Of("Min", c => Extremum(c, x => x.amin([0]))),
        TorchOp.Of("Sum", c => c.Given.Aggregate((a, b) => a + b)),
        TorchOp.Of("Mean", c => c.Given.Aggregate((a, b) => a + b) / c.Count),

        TorchOp.Unary("Neg", x => -x),
        TorchOp.Of("Abs", c => c.TypeOf(0) == ElementType.UInt64 ? c[0] : c[0].abs()),
        TorchOp.Of("Sign", c => c.TypeOf(0) == ElementType.UInt64 ? (c[0] != 0).to(c[0].dtype) : c[0].sign()),
        TorchOp.Unary("Floor", x => x.floor()),
        TorchOp.Unary("Ceil", x => x.ceil()),
        TorchOp.Unary("Round", x => x.round()),
        TorchOp.Unary("Exp", x => x.exp()),
        TorchOp.Unary("Log", x => x.log()),
        TorchOp.Unary("Sqrt", x => x.sqrt()),
        TorchOp.Unary("Reciprocal", x => x.reciprocal()),
        TorchOp.Of("Erf", c => TypeOps.FromReal(TypeOps.Real(c[0], c.TypeOf(0)).erf(), c.TypeOf(0))),

        TorchOp.Unary("Sin", x => x.sin()),
        TorchOp.Unary("Cos", x => x.cos()),
        TorchOp.Unary("Tan", x => x.tan()),
        TorchOp.Unary("Asin", x => x.asin()),
        TorchOp.Unary("Acos", x => x.acos()),
        TorchOp.Unary("Atan", x => x.atan()),
        TorchOp.Unary("Sinh", x => x.sinh()),
        TorchOp.Unary("Cosh", x => x.cosh()),
        TorchOp.Unary("Asinh", x => x.asinh()),
        TorchOp.Unary("Acosh", x => x.acosh()),
        TorchOp.Unary("Atanh", x => x.atanh()),

        TorchOp.Of("Clip", Clip),
        TorchOp.Unary("IsNaN", x => x.isnan()),
        TorchOp.Of("IsInf", IsInf),
    ];

    /// <summary>An operator of two inputs whose results run over where integers do.</summary>
    static TorchOp Arithmetic(string opType, Func<Tensor, Tensor, Tensor> run) => TorchOp.Of(opType, c => run(c[0], c[1]).Wrapped(c.TypeOf(0)));

    static Tensor Div(TorchCall c) => c[0].is_floating_point() ? c[0] / c[1]
        : c.TypeOf(0) == ElementType.UInt64 ? UInt64Bits.Divide(c[0], c[1])
        : c[0].div(c[1], RoundingMode.trunc);

    /// <summary>The exponent may be of another type than the base, whose type the power has.</summary>
    static Tensor Pow(TorchCall c)
    {
        var (a, b, type) = (c[0], c[1], c.TypeOf(0));
        if (a.is_floating_point() && b.numel() == 1 && b.dim() <= a.dim() && !b.requires_grad) return a.pow(c.Number(1)!.Value);
        if (b.is_floating_point()) return TypeOps.FromReal(TypeOps.Real(a, type).pow(b), type).to(a.dtype);
        return a.pow(TypeOps.Convert(b, c.TypeOf(1), a.is_floating_point() ? ElementType.Float64 : ElementType.Int64)).to(a.dtype).Wrapped(type);
    }

    /// <summary>The remainder has the sign of the dividend with fmod, of the divisor without.</summary>
    static Tensor Mod(TorchCall c) => c.TypeOf(0) == ElementType.UInt64 ? UInt64Bits.Remainder(c[0], c[1])
        : c.Node.Int("fmod") == 1 ? c[0].fmod(c[1])
        : c[0].remainder(c[1]);

    /// <summary>Inputs that tie share the gradient equally.</summary>
    static Tensor Extremum(TorchCall c, Func<Tensor, Tensor> overFirst)
    {
        if (c.Count == 1) return c[0];
        var ordered = c.Given.Select(x => UInt64Bits.Ordered(x, c.TypeOf(0))).ToArray();
        return UInt64Bits.Ordered(overFirst(stack(broadcast_tensors(ordered))), c.TypeOf(0));
    }

    /// <summary>At a bound the gradient goes to X. Where Min exceeds Max every element is Max, which then takes the whole gradient.</summary>
    static Tensor Clip(TorchCall c)
    {
        var (x, type) = (c[0], c.TypeOf(0));
        if (c.Optional(1) is { } min) x = where(UInt64Bits.Ordered(x, type) < UInt64Bits.Ordered(min, type), min, x);
        if (c.Optional(2) is { } max) x = where(UInt64Bits.Ordered(x, type) > UInt64Bits.Ordered(max, type), max, x);
        return x.reshape(c[0].shape);
    }

    static Tensor IsInf(TorchCall c)
    {
        var (x, negative, positive) = (c[0], c.Node.Int("detect_negative", 1) == 1, c.Node.Int("detect_positive", 1) == 1);
        return (negative, positive) switch
        {
            (true, true) => x.isinf(),
            (true, false) => x.isneginf(),
            (false, true) => x.isposinf(),
            _ => zeros_like(x, ScalarType.Bool),
        };
    }
}
