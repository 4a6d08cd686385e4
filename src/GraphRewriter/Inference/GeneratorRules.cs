using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>Operators that make tensors from shapes, numbers or nothing.</summary>
static class GeneratorRules
{
    internal static readonly ShapeRule[] All =
    [
        new("Constant", Constant),
        new("ConstantOfShape", ConstantOfShape),
        new("Shape", ShapeOperator),
        new("Size", (in x) => x.Out(0, ElementType.Int64, Shape.Scalar)),
        new("Range", Range),
        new("EyeLike", RandomLike),
        .. ShapeRule.Each(RandomLike, "Bernoulli", "RandomNormalLike", "RandomUniformLike"),
        .. ShapeRule.Each(Random, "RandomNormal", "RandomUniform"),
        new("Multinomial", Multinomial),
    ];

    /// <summary>The contents of a Constant node; null where it holds none that are dense.</summary>
    public static TensorData? ConstantValue(Node node)
    {
        foreach (var a in node.Attributes.Values)
        {
            switch (a.Name, a.Content)
            {
                case ("value", TensorData data): return data;
                case ("value_int", long v): return TensorData.Scalar(v);
                case ("value_ints", long[] v): return TensorData.Vector(v);
                case ("value_float", float v): return TensorData.FromFloats([], [v]);
                case ("value_floats", float[] v): return TensorData.FromFloats([v.Length], v);
                case ("value_string", byte[] v): return TensorData.FromStrings([], [v]);
                case ("value_strings", byte[][] v): return TensorData.FromStrings([v.Length], v);
            }
        }
        return null;
    }

    static void Constant(in InferenceContext x)
    {
        if (ConstantValue(x.Node) is { } data)
        {
            x.Out(0, data.Type, data.Shape);
            if (data.Unavailable is null) x.Evaluated(0, data);
        }
        else if (x.Node.Attributes.GetValueOrDefault("sparse_value")?.Content is SparseTensorData sparse)
            x.Out(0, sparse.Values.Type, Shape.Of([.. sparse.Dims]));
    }

    static void ConstantOfShape(in InferenceContext x)
    {
        var target = x.Contents(0);
        if (target.IsDefault)
        {
            x.Out(0, x.Node.Tensor("value")?.Type ?? ElementType.Float32, null);
            return;
        }
        var dims = new Dim[target.Length];
        for (var i = 0; i < dims.Length; i++) dims[i] = DimArithmetic.AsSize(target[i]);
        x.Out(0, x.Node.Tensor("value")?.Type ?? ElementType.Float32, new Shape(dims));
    }

    static void ShapeOperator(in InferenceContext x)
    {
        if (x.ShapeOf(0) is not { } shape)
        {
            x.Out(0, ElementType.Int64, new Shape(Dim.Unknown));
            return;
        }
        var (from, to) = ShapeBounds(x.Node, shape.Rank);
        x.Out(0, ElementType.Int64, new Shape(Math.Max(0, to - from)));
    }

    /// <summary>The axes that a Shape node tells of: from the first to before the second.</summary>
    public static (int From, int To) ShapeBounds(Node node, int rank)
    {
        var (start, end) = (node.Int("start"), node.Int("end", rank));
        return ((int)Math.Clamp(start < 0 ? start + rank : start, 0, rank), (int)Math.Clamp(end < 0 ? end + rank : end, 0, rank));
    }

    static void Range(in InferenceContext x)
    {
        var count = Dim.Unknown;
        if (x.Constant(0) is { Count: 1 } start && x.Constant(2) is { Count: 1 } delta && x.TypeOf(0) is not ElementType.String)
        {
            if (x.Constant(1) is { Count: 1 } limit) count = Steps(start.ToDoubles()[0], limit.ToDoubles()[0], delta.ToDoubles()[0]);
            else if (start.ToDoubles()[0] == 0 && delta.ToDoubles()[0] == 1) count = DimArithmetic.AsSize(x.Single(1));
        }
        x.Out(0, x.TypeOf(0), new Shape(count));
    }

    static Dim Steps(double start, double limit, double delta)
    {
        var steps = Math.Ceiling((limit - start) / delta);
        return double.IsFinite(steps) && steps < long.MaxValue ? (long)Math.Max(0, steps) : Dim.Unknown;
    }

    static void RandomLike(in InferenceContext x) => x.Out(0, x.TypeAttribute("dtype", x.TypeOf(0)), x.ShapeOf(0));

    static void Random(in InferenceContext x) =>
        x.Out(0, x.TypeAttribute("dtype", ElementType.Float32), x.Node.Ints("shape") is { } dims ? Shape.Of(dims) : null);

    static void Multinomial(in InferenceContext x) =>
        x.Out(0, x.TypeAttribute("dtype", ElementType.Int32), new Shape(x.DimOf(0, 0), x.Node.Int("sample_size", 1)));
}
