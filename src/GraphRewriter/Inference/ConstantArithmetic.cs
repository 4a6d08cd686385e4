using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>Elementwise arithmetic on constants.</summary>
static class ConstantArithmetic
{
    internal static readonly ConstantRule[] All =
    [
        Unary("Abs",        a => unchecked(a < 0 ? -a : a), Math.Abs),
        Unary("Neg",        a => unchecked(-a),             a => -a),
        Unary("Sign",       a => Math.Sign(a),              a => double.IsNaN(a) ? a : Math.Sign(a)),
        Unary("Ceil",       null,                           Math.Ceiling),
        Unary("Floor",      null,                           Math.Floor),
        Unary("Round",      null,                           a => Math.Round(a, MidpointRounding.ToEven)),
        Unary("Sqrt",       null,                           Math.Sqrt),
        Unary("Reciprocal", null,                           a => 1 / a),
        Unary("Exp",        null,                           Math.Exp),
        Unary("Log",        null,                           Math.Log),
        Unary("Sin",        null,                           Math.Sin),
        Unary("Cos",        null,                           Math.Cos),
        Unary("Relu",       a => Math.Max(a, 0),            a => a < 0 ? 0 : a),
        Unary("Not",        a => 1 - a,                     null),
        Binary("Add", (a, b) => unchecked(a + b), (a, b) => a + b),
        Binary("Sub", (a, b) => unchecked(a - b), (a, b) => a - b),
        Binary("Mul", (a, b) => unchecked(a * b), (a, b) => a * b),
        // Integer division truncates; by zero it has no result.
        Binary("Div", (a, b) => b == 0 ? null : b == -1 ? unchecked(-a) : a / b, (a, b) => a / b),
        Binary("Max", (a, b) => Math.Max(a, b), Math.Max, least: 1),
        Binary("Min", (a, b) => Math.Min(a, b), Math.Min, least: 1),
        Binary("Sum", null, (a, b) => a + b, least: 1),
        Binary("And", (a, b) => a & b, null),
        Binary("Or",  (a, b) => a | b, null),
        Binary("Xor", (a, b) => a ^ b, null),
        Binary("BitwiseAnd", (a, b) => a & b, null),
        Binary("BitwiseOr",  (a, b) => a | b, null),
        Binary("BitwiseXor", (a, b) => a ^ b, null),
        Compare("Equal",          (a, b) => a == b, (a, b) => a == b),
        Compare("Greater",        (a, b) => a > b,  (a, b) => a > b),
        Compare("GreaterOrEqual", (a, b) => a >= b, (a, b) => a >= b),
        Compare("Less",           (a, b) => a < b,  (a, b) => a < b),
        Compare("LessOrEqual",    (a, b) => a <= b, (a, b) => a <= b),
        new("Mod", 2, Mod),
        new("Pow", 2, Pow),
        new("Clip", 1, Clip),
        new("Where", 3, Where),
        new("Cast", 1, (in x) => Cast(x, x.TypeAttribute("to", ElementType.Undefined))),
        new("CastLike", 2, (in x) => Cast(x, x.TypeOf(1))),
    ];

    static ConstantRule Unary(string op, Func<long, long>? integers, Func<double, double>? floats) => new(op, 1, (in x) =>
    {
        var data = x.Constant(0)!;
        long[] dims = [.. data.Dims];
        if (data.Type.IsFloat && floats is not null)
            x.Evaluated(0, TensorData.FromNumbers(data.Type, dims, Array.ConvertAll(data.ToDoubles(), v => floats(v))));
        else if (IsWhole(data.Type) && integers is not null)
            x.Evaluated(0, SmallTensor.OfIntegers(data.Type, dims, Array.ConvertAll(data.ToInt64s(), v => integers(v))));
    });

    static ConstantRule Binary(string op, Func<long, long, long?>? integers, Func<double, double, double>? floats, int least = 2) => new(op, least, (in x) =>
    {
        var result = x.Constant(0)!;
        for (var i = 1; i < x.InputCount && result is not null; i++) result = x.Constant(i) is { } next ? Combine(result, next, integers, floats) : null;
        if (result is not null) x.Evaluated(0, result);
    });

    static ConstantRule Compare(string op, Func<long, long, bool> integers, Func<double, double, bool> floats) => new(op, 2, (in x) =>
    {
        var (a, b) = (x.Constant(0)!, x.Constant(1)!);
        if (Aligned(a, b) is not { } at) return;
        var truth = new bool[at.Left.Length];
        if (a.Type.IsFloat)
        {
            var (p, q) = (a.ToDoubles(), b.ToDoubles());
            for (var i = 0; i < truth.Length; i++) truth[i] = floats(p[at.Left[i]], q[at.Right[i]]);
        }
        else
        {
            if (!IsWhole(a.Type)) return;
            var (p, q) = (a.ToInt64s(), b.ToInt64s());
            for (var i = 0; i < truth.Length; i++) truth[i] = integers(p[at.Left[i]], q[at.Right[i]]);
        }
        x.Evaluated(0, TensorData.FromBools(at.Dims, truth));
    });

    // Unsigned 64-bit numbers do not fit the signed ones computed with.
    static bool IsWhole(ElementType type) => (type.IsInteger && type != ElementType.UInt64) || type == ElementType.Bool;

