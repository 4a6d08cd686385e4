using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>Reductions, searches and sequences of constants.</summary>
static class ConstantReductions
{
    internal static readonly ConstantRule[] All =
    [
        new("ReduceSum",  1, (in x) => Reduce(x, (a, b) => unchecked(a + b), (a, b) => a + b, 0)),
        new("ReduceProd", 1, (in x) => Reduce(x, (a, b) => unchecked(a * b), (a, b) => a * b, 1)),
        new("ReduceMax",  1, (in x) => Reduce(x, Math.Max, Math.Max, null)),
        new("ReduceMin",  1, (in x) => Reduce(x, Math.Min, Math.Min, null)),
        new("Range", 3, Range),
        new("ConstantOfShape", 1, ConstantOfShape),
        new("NonZero", 1, NonZero),
        new("CumSum", 2, CumSum),
        new("OneHot", 3, OneHot),
    ];

    static void Reduce(in InferenceContext x, Func<long, long, long> integers, Func<double, double, double> floats, long? start)
    {
        var data = x.Constant(0)!;
        if (x.Node.Output.Shape is not { IsStatic: true } shape || ReductionRules.Axes(x) is not { } axes) return;
        long[] dims = [.. data.Dims];
        // Every axis where none is named, unless none then means none.
        var all = axes.Length == 0 && x.Node.Int("noop_with_empty_axes") == 0;
        Span<bool> reduced = new bool[dims.Length];
        foreach (var axis in axes) reduced[x.Axis(axis, dims.Length)] = true;
        var strides = new int[dims.Length];
        var step = 1;
        for (var i = dims.Length - 1; i >= 0; i--)
        {
            if (all || reduced[i]) continue;
            strides[i] = step;
            step *= (int)dims[i];
        }
        var places = SmallTensor.Places(dims, strides);
        // Nothing to take the maximum of.
        if (places.Length == 0 && start is null) return;
        if (data.Type.IsFloat)
            x.Evaluated(0, TensorData.FromNumbers(data.Type, shape.ToArray(), Fold(data.ToDoubles(), places, step, floats, start ?? 0, start is null)));
        else if (data.Type is not ElementType.UInt64 and not ElementType.Bool)
            x.Evaluated(0, SmallTensor.OfIntegers(data.Type, shape.ToArray(), Fold(data.ToInt64s(), places, step, integers, start ?? 0, start is null)));
    }

    static T[] Fold<T>(T[] values, int[] places, int count, Func<T, T, T> combine, T start, bool startsWithFirst)
    {
        var results = new T[count];
        var seen = new bool[count];
        Array.Fill(results, start);
        for (var i = 0; i < values.Length; i++)
        {
            ref var result = ref results[places[i]];
            result = startsWithFirst && !seen[places[i]] ? values[i] : combine(result, values[i]);
            seen[places[i]] = true;
        }
        return results;
    }

    static void Range(in InferenceContext x)
    {
        var (start, delta) = (x.Constant(0)!, x.Constant(2)!);
        if (x.Node.Output.Shape is not { IsStatic: true } shape || start.Type != delta.Type) return;
        var count = (int)shape[0].Size;
        if (start.Type.IsFloat)
        {
            var (s, d) = (start.ToDoubles()[0], delta.ToDoubles()[0]);
            var values = new double[count];
            for (var i = 0; i < count; i++) values[i] = s + i * d;
            x.Evaluated(0, TensorData.FromNumbers(start.Type, [count], values));
            return;
        }
        var (first, step) = (start.ToInt64s()[0], delta.ToInt64s()[0]);
        var numbers = new long[count];
        for (var i = 0; i < count; i++) numbers[i] = unchecked(first + i * step);
        x.Evaluated(0, SmallTensor.OfIntegers(start.Type, [count], numbers));
    }

    static void ConstantOfShape(in InferenceContext x)
    {
        if (x.Node.Output.Shape is not { IsStatic: true } shape) return;
        var value = x.Node.Tensor("value") ?? TensorData.FromFloats([1], [0]);
        if (value.Unavailable is not null || value.Count != 1 || !ConstantEvaluator.IsOrdinary(value.Type)) return;
        var dims = shape.ToArray();
        x.Evaluated(0, SmallTensor.Pick(value, dims, new int[SmallTensor.Count(dims)]));
    }

    static void NonZero(in InferenceContext x)
    {
        var data = x.Constant(0)!;
        if (data.Dims.Count == 0) return;
        var values = data.ToDoubles();
        long[] dims = [.. data.Dims];
        var strides = SmallTensor.Strides(dims);
        var found = new List<int>();
        for (var i = 0; i < values.Length; i++) if (values[i] != 0) found.Add(i);
        if ((long)found.Count * dims.Length > ConstantEvaluator.MaxElements) return;
        var coordinates = new long[found.Count * dims.Length];
        for (var d = 0; d < dims.Length; d++)
            for (var i = 0; i < found.Count; i++) coordinates[d * found.Count + i] = found[i] / strides[d] % dims[d];
        x.Evaluated(0, TensorData.FromInt64s([dims.Length, found.Count], coordinates));
    }

    static void CumSum(in InferenceContext x)
    {
        var data = x.Constant(0)!;
        if (x.Integers(1) is not { Length: 1 } at || data.Dims.Count == 0) return;
        long[] dims = [.. data.Dims];
        var axis = x.Axis(at[0], dims.Length);
        var (exclusive, reverse) = (x.Node.Int("exclusive") != 0, x.Node.Int("reverse") != 0);
        var (inner, length) = (SmallTensor.Strides(dims)[axis], (int)dims[axis]);
        if (data.Type.IsFloat)
            x.Evaluated(0, TensorData.FromNumbers(data.Type, dims, Accumulate(data.ToDoubles(), inner, length, exclusive, reverse)));
        else if (data.Type is ElementType.Int64 or ElementType.Int32)
            x.Evaluated(0, SmallTensor.OfIntegers(data.Type, dims, Accumulate(data.ToInt64s(), inner, length, exclusive, reverse)));
    }

    static T[] Accumulate<T>(T[] values, int inner, int length, bool exclusive, bool reverse) where T : struct, System.Numerics.INumber<T>
    {
        var sums = new T[values.Length];
        for (var row = 0; row < values.Length; row += inner * length)
        {
            for (var i = 0; i < inner; i++)
            {
                var sum = T.Zero;
                for (var k = 0; k < length; k++)
                {
                    var place = row + i + inner * (reverse ? length - 1 - k : k);
                    sums[place] = exclusive ? sum : sum + values[place];
                    sum += values[place];
                }
            }
        }
        return sums;
    }

    static void OneHot(in InferenceContext x)
    {
        var (indices, values) = (x.Constant(0)!, x.Constant(2)!);
        if (x.Node.Output.Shape is not { IsStatic: true } shape || values.Count != 2 || !indices.Type.IsInteger) return;
        var dims = shape.ToArray();
        var axis = x.Axis(x.Node.Int("axis", -1), dims.Length);
        var inner = SmallTensor.Count(dims.AsSpan(axis + 1));
        var depth = (int)dims[axis];
        var places = new int[SmallTensor.Count(dims)];
        var numbers = indices.ToInt64s();
        for (var i = 0; i < places.Length; i++)
        {
            var index = numbers[i / (inner * depth) * inner + i % inner];
            places[i] = (index < 0 ? index + depth : index) == i / inner % depth ? 1 : 0;
        }
        x.Evaluated(0, SmallTensor.Pick(values, dims, places));
    }
}
