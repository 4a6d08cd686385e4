using GraphRewriter.Inference;
using GraphRewriter.Ir;
using Xunit;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Inference;

public sealed class NonsenseTests
{
    static readonly string[] IntNames =
    [
        "axis", "keepdims", "noop_with_empty_axes", "allowzero", "batch_dims", "start", "end", "num_outputs", "group", "ceil_mode", "blocksize", "to", "dtype", "fmod", "upper",
        "exclusive", "reverse", "transA", "transB", "hidden_size", "layout", "output_height", "output_width", "onesided", "inverse", "sample_size", "num_scan_inputs",
        "q_num_heads", "kv_num_heads", "stash_type", "output_dtype",
    ];

    static readonly string[] ListNames =
    [
        "axes", "perm", "pads", "strides", "dilations", "kernel_shape", "output_padding", "output_shape", "pooled_shape", "split", "shape", "scan_input_axes", "scan_output_axes",
        "ngram_indexes",
    ];

    static readonly (string Name, string[] Values)[] StringValues =
    [
        ("auto_pad", ["SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET", "?"]),
        ("equation", ["ij,jk->ik", "...i,i...", "->", ",,", "i.j", "...", "ii->i", "i->k"]),
        ("keep_aspect_ratio_policy", ["stretch", "not_larger", "not_smaller"]),
        ("reduction", ["none", "mean", "add"]),
        ("direction", ["bidirectional", "x"]),
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Nodes_that_make_no_sense_are_refused_or_left_unknown(int seed)
    {
        var random = new Random(seed);
        foreach (var op in ShapeInference.Operators.Order(StringComparer.Ordinal))
        {
            for (var i = 0; i < 50; i++)
            {
                var node = RandomNode(random, op);
                try
                {
                    ShapeInference.Infer(node);
                }
                catch (ModelException e)
                {
                    Assert.Equal(ModelProblem.InvalidGraph, e.Problem);
                }
                catch (Exception e)
                {
                    Assert.Fail($"{Describe(node)}: {e}");
                }
                foreach (var output in node.Outputs.OfType<Value>())
                    Assert.True(output.Evaluated is not { } data || Shape.SurelyEqual(data.Shape, output.Shape), Describe(node));
            }
        }
    }

    static string Describe(Node node) =>
        $"{node.OpType}({string.Join(", ", node.Inputs.Select(i => $"{i} = {(i?.Data is { } d ? string.Join(' ', d.ToDoubles()) : "")}"))}) {string.Join(", ", node.Attributes.Values.Select(a => $"{a.Name}={(a.Content is long[] l ? string.Join(' ', l) : a.Content is byte[] s ? System.Text.Encoding.UTF8.GetString(s) : a.Content)}"))}";

    static Node RandomNode(Random random, string op)
    {
        var inputs = Enumerable.Range(0, random.Next(6)).Select(i => random.Next(8) == 0 ? null : RandomValue(random, i)).ToList();
        var node = new Node(op, inputs, Enumerable.Range(0, random.Next(1, 4)).Select(i => new Value($"y{i}")), name: "n");
        foreach (var name in IntNames) if (random.Next(3) == 0) node.Set(Attribute.Of(name, RandomNumber(random)));
        foreach (var name in ListNames) if (random.Next(3) == 0) node.Set(Attribute.Of(name, RandomList(random)));
        foreach (var (name, values) in StringValues) if (random.Next(3) == 0) node.Set(Attribute.Of(name, values[random.Next(values.Length)]));
        foreach (var name in (string[])["body", "then_branch", "else_branch"])
            if (random.Next(2) == 0) node.Set(Attribute.Of(name, RandomGraph(random)));
        return node;
    }

    static Graph RandomGraph(Random random)
    {
        var graph = new Graph();
        for (var i = random.Next(4); i > 0; i--) graph.Inputs.Add(new Value("i"));
        var y = new Value("o");
        graph.Nodes.Add(new Node(random.Next(2) == 0 ? "Squeeze" : "Relu", graph.Inputs.Take(1), [y]));
        for (var i = random.Next(4); i > 0; i--) graph.Outputs.Add(random.Next(3) > 0 || graph.Inputs.Count == 0 ? y : graph.Inputs[0]);
        return graph;
    }

    static Value RandomValue(Random random, int index)
    {
        var type = random.Next(3) switch { 0 => ElementType.Int64, 1 => ElementType.Float32, _ => (ElementType)random.Next(1, 17) };
        var dims = new long[random.Next(8) == 0 ? random.Next(7) : random.Next(5)];
        for (var i = 0; i < dims.Length; i++) dims[i] = random.Next(12) == 0 ? 0 : random.Next(1, 5);
        if (random.Next(2) == 0 && type is not (ElementType.String or ElementType.Complex64 or ElementType.Complex128))
        {
            var count = dims.Aggregate(1L, (a, b) => a * b);
            if (type == ElementType.Int64) return Constant(TensorData.FromInt64s(dims, [.. Enumerable.Range(0, (int)count).Select(_ => RandomNumber(random))]), index);
            return Constant(TensorData.FromNumbers(type, dims, [.. Enumerable.Range(0, (int)count).Select(_ => (double)random.Next(5))]), index);
        }
        var shape = random.Next(8) == 0 ? null : new Shape(dims.Select(d => random.Next(6) switch { 0 => Dim.Unknown, 1 => new Dim(-1, "N"), 2 => new Dim(-1, "2*N"), 3 => Huge(random), _ => d }));
        return new Value($"x{index}", type, shape);
    }

    static Dim Huge(Random random) => random.Next(10) == 0 ? long.MaxValue - random.Next(3) : 3;

    static Value Constant(TensorData data, int index) => new($"c{index}", data.Type, data.Shape) { Data = data };

    static long RandomNumber(Random random) => random.Next(12) switch
    {
        0 => long.MaxValue,
        1 => long.MinValue,
        2 => int.MaxValue,
        3 => random.Next(2) == 0 ? -1 : 1L << 32,
        4 => -random.Next(6),
        _ => random.Next(5),
    };

    static long[] RandomList(Random random) => [.. Enumerable.Range(0, random.Next(6)).Select(_ => RandomNumber(random))];
}
