using GraphRewriter.Emission;
using GraphRewriter.Ir;
using static GraphRewriter.Canonicalization.NodeAdapter;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Canonicalization;

/// <summary>
/// Writes the operators of com.microsoft in standard ones: those that ONNX Runtime's optimiser, its tools for transformers and exporters leave behind. Source of their meaning: ContribOperators.md in the onnxruntime repository.
/// </summary>
static class DecomposeContrib
{
    internal static readonly NodeAdapter[] All =
    [
        Contrib("Attention",              "projection, heads, masks, softmax", FusedAttention.Attend),
        Contrib("MultiHeadAttention",     "heads, masks, softmax", FusedAttention.AttendHeads),
        Contrib("GroupQueryAttention",    "rotation, cache, heads, masks, softmax", GroupQueryAttention.Decompose),
        Contrib("RotaryEmbedding",        "rotation of pairs by cos and sin", Rotary.Decompose),
        Contrib("EmbedLayerNormalization", "sum of embeddings, then LayerNormalization", EmbedNormalize),
        Contrib("SkipLayerNormalization", "sum, then LayerNormalization", SkipNormalize),
        Contrib("SkipSimplifiedLayerNormalization", "sum, then division by the root mean square", SkipNormalizeSimplified),
        Contrib("SimplifiedLayerNormalization", "division by the root mean square", NormalizeSimplified),
        new("SimplifiedLayerNormalization", 0, long.MaxValue, "division by the root mean square", NormalizeSimplified),
        new("LayerNormalization", 0, 17, "the operator ONNX took over in opset 17", (_, _) => { }),
        Contrib("LayerNormalization",     "the standard operator", Rename("LayerNormalization")),
        Contrib("Gelu",                   "the standard operator", Rename("Gelu")),
        Contrib("Trilu",                  "the standard operator", Rename("Trilu")),
        Contrib("Range",                  "the standard operator", Rename("Range")),
        Contrib("Inverse",                "not possible", (r, _) => r.Refuse("no standard operator inverts a matrix")),
        Contrib("QuantizeLinear",         "the standard operator", Rename("QuantizeLinear")),
        Contrib("DequantizeLinear",       "the standard operator", Rename("DequantizeLinear")),
        Contrib("GridSample",             "the standard operator", (r, n) => { Rename("GridSample")(r, n); n.Set(Attribute.Of("mode", n.String("mode", "bilinear") switch { "bicubic" => "cubic", "nearest" => "nearest", _ => "linear" })); }),
        Contrib("FastGelu",               "Gelu with tanh", (r, n) => r.Bind(0, Gelu(r.Tape, Biased(r.Tape, n), "tanh"))),
        Contrib("BiasGelu",               "Add, Gelu", (r, n) => r.Bind(0, Gelu(r.Tape, Biased(r.Tape, n), "none"))),
        Contrib("QuickGelu",              "x * sigmoid(α x)", (r, n) => r.Bind(0, r.Tape.Mul(n.Inputs[0]!, r.Tape.Sigmoid(r.Tape.Mul(n.Inputs[0]!, n.Float("alpha", 1.702f)))))),
        Contrib("BiasAdd",                "two Adds", (r, n) => r.Bind(0, r.Tape.Add(r.Tape.Add(n.Inputs[0]!, n.Inputs[1]!), n.Inputs[2]!))),
        Contrib("BiasSoftmax",            "Add, Softmax of the flattened trailing axes", NormalizeBiased),
        .. FusedProducts.All,
    ];

    static Action<NodeRewrite, Node> Rename(string opType) => (_, n) => (n.OpType, n.Domain) = (opType, "");

    static Value Gelu(Tape t, Value x, string approximation) => t.Op("Gelu", [Attribute.Of("approximate", approximation)], x);

    static Value Biased(Tape t, Node n) => n.Input(1) is { } bias ? t.Add(n.Inputs[0]!, bias) : n.Inputs[0]!;

