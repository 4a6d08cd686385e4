using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>
/// Widens float16 and bfloat16 to float32. Constants behind DequantizeLinear become the float32 numbers they stand for.
/// </summary>
static class ComputeInFloat32
{
    public static void Apply(PassContext context)
    {
        var main = context.Model.Graph;
        foreach (var input in main.Inputs.Where(v => WidenFloats.IsNarrower(v.Type, ElementType.Float32))) context.Note($"Input '{input.Name}' is {input.Type} in the file and float32 here.");
        if (WidenFloats.Apply(main, ElementType.Float32)) context.Note("float16 and bfloat16 are computed in float32.");
        Dequantize(context, main);
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
