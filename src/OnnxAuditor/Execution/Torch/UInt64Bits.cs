using GraphRewriter.Ir;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Arithmetic of uint64, which libtorch lacks and which is held in int64 by its bits: sums and products are those of int64, what follows is not.</summary>
static class UInt64Bits
{
    /// <summary>Numbers in the order of the declared type. For uint64 the highest bit is turned, so that the order of int64 is theirs; to be turned back by the same call.</summary>
    internal static Tensor Ordered(Tensor x, ElementType type) => type == ElementType.UInt64 ? x.bitwise_xor(full([], long.MinValue, ScalarType.Int64, x.device)) : x;

    /// <summary>The quotient, rounded down.</summary>
    internal static Tensor Divide(Tensor a, Tensor b)
    {
        // Half of a is positive in int64; twice its quotient is right or one too small. A divisor of 2^63 or more goes in once or not at all.
        var quotient = Halved(a).div(b, RoundingMode.trunc).bitwise_left_shift(One(a));
        quotient += AtLeast(a - quotient * b, b).to(ScalarType.Int64);
        return where(b < 0, AtLeast(a, b).to(ScalarType.Int64), quotient);
    }

    /// <summary>What division leaves.</summary>
    internal static Tensor Remainder(Tensor a, Tensor b) => a - Divide(a, b) * b;

    /// <summary>Bits moved to the right, zeros moved in.</summary>
    internal static Tensor ShiftRight(Tensor a, Tensor count) => where(count == 0, a, Halved(a).bitwise_right_shift(count - 1));

    /// <summary>As float64, rounded.</summary>
    internal static Tensor ToDouble(Tensor x)
    {
        // The lowest bit stays in the half as a sticky one, so that the number is rounded once.
        var half = Halved(x).bitwise_or(x.bitwise_and(One(x)));
        return where(x < 0, half.to(ScalarType.Float64) * 2, x.to(ScalarType.Float64));
    }

    /// <summary>From floats, which are cut towards zero.</summary>
    internal static Tensor FromReal(Tensor x)
    {
        const double highest = 9223372036854775808;
        var wide = x.to(ScalarType.Float64);
        return where(wide >= highest, Ordered((wide - highest).to(ScalarType.Int64), ElementType.UInt64), wide.to(ScalarType.Int64));
    }

    static Tensor Halved(Tensor x) => x.bitwise_right_shift(One(x)).bitwise_and(full([], long.MaxValue, ScalarType.Int64, x.device));

    static Tensor AtLeast(Tensor a, Tensor b) => Ordered(a, ElementType.UInt64) >= Ordered(b, ElementType.UInt64);

    static Tensor One(Tensor x) => full([], 1L, ScalarType.Int64, x.device);
}
