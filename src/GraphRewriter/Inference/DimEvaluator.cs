using System.Collections.Frozen;
using System.Collections.Immutable;
using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>Evaluates shape arithmetic of which only part is known, element by element, on scalars and vectors.</summary>
static class DimEvaluator
{
    delegate ImmutableArray<Dim> Evaluation(in InferenceContext x);

    static readonly FrozenDictionary<string, Evaluation> Table = new Dictionary<string, Evaluation>(StringComparer.Ordinal)
    {
        ["Shape"] = ShapeOf,
        ["Size"] = (in x) => x.ShapeOf(0) is { } s ? [DimArithmetic.Product(s, 0, s.Rank)] : default,
        ["Identity"] = Same,
        ["Squeeze"] = Same,
        ["Unsqueeze"] = Same,
        ["Reshape"] = Same,
        ["Flatten"] = Same,
        ["Cast"] = Cast,
        ["Gather"] = Gather,
        ["Slice"] = Slice,
        ["Concat"] = Concat,
        ["Split"] = Split,
        ["Expand"] = Expand,
        ["Add"] = (in x) => Binary(x, Add),
        ["Sub"] = (in x) => Binary(x, Subtract),
        ["Mul"] = (in x) => Binary(x, Multiply),
        ["Div"] = (in x) => Binary(x, Divide),
        ["Mod"] = (in x) => Binary(x, (a, b) => Numbers(a, b, (p, q) => q > 0 && p >= 0 ? p % q : null)),
        ["Min"] = (in x) => Binary(x, (a, b) => a == b ? a : Numbers(a, b, (p, q) => Math.Min(p, q))),
        ["Max"] = (in x) => Binary(x, (a, b) => a == b ? a : Numbers(a, b, (p, q) => Math.Max(p, q))),
        ["Equal"] = (in x) => Binary(x, AreEqual),
        ["Not"] = Not,
        ["Where"] = Where,
        ["ReduceProd"] = ReduceProd,
    }
    .ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Sets <see cref="Value.Dims"/> of the outputs, or <see cref="Value.Evaluated"/> where all elements turn out to be numbers.</summary>
    public static void Evaluate(in InferenceContext x)
    {
        if (x.Node.OutputAt(0) is not { Type: ElementType.Int64 or ElementType.Int32 or ElementType.Bool, Shape.Rank: <= 1 } first) return;
        if (!Table.TryGetValue(x.Node.OpType, out var evaluation)) return;
        if (first.Shape is { Rank: 1 } s && s[0].Size > DimArithmetic.MaxRank) return;
        var dims = evaluation(in x);
        if (!dims.IsDefault) State(x, first, dims);
    }

    static void State(in InferenceContext x, Value output, ImmutableArray<Dim> dims)
    {
        var isScalar = output.Shape!.Rank == 0;
        if (isScalar ? dims.Length != 1 : output.Shape[0].IsKnown && output.Shape[0].Size != dims.Length)
            throw x.Conflict($"{dims.Length} elements for output '{output.Name}'");
        var numbers = new long[dims.Length];
        var (all, any) = (true, false);
        for (var i = 0; i < dims.Length; i++)
        {
            all &= DimArithmetic.TryNumber(dims[i], out numbers[i]);
            any |= dims[i] != Dim.Unknown;
        }
        if (all) output.Evaluated = SmallTensor.OfIntegers(output.Type, isScalar ? [] : [dims.Length], numbers);
        else if (any) output.Dims = dims;
        if (!isScalar) output.Shape = Shape.Of(dims.Length);
    }

    static ImmutableArray<Dim> ShapeOf(in InferenceContext x)
    {
        if (x.ShapeOf(0) is not { } shape) return default;
        var (from, to) = GeneratorRules.ShapeBounds(x.Node, shape.Rank);
        var dims = ImmutableArray.CreateBuilder<Dim>(Math.Max(0, to - from));
        for (var i = from; i < to; i++) dims.Add(shape[i]);
        return dims.MoveToImmutable();
    }

    static ImmutableArray<Dim> Same(in InferenceContext x) => x.Contents(0);

    static ImmutableArray<Dim> Cast(in InferenceContext x) =>
        x.TypeOf(0) is ElementType.Int64 or ElementType.Int32 or ElementType.Bool && x.Node.Output.Type is ElementType.Int64 or ElementType.Int32
            ? x.Contents(0) : default;

    static ImmutableArray<Dim> Gather(in InferenceContext x)
    {
        var data = x.Contents(0);
        if (data.IsDefault || x.Integers(1) is not { } indices) return default;
        var dims = ImmutableArray.CreateBuilder<Dim>(indices.Length);
        foreach (var index in indices) dims.Add(data[x.Axis(index, data.Length)]);
        return dims.MoveToImmutable();
    }

    static ImmutableArray<Dim> Slice(in InferenceContext x)
    {
        var data = x.Contents(0);
        if (data.IsDefault || x.Integers(1) is not [var start] || x.Integers(2) is not [var end]) return default;
        if ((x.HasInput(4) ? x.Integers(4) : [1]) is not [var step] || step == 0) return default;
        var (first, count) = SliceRange.Indices(start, end, step, data.Length);
        var dims = ImmutableArray.CreateBuilder<Dim>((int)count);
        for (var i = 0; i < count; i++) dims.Add(data[(int)(first + i * step)]);
        return dims.MoveToImmutable();
    }