    static void NormalizeBiased(NodeRewrite r, Node n)
    {
        var sum = r.Tape.Add(n.Inputs[0]!, n.Inputs[1]!);
        Rename("Softmax")(r, n);
        r.Drop("is_inner_broadcast");
        n.Inputs.Clear();
        r.SetInput(0, sum);
        UpgradeOpset.FlattenTrailingAxes(r, n);
    }

    /// <summary>Inputs ids, segment ids, word table, position table, segment table, scale, shift, mask, position ids.</summary>
    static void EmbedNormalize(NodeRewrite r, Node n)
    {
        var t = r.Tape;
        var ids = n.Inputs[0]!;
        var words = t.Gather(n.Inputs[2]!, ids);
        var positions = n.Input(8) ?? t.Op("Range", t.Const(TensorData.Scalar(0)), t.Squeeze(t.DimOf(ids, 1), 0), t.Const(TensorData.Scalar(1)));
        var sum = t.Add(words, t.Gather(n.Inputs[3]!, positions));
        if (n.Input(1) is { } segments && n.Input(4) is { } table) sum = t.Add(sum, t.Gather(table, segments));
        if (n.OutputAt(1) is not null)
        {
            var counts = n.Input(7) is { } mask
                ? t.ReduceSum(mask, [1], keepDims: false)
                : t.Expand(t.Scalar(0, ElementType.Int32), t.DimOf(ids, 0));
            r.Bind(1, counts);
        }
        var normalized = LayerNormalization(t, sum, n.Inputs[5], n.Input(6), n.Float("epsilon", 1e-12f), 1);
        r.Bind(2, sum);
        r.Bind(0, normalized.Output);
    }

    static Node LayerNormalization(Tape t, Value x, Value? scale, Value? shift, float epsilon, int outputs) =>
        t.Ops("LayerNormalization", outputs, [Attribute.Of("axis", -1L), Attribute.Of("epsilon", epsilon)], [x, scale, .. shift is null ? (Value?[])[] : [shift]]);

    /// <summary>Inputs x, skip, scale, shift, bias; outputs result, mean, inverse deviation, sum.</summary>
    static void SkipNormalize(NodeRewrite r, Node n)
    {
        var t = r.Tape;
        var sum = t.Add(n.Inputs[0]!, n.Inputs[1]!);
        if (n.Input(4) is { } bias) sum = t.Add(sum, bias);
        var statistics = n.OutputAt(1) is not null || n.OutputAt(2) is not null;
        var normalized = LayerNormalization(t, sum, n.Inputs[2], n.Input(3), n.Float("epsilon", 1e-12f), statistics ? 3 : 1);
        if (statistics)
        {
            r.Bind(1, normalized.OutputAt(1)!);
            r.Bind(2, normalized.OutputAt(2)!);
        }
        r.Bind(3, sum);
        r.Bind(0, normalized.Output);
    }

    /// <summary>Inputs x, skip, scale, bias; outputs result, mean (never given), inverse deviation, sum.</summary>
    static void SkipNormalizeSimplified(NodeRewrite r, Node n)
    {
        var t = r.Tape;
        var sum = t.Add(n.Inputs[0]!, n.Inputs[1]!);
        if (n.Input(3) is { } bias) sum = t.Add(sum, bias);
        var result = LowerOpset.RootMeanSquare(t, sum, n.Inputs[2]!, -1, n.Float("epsilon", 1e-12f), ElementType.Float32, out var inverse);
        r.Bind(3, sum);
        r.Bind(2, inverse);
        r.Bind(0, result);
    }

    static void NormalizeSimplified(NodeRewrite r, Node n)
    {
        var result = LowerOpset.RootMeanSquare(r.Tape, n.Inputs[0]!, n.Inputs[1]!, n.Int("axis", -1), n.Float("epsilon", 1e-5f), (ElementType)n.Int("stash_type", 1), out var inverse);
        r.Bind(1, inverse);
        r.Bind(0, result);
    }
}
