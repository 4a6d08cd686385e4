using GraphRewriter.Emission;
using GraphRewriter.Ir;


namespace GraphRewriter.Canonicalization;

/// <summary>
/// Rewrites the experimental operators of the first ONNX releases, which left the standard but which old converters (Core ML's, Caffe2's) wrote and ONNX Runtime still runs.
/// </summary>
static class UpgradeLegacy
{
    internal static readonly NodeAdapter[] All =
    [
        Old("Affine",             "alpha * x + beta", (r, n) => r.Bind(0, r.Tape.Add(r.Tape.Mul(n.Inputs[0]!, n.Float("alpha", 1)), n.Float("beta")))),
        Old("Scale",              "scale * x", (r, n) => r.Bind(0, r.Tape.Mul(n.Inputs[0]!, r.Tape.ScalarLike(n.Float("scale", 1), n.Inputs[0]!)))),
        Old("ImageScaler",        "scale * x + bias per channel", ScaleImage),
        Old("Crop",               "Slice of the last two axes", Crop),
        Old("ScaledTanh",         "alpha * tanh(beta * x)", (r, n) => r.Bind(0, r.Tape.Mul(r.Tape.Tanh(r.Tape.Mul(n.Inputs[0]!, n.Float("beta", 1))), n.Float("alpha", 1)))),
        Old("ParametricSoftplus", "alpha * softplus(beta * x)", (r, n) => r.Bind(0, r.Tape.Mul(r.Tape.Softplus(r.Tape.Mul(n.Inputs[0]!, n.Float("beta", 1))), n.Float("alpha", 1)))),
        Old("DynamicSlice",       "Slice", (_, n) => n.OpType = "Slice"),
        Old("ConstantFill",       "a constant Expand", FillConstant),
        Old("GivenTensorFill",    "a constant", (r, n) => r.Bind(0, r.Tape.Const(TensorData.FromFloats(n.Ints("shape") ?? [], n.Floats("values") ?? [])))),
        NodeAdapter.Until(9, "MeanVarianceNormalization", "axes follow from across_channels", NormalizeMeanVariance),
    ];

    static NodeAdapter Old(string opType, string does, Action<NodeRewrite, Node> apply) => NodeAdapter.Since(0, opType, does, apply);

    static void ScaleImage(NodeRewrite r, Node n)
    {
        var x = n.Inputs[0]!;
        var bias = n.Floats("bias") ?? [];
        var scaled = r.Tape.Mul(x, n.Float("scale", 1));
        r.Bind(0, bias.Length == 0 ? scaled : r.Tape.Add(scaled, r.Tape.Const(TensorData.FromNumbers(x.Type, [bias.Length, 1, 1], [.. bias.Select(b => (double)b)]))));
    }

    static void Crop(NodeRewrite r, Node n)
    {
        if (n.Ints("border") is not [var left, var top, var right, var bottom])
        {
            r.Refuse("border must hold four numbers: left, top, right, bottom");
            return;
        }
        // With `scale` given, the size of the result is stated; without, the border is cut on every side. An end of zero would mean an empty slice.
        var size = n.Ints("scale") is [var h, var w] ? (h, w) : ((long, long)?)null;
        var endY = size is { } s ? top + s.Item1 : bottom == 0 ? long.MaxValue : -bottom;
        var endX = size is { } z ? left + z.Item2 : right == 0 ? long.MaxValue : -right;
        r.Bind(0, r.Tape.Slice(n.Inputs[0]!, [2, 3], [top, left], [endY, endX], [1, 1]));
    }

    static void FillConstant(NodeRewrite r, Node n)
    {
        var type = (ElementType)n.Int("dtype", (long)ElementType.Float32);
        var value = r.Tape.Scalar(n.Float("value"), type);
        if (n.Ints("extra_shape") is { Length: > 0 } && n.Input(0) is null)
        {
            r.Refuse("extra_shape without an input has no meaning");
            return;
        }
        var dims = n.Input(0) is not { } input ? r.Tape.Ints(n.Ints("shape") ?? [])
            : n.Int("input_as_shape") != 0 ? r.Tape.Cast(input, ElementType.Int64)
            : r.Tape.ShapeOf(input);
        if (n.Ints("extra_shape") is { Length: > 0 } extra) dims = r.Tape.Concat(0, dims, r.Tape.Ints(extra));
        r.Bind(0, r.Tape.Expand(value, dims));
    }

    static void NormalizeMeanVariance(NodeRewrite r, Node n)
    {
        long[] axes = n.Int("across_channels") != 0 ? [1, 2, 3] : [2, 3];
        var variance = n.Int("normalize_variance", 1) != 0;
        var x = n.Inputs[0]!;
        var centred = r.Tape.Sub(x, r.Tape.ReduceMean(x, axes));
        // 1e-9 is the epsilon of ONNX's own definition of the operator.
        var result = variance ? r.Tape.Div(centred, r.Tape.Add(r.Tape.Sqrt(r.Tape.ReduceMean(r.Tape.Square(centred), axes)), 1e-9)) : centred;
        r.Bind(0, result);
    }
}