    static ImmutableArray<Dim> Concat(in InferenceContext x)
    {
        var dims = ImmutableArray.CreateBuilder<Dim>();
        for (var i = 0; i < x.InputCount; i++)
        {
            var part = x.Contents(i);
            if (part.IsDefault) return default;
            dims.AddRange(part);
        }
        return dims.ToImmutable();
    }

    static ImmutableArray<Dim> Split(in InferenceContext x)
    {
        var data = x.Contents(0);
        if (data.IsDefault) return default;
        var from = 0;
        ImmutableArray<Dim> first = default;
        for (var i = 0; i < x.Node.Outputs.Count; i++)
        {
            if (x.Node.OutputAt(i) is not { Shape: { Rank: 1 } shape } output || !shape[0].IsKnown) return default;
            var part = data.Slice(from, (int)shape[0].Size);
            from += part.Length;
            if (i == 0) first = part;
            else State(x, output, part);
        }
        return first;
    }

    static ImmutableArray<Dim> Expand(in InferenceContext x)
    {
        var data = x.Contents(0);
        if (data.IsDefault || x.Node.Output.Shape is not { Rank: 1 } shape || !shape[0].IsKnown) return default;
        return data.Length == shape[0].Size ? data : data.Length == 1 ? [.. Enumerable.Repeat(data[0], (int)shape[0].Size)] : default;
    }

    static ImmutableArray<Dim> Binary(in InferenceContext x, Func<Dim, Dim, Dim> combine)
    {
        var (a, b) = (x.Contents(0), x.Contents(1));
        if (x.InputCount != 2 || a.IsDefault || b.IsDefault) return default;
        if (a.Length != b.Length && a.Length != 1 && b.Length != 1) return default;
        var count = a.Length == 1 ? b.Length : a.Length;
        var dims = ImmutableArray.CreateBuilder<Dim>(count);
        for (var i = 0; i < count; i++) dims.Add(combine(a.Length == 1 ? a[0] : a[i], b.Length == 1 ? b[0] : b[i]));
        return dims.MoveToImmutable();
    }

    static Dim Numbers(Dim a, Dim b, Func<long, long, long?> combine) =>
        DimArithmetic.TryNumber(a, out var p) && DimArithmetic.TryNumber(b, out var q) && combine(p, q) is { } r ? DimArithmetic.Of(r) : Dim.Unknown;

    static Dim Add(Dim a, Dim b) => a.Size == 0 ? b : b.Size == 0 ? a : Numbers(a, b, (p, q) => unchecked(p + q));

    static Dim Subtract(Dim a, Dim b) => b.Size == 0 ? a : Numbers(a, b, (p, q) => unchecked(p - q));

    static Dim Multiply(Dim a, Dim b) => a.Size == 1 ? b : b.Size == 1 ? a : a.Size == 0 || b.Size == 0 ? 0
        : DimArithmetic.TryNumber(a, out var p) && DimArithmetic.TryNumber(b, out var q) ? DimArithmetic.Of(unchecked(p * q)) : SymbolicProduct.Multiply(a, b);

    static Dim Divide(Dim a, Dim b) => b.Size > 0 && !DimArithmetic.TryNumber(a, out _) ? DimArithmetic.Divide(a, b.Size)
        : Numbers(a, b, (p, q) => q == 0 || (q == -1 && p == long.MinValue) ? null : p / q);

    static Dim AreEqual(Dim a, Dim b)
    {
        var (p, q) = (DimArithmetic.TryNumber(a, out var left), DimArithmetic.TryNumber(b, out var right));
        if (p && q) return left == right ? 1 : 0;
        if (Dim.SurelyEqual(a, b)) return 1;
        // A symbol stands for a size, which is never negative.
        return (p && left < 0 && b.Symbol is not null) || (q && right < 0 && a.Symbol is not null) ? 0 : Dim.Unknown;
    }

    static ImmutableArray<Dim> Not(in InferenceContext x)
    {
        var data = x.Contents(0);
        return data.IsDefault ? default : [.. data.Select(d => d.IsKnown ? 1 - d.Size : Dim.Unknown)];
    }

    static ImmutableArray<Dim> Where(in InferenceContext x)
    {
        var (c, a, b) = (x.Contents(0), x.Contents(1), x.Contents(2));
        if (c.IsDefault || a.IsDefault || b.IsDefault) return default;
        var count = Math.Max(c.Length, Math.Max(a.Length, b.Length));
        if (Math.Min(c.Length, Math.Min(a.Length, b.Length)) == 0) return [];
        var dims = ImmutableArray.CreateBuilder<Dim>(count);
        for (var i = 0; i < count; i++)
        {
            var (which, yes, no) = (c[i % c.Length], a[i % a.Length], b[i % b.Length]);
            dims.Add(which.Size == 1 ? yes : which.Size == 0 ? no : DimArithmetic.Join(yes, no));
        }
        return dims.MoveToImmutable();
    }

    static ImmutableArray<Dim> ReduceProd(in InferenceContext x)
    {
        var data = x.Contents(0);
        if (data.IsDefault || x.ShapeOf(0) is not { Rank: 1 } || (x.Node.Output.Shape!.Rank == 1 && x.Node.Output.Shape[0].Size != 1)) return default;
        Dim product = 1;
        foreach (var d in data) product = Multiply(product, d);
        return [product];
    }
}
