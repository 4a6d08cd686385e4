using GraphRewriter.Emission;
using GraphRewriter.Ir;
using static GraphRewriter.Canonicalization.NodeAdapter;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Canonicalization;

/// <summary>
/// Lowers the operators of opset 22 to 26 to the canonical opset. Versions that only accept more types are not listed: they mean the same.
/// Source: the operator change log of ONNX (docs/Changelog.md in the onnx repository).
/// </summary>
static class LowerOpset
{
    internal static readonly NodeAdapter[] All =
    [
        Since(23, "Attention",        "scaled dot products, softmax, weighted sum", LowerAttention.Apply),
        Since(23, "RMSNormalization", "x / sqrt(mean(x²) + ε) * scale", LowerRootMeanSquare),
        Since(23, "RotaryEmbedding",  "rotation of pairs by cos and sin", Rotary.Lower),
        Since(24, "Swish",            "x * sigmoid(α x)", (r, n) => r.Bind(0, r.Tape.Mul(n.Inputs[0]!, r.Tape.Sigmoid(r.Tape.Mul(n.Inputs[0]!, n.Float("alpha", 1)))))),
        Since(24, "TensorScatter",    "ScatterElements along the sequence axis", LowerTensorScatter),
        Since(24, "Cast",             "round_mode concerns 8-bit scales only", (r, n) => DropRoundMode(r, (ElementType)n.Int("to"))),
        Since(24, "CastLike",         "round_mode concerns 8-bit scales only", (r, n) => DropRoundMode(r, n.Inputs[1]!.Type)),
        Since(23, "QuantizeLinear",   "operands of one type, which is the precision", QuantizeInOneType),
        Since(23, "DequantizeLinear", "output_dtype becomes a Cast", CastDequantized),
        Since(26, "BitCast",          "not possible", (r, _) => r.Refuse("reinterpreting bits has no canonical form")),
        Since(26, "CumProd",          "a Scan of products", LowerCumulativeProduct),
    ];

    static void LowerRootMeanSquare(NodeRewrite r, Node n)
    {
        var compute = (ElementType)n.Int("stash_type", 1);
        r.Bind(0, RootMeanSquare(r.Tape, n.Inputs[0]!, n.Inputs[1]!, n.Int("axis", -1), n.Float("epsilon", 1e-5f), compute, out _));
    }

    /// <summary>x / sqrt(mean(x²) + ε) * scale; the mean over the axes from one on, in the stated type.</summary>
    internal static Value RootMeanSquare(Tape t, Value x, Value scale, long axis, float epsilon, ElementType compute, out Value inverse)
    {
        var first = axis < 0 ? axis + x.Rank : axis;
        var axes = Enumerable.Range((int)first, x.Rank - (int)first).Select(i => (long)i).ToArray();
        var wide = compute == ElementType.Undefined ? x : t.Cast(x, compute);
        inverse = t.Reciprocal(t.Sqrt(t.Add(t.ReduceMean(t.Square(wide), axes), epsilon)));
        return t.Mul(t.Cast(t.Mul(wide, inverse), x.Type), scale);
    }

    static void LowerTensorScatter(NodeRewrite r, Node n)
    {
        var t = r.Tape;
        var (cache, update) = (n.Inputs[0]!, n.Inputs[1]!);
        var axis = (int)n.Int("axis", -2);
        if (axis < 0) axis += cache.Rank;
        // Places along the axis: start of the sample + 0, 1, …, as a tensor that broadcasts to the update.
        var count = t.Squeeze(t.DimOf(update, axis), 0);
        var steps = t.Op("Range", t.Const(TensorData.Scalar(0)), count, t.Const(TensorData.Scalar(1)));
        var places = t.Reshape(steps, [.. Enumerable.Range(0, cache.Rank).Select(i => i == axis ? -1L : 1L)]);
        if (n.Input(2) is { } starts) places = t.Add(places, t.Reshape(starts, [-1, .. Enumerable.Repeat(1L, cache.Rank - 1)]));
        if (n.String("mode", "linear") is "circular") places = t.Op("Mod", places, t.DimOf(cache, axis));
        var indices = t.Expand(places, t.ShapeOf(update));
        r.Bind(0, t.Op("ScatterElements", [Attribute.Of("axis", (long)axis)], cache, indices, update));
    }