    static TensorData? Combine(TensorData a, TensorData b, Func<long, long, long?>? integers, Func<double, double, double>? floats)
    {
        if (Aligned(a, b) is not { } at) return null;
        if (a.Type.IsFloat && floats is not null)
        {
            var (p, q) = (a.ToDoubles(), b.ToDoubles());
            var values = new double[at.Left.Length];
            for (var i = 0; i < values.Length; i++) values[i] = floats(p[at.Left[i]], q[at.Right[i]]);
            return TensorData.FromNumbers(a.Type, at.Dims, values);
        }
        if (!IsWhole(a.Type) || integers is null) return null;
        var (m, n) = (a.ToInt64s(), b.ToInt64s());
        var numbers = new long[at.Left.Length];
        for (var i = 0; i < numbers.Length; i++)
        {
            if (integers(m[at.Left[i]], n[at.Right[i]]) is not { } number) return null;
            numbers[i] = number;
        }
        return SmallTensor.OfIntegers(a.Type, at.Dims, numbers);
    }

    // The broadcast shape, and where each of its elements comes from; null where the types differ or the result is large.
    static (long[] Dims, int[] Left, int[] Right)? Aligned(TensorData a, TensorData b)
    {
        if (a.Type != b.Type) return null;
        long[] left = [.. a.Dims];
        long[] right = [.. b.Dims];
        if (SmallTensor.Broadcast(left, right) is not { } dims || SmallTensor.Count(dims) > ConstantEvaluator.MaxElements) return null;
        return (dims, SmallTensor.BroadcastPlaces(left, dims), SmallTensor.BroadcastPlaces(right, dims));
    }

    static void Mod(in InferenceContext x)
    {
        var truncates = x.Node.Int("fmod") != 0;
        // Without fmod the result has the divisor's sign, and floats are not allowed.
        var result = Combine(x.Constant(0)!, x.Constant(1)!,
            (a, b) => b == 0 ? null : b == -1 ? 0 : truncates || a % b == 0 || a < 0 == b < 0 ? a % b : a % b + b,
            truncates ? (a, b) => a % b : null);
        if (result is not null) x.Evaluated(0, result);
    }

    static void Pow(in InferenceContext x)
    {
        var (a, b) = (x.Constant(0)!, x.Constant(1)!);
        if (!a.Type.IsFloat || b.Type == ElementType.Bool)
        {
            if (Combine(a, b, IntegerPower, null) is { } power) x.Evaluated(0, power);
            return;
        }
        // The exponent may be of another type; as float64 it keeps its value.
        var exponent = b.Type == a.Type ? b : TensorData.FromNumbers(ElementType.Float64, [.. b.Dims], b.ToDoubles());
        var number = b.Type == a.Type ? a : TensorData.FromNumbers(ElementType.Float64, [.. a.Dims], a.ToDoubles());
        if (Combine(number, exponent, null, Math.Pow) is not { } result) return;
        x.Evaluated(0, result.Type == a.Type ? result : TensorData.FromNumbers(a.Type, [.. result.Dims], result.ToDoubles()));
    }

    static long? IntegerPower(long number, long exponent)
    {
        if (exponent is < 0 or > 64) return null;
        var result = 1L;
        for (var i = 0; i < exponent; i++) result = unchecked(result * number);
        return result;
    }

    static void Clip(in InferenceContext x)
    {
        var result = x.Constant(0);
        if (x.Constant(1) is { } low) result = Combine(result!, low, (a, b) => Math.Max(a, b), Math.Max);
        if (result is not null && x.Constant(2) is { } high) result = Combine(result, high, (a, b) => Math.Min(a, b), Math.Min);
        if (result is not null) x.Evaluated(0, result);
    }

    static void Where(in InferenceContext x)
    {
        var (condition, yes, no) = (x.Constant(0)!, x.Constant(1)!, x.Constant(2)!);
        if (condition.Type != ElementType.Bool || Aligned(yes, no) is not { } pair) return;
        if (SmallTensor.Broadcast([.. condition.Dims], pair.Dims) is not { } dims || SmallTensor.Count(dims) > ConstantEvaluator.MaxElements) return;
        var truth = condition.Bytes.Span;
        var width = yes.Type.Bits / 8;
        var which = SmallTensor.BroadcastPlaces([.. condition.Dims], dims);
        var left = SmallTensor.BroadcastPlaces([.. yes.Dims], dims);
        var right = SmallTensor.BroadcastPlaces([.. no.Dims], dims);
        var bytes = new byte[which.Length * width];
        for (var i = 0; i < which.Length; i++)
        {
            var (source, place) = truth[which[i]] != 0 ? (yes, left[i]) : (no, right[i]);
            source.Bytes.Span.Slice(place * width, width).CopyTo(bytes.AsSpan(i * width));
        }
        x.Evaluated(0, TensorData.FromBytes(yes.Type, dims, bytes));
    }

    static void Cast(in InferenceContext x, ElementType to)
    {
        var data = x.Constant(0)!;
        if (data.Type == to) x.Evaluated(0, data);
        else if (!ConstantEvaluator.IsOrdinary(to)) return;
        else if (to.IsFloat) x.Evaluated(0, TensorData.FromNumbers(to, [.. data.Dims], data.ToDoubles()));
        else if (data.Type.IsFloat) CastToInteger(x, data, to);
        else if (data.Type != ElementType.UInt64 || to == ElementType.Int64) x.Evaluated(0, SmallTensor.OfIntegers(to, [.. data.Dims], data.ToInt64s()));
    }

    static void CastToInteger(in InferenceContext x, TensorData data, ElementType to)
    {
        var values = data.ToDoubles();
        var numbers = new long[values.Length];
        for (var i = 0; i < values.Length; i++)
        {
            // What does not fit has no defined result.
            if (to != ElementType.Bool && !(Math.Abs(values[i]) < Math.ScaleB(1, to.Bits - 1))) return;
            numbers[i] = to == ElementType.Bool ? values[i] != 0 ? 1 : 0 : (long)values[i];
        }
        x.Evaluated(0, SmallTensor.OfIntegers(to, [.. data.Dims], numbers));
    }
}
