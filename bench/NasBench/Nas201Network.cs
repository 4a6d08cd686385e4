using System.Globalization;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace Bench.NasBench;

/// <summary>How the normalisations inside of cells are written; published proxies were measured on either.</summary>
enum CellDialect
{
    /// <summary>BatchNormalization with scale and shift, convolutions without bias: the benchmark's own code.</summary>
    Affine,
    /// <summary>BatchNormalization without scale and shift, convolutions with bias: the code of several proxies.</summary>
    Plain,
}

/// <summary>
/// Builds the networks of NAS-Bench-201's topology space: stem, three stages of five equal cells of 16, 32 and 64 channels with a residual block of stride 2 between them,
/// head. Opset 21, any batch and image size. Weights are zeros, to be drawn by a protocol.
/// </summary>
sealed class Nas201Network
{
    const int Channels = 16, Stages = 3, CellsPerStage = 5;

    readonly Graph graph = new() { Name = "nas_bench_201" };
    readonly CellDialect dialect;

    Nas201Network(CellDialect dialect) => this.dialect = dialect;

    /// <summary>Builds a network.</summary>
    /// <param name="cell">The cell.</param>
    /// <param name="dialect">How normalisations inside of cells are written; those outside have scale and shift.</param>
    /// <param name="classes">The number of logits.</param>
    /// <returns>A model from "image" [batch, 3, height, width] to "logits" [batch, classes].</returns>
    public static Model Build(Nas201Cell cell, CellDialect dialect, long classes = 10)
    {
        var network = new Nas201Network(dialect);
        var image = new Value("image", ElementType.Float32, new Shape(new Dim(-1, "batch"), 3, new Dim(-1, "height"), new Dim(-1, "width")));
        network.graph.Inputs.Add(image);
        var x = network.Norm("stem.bn", network.Convolution("stem.conv", image, 3, Channels, 3), Channels);
        var width = (long)Channels;
        for (var stage = 0; stage < Stages; stage++)
        {
            if (stage > 0) x = network.Reduction($"reduce{stage}", x, width, width *= 2);
            for (var i = 0; i < CellsPerStage; i++) x = network.Cell(string.Create(CultureInfo.InvariantCulture, $"stage{stage}.cell{i}"), cell, x, width);
        }
        x = network.Node("head.relu", "Relu", [network.Norm("head.bn", x, width)]);
        x = network.Node("head.flatten", "Flatten", [network.Node("head.pool", "GlobalAveragePool", [x])], Attribute.Of("axis", 1L));
        var logits = network.Node("classifier", "Gemm", [x, network.Parameter("classifier.weight", 0, classes, width), network.Parameter("classifier.bias", 0, classes)], Attribute.Of("transB", 1L));
        (logits.Name, logits.Type, logits.Shape) = ("logits", ElementType.Float32, new Shape(new Dim(-1, "batch"), classes));
        network.graph.Outputs.Add(logits);
        var model = new Model(network.graph) { IrVersion = 10 };
        model.Opsets[""] = 21;
        return model;
    }

    Value Cell(string name, Nas201Cell cell, Value input, long channels)
    {
        var nodes = new Value?[] { input, null, null, null };
        for (var e = 0; e < Nas201Cell.Edges.Length; e++)
        {
            var (from, to) = Nas201Cell.Edges[e];
            var edge = string.Create(CultureInfo.InvariantCulture, $"{name}.{to}from{from}");
            var y = Edge(edge, cell.Operators[e], nodes[from]!, channels);
            nodes[to] = nodes[to] is { } sum ? Node($"{edge}.add", "Add", [sum, y]) : y;
        }
        return nodes[3]!;
    }

    Value Edge(string name, CellOperator kind, Value x, long channels) => kind switch
    {
        CellOperator.None => Node(name, "Mul", [x, graph.AddInitializer($"{name}.zero", TensorData.Scalar(0.0))]),
        CellOperator.Skip => x,
        CellOperator.AveragePool => Node(name, "AveragePool", [x], Attribute.Of("kernel_shape", [3L, 3L]), Attribute.Of("pads", [1L, 1L, 1L, 1L]), Attribute.Of("count_include_pad", 0L)),
        _ => CellConvolution(name, x, channels, kind == CellOperator.Convolution3 ? 3 : 1),
    };

    Value CellConvolution(string name, Value x, long channels, long kernel)
    {
        var y = Convolution($"{name}.conv", Node($"{name}.relu", "Relu", [x]), channels, channels, kernel, bias: dialect == CellDialect.Plain);
        return Norm($"{name}.bn", y, channels, affine: dialect == CellDialect.Affine);
    }

    /// <summary>The residual block between stages: two convolutions beside an average pool 2×2 with a convolution 1×1 that is not normalised.</summary>
    Value Reduction(string name, Value x, long from, long to)
    {
        var a = Norm($"{name}.a.bn", Convolution($"{name}.a.conv", Node($"{name}.a.relu", "Relu", [x]), from, to, 3, stride: 2), to);
        var b = Norm($"{name}.b.bn", Convolution($"{name}.b.conv", Node($"{name}.b.relu", "Relu", [a]), to, to, 3), to);
        var pooled = Node($"{name}.pool", "AveragePool", [x], Attribute.Of("kernel_shape", [2L, 2L]), Attribute.Of("strides", [2L, 2L]));
        return Node($"{name}.add", "Add", [Convolution($"{name}.shortcut", pooled, from, to, 1), b]);
    }

    Value Convolution(string name, Value x, long from, long to, long kernel, long stride = 1, bool bias = false)
    {
        var pad = kernel / 2;
        Value[] inputs = [x, Parameter($"{name}.weight", 0, to, from, kernel, kernel), .. bias ? [Parameter($"{name}.bias", 0, to)] : Array.Empty<Value>()];
        return Node(name, "Conv", inputs, Attribute.Of("kernel_shape", [kernel, kernel]), Attribute.Of("pads", [pad, pad, pad, pad]), Attribute.Of("strides", [stride, stride]));
    }

    Value Norm(string name, Value x, long channels, bool affine = true)
    {
        var (scale, shift) = affine ? (Parameter($"{name}.weight", 1, channels), Parameter($"{name}.bias", 0, channels)) : (Constant($"{name}.ones", 1, channels), Constant($"{name}.zeros", 0, channels));
        return Node(name, "BatchNormalization", [x, scale, shift, Parameter($"{name}.running_mean", 0, channels), Parameter($"{name}.running_var", 1, channels)], Attribute.Of("epsilon", 1e-5f));
    }

    /// <summary>What takes the place of a scale or shift that is no parameter, as exporters write it: a Constant node.</summary>
    Value Constant(string name, float value, long channels) => Node(name, "Constant", [], Attribute.Of("value", Filled(value, channels)));

    Value Parameter(string name, float value, params ReadOnlySpan<long> dims) => graph.AddInitializer(name, Filled(value, dims));

    Value Node(string name, string operation, IEnumerable<Value> inputs, params ReadOnlySpan<Attribute> attributes)
    {
        var output = new Value($"{name}.out");
        graph.Nodes.Add(new Node(operation, inputs, [output], attributes.ToArray(), name: name));
        return output;
    }

    static TensorData Filled(float value, params ReadOnlySpan<long> dims)
    {
        var count = 1L;
        foreach (var d in dims) count *= d;
        var values = new float[count];
        Array.Fill(values, value);
        return TensorData.FromFloats(dims, values);
    }
}
