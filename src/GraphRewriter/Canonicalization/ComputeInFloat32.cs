using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Canonicalization;

/// <summary>
/// Widens float16 and bfloat16 to float32: initializers once, inputs, casts and every attribute that names a type. Constants behind DequantizeLinear become the float32 numbers they stand for.
/// </summary>
static class ComputeInFloat32
{
    /// <summary>Attributes that name the element type of a result.</summary>
    internal static readonly string[] TypeAttributes = ["to", "dtype", "output_datatype", "output_dtype", "softmax_precision"];

    public static void Apply(PassContext context)
    {
        var main = context.Model.Graph;
        var narrow = main.AllValues().Any(v => IsNarrow(v.Type));
        foreach (var input in main.Inputs.Where(v => IsNarrow(v.Type))) context.Note($"Input '{input.Name}' is {input.Type} in the file and float32 here.");
        if (narrow)
        {
            foreach (var value in main.AllValues()) Widen(value);
            foreach (var node in main.AllNodes()) Widen(node);
            context.Note("float16 and bfloat16 are computed in float32.");
        }
        Dequantize(context, main);
    }

    static bool IsNarrow(ElementType type) => type is ElementType.Float16 or ElementType.BFloat16;

    static void Widen(Value value)
    {
        if (!IsNarrow(value.Type)) return;
        value.Type = ElementType.Float32;
        if (value.Data is { } data) value.Data = Widen(data);
        value.Evaluated = null;
    }

    static TensorData Widen(TensorData data) => data.Unavailable is { } why ? TensorData.Missing(ElementType.Float32, [.. data.Dims], why) : TensorData.FromFloats([.. data.Dims], data.ToFloats());

    static void Widen(Node node)
    {
        foreach (var name in TypeAttributes)
            if (node.Has(name) && IsNarrow((ElementType)node.Int(name))) node.Set(Attribute.Of(name, (long)ElementType.Float32));
        foreach (var attribute in node.Attributes.Values.ToList())
            if (attribute.Content is TensorData data && IsNarrow(data.Type)) node.Set(attribute with { Content = Widen(data) });
    }

    static void Dequantize(PassContext context, Graph main)
    {
        var replaced = new Dictionary<Value, Value>();
        var taken = new HashSet<Value>();
        foreach (var graph in main.SelfAndSubgraphs())
        {
            foreach (var node in graph.Nodes)
            {
                if (!node.Is("DequantizeLinear") || graph.Outputs.Contains(node.Output)) continue;
                if (node.Inputs[0] is not { Data: { Unavailable: null } x } source || node.Inputs[1]?.Data is not { Unavailable: null } scale) continue;
                var zero = node.Input(2);
                if (zero is not null && zero.Data is not { Unavailable: null }) continue;
                // The first use takes over the name of the quantised tensor, which is the author's.
                var name = taken.Add(source) ? source.Name : context.FreshName(source.Name + "_dequantized");
                if (string.Equals(name, source.Name, StringComparison.Ordinal)) source.Name = context.FreshName(source.Name + "_quantized");
                replaced[node.Output] = main.AddInitializer(name, Dequantized(x, scale, zero?.Data, node.Int("axis", 1), node.Int("block_size")));
            }
        }
        if (replaced.Count == 0) return;
        main.ReplaceUses(replaced);
        context.Note($"{replaced.Count} quantised constants are computed with as the float32 numbers they stand for.");
    }

    /// <summary>(x - zero point) * scale: for the whole tensor, along an axis, or in blocks along it.</summary>
    internal static TensorData Dequantized(TensorData x, TensorData scale, TensorData? zero, long axis, long blockSize)
    {
        var (numbers, scales, zeros) = (x.ToDoubles(), scale.ToFloats(), zero?.ToDoubles());
        var result = new float[numbers.Length];
        var rank = x.Dims.Count;
        var at = (int)(axis < 0 ? axis + rank : axis);
        var perTensor = scale.Count == 1 || rank == 0;
        var inner = perTensor ? 1 : x.Dims.Skip(at + 1).Aggregate(1L, (a, b) => a * b);
        var length = perTensor ? 1 : x.Dims[at];
        var block = blockSize > 0 ? blockSize : 1;
        var blocks = (length + block - 1) / block;
        for (var i = 0; i < result.Length; i++)
        {
            var along = i / inner % length;
            var which = perTensor ? 0
                : blockSize > 0 ? (i / (inner * length) * blocks + along / block) * inner + i % inner
                : along;
            result[i] = (float)((numbers[i] - (zeros?[which] ?? 0)) * scales[which]);
        }
        return TensorData.FromFloats([.. x.Dims], result);
    }
}