    static void DropRoundMode(NodeRewrite r, ElementType target)
    {
        if (target == ElementType.Float8E8M0) r.Refuse("casting to 8-bit scales has no canonical form");
        r.Drop("round_mode");
    }

    static void QuantizeInOneType(NodeRewrite r, Node n)
    {
        var precision = (ElementType)n.Int("precision");
        if (precision == ElementType.Undefined) precision = n.Inputs[1]!.Type;
        r.Drop("precision");
        for (var i = 0; i < 2; i++) n.Inputs[i] = n.Inputs[i]!.Type == precision ? n.Inputs[i] : r.View("Cast", [Attribute.Of("to", (long)precision)], n.Inputs[i]);
    }

    /// <summary>The wider of the two types is that of the product, as in ONNX Runtime's kernel.</summary>
    static void CastDequantized(NodeRewrite r, Node n)
    {
        var (type, scale) = ((ElementType)n.Int("output_dtype"), n.Inputs[1]!);
        r.Drop("output_dtype");
        if (type == ElementType.Undefined || type == scale.Type) return;
        Value As(Value x) => r.View("Cast", [Attribute.Of("to", (long)type)], x);
        if (scale.Type is ElementType.Float16 or ElementType.BFloat16) n.Inputs[1] = As(scale);
        else r.Bind(0, As(r.EmitSelf([.. n.Inputs]).Output));
    }

    /// <summary>A product carried along the axis. Each place is a product of what stands before it, so that zeros and negative numbers keep their gradients.</summary>
    static void LowerCumulativeProduct(NodeRewrite r, Node n)
    {
        var t = r.Tape;
        var x = n.Inputs[0]!;
        // ONNX Runtime ends the process in a Scan over nothing.
        if (x.Shape is { } sized && sized.Any(d => d.Size == 0))
        {
            r.Bind(0, x);
            return;
        }
        if (n.Inputs[1]!.Constant is { } known && x.Shape is { } shape)
        {
            var axis = (int)known.ToInt64s()[0];
            r.Bind(0, CumulativeProduct(t, n, x, axis < 0 ? axis + shape.Rank : axis));
            return;
        }
        // Rank or axis are known at run time only: the axes before and behind become one each.
        var sizes = t.ShapeOf(x);
        var given = t.Reshape(t.Cast(n.Inputs[1]!, ElementType.Int64), 1);
        var place = t.Where(t.Less(given, t.Ints(0)), t.Add(given, t.Op("Shape", sizes)), given);
        Value Product(Value from, Value to) => t.Op("ReduceProd", [Attribute.Of("keepdims", 1L)], t.Op("Slice", sizes, from, to));
        var grouped = t.Concat(0, Product(t.Ints(0), place), t.Gather(sizes, place), Product(t.Add(place, t.Ints(1)), t.Ints(long.MaxValue)));
        r.Bind(0, t.ReshapeLike(CumulativeProduct(t, n, t.Reshape(x, grouped), 1), x));
    }

    static Value CumulativeProduct(Tape t, Node n, Value x, int axis)
    {
        var backwards = n.Int("reverse") != 0;
        var sizes = t.Concat(0, [.. Enumerable.Range(0, x.Rank).Where(i => i != axis).Select(i => t.DimOf(x, i))]);
        var scan = new ScanBuilder(t);
        var before = scan.Carry(x.Rank == 1 ? t.ScalarLike(1, x) : t.Full(sizes, 1, x.Type));
        var product = scan.Body.Mul(before, scan.Over(x, axis, backwards));
        scan.Next(before, product);
        var stack = scan.Yield(n.Int("exclusive") != 0 ? before : product, axis, backwards);
        scan.Emit();
        return t.ShapedLike(stack, x);
    }
}
