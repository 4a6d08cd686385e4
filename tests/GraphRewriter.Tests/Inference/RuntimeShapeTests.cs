using GraphRewriter.Inference;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using Microsoft.ML.OnnxRuntime;
using Xunit;
using static GraphRewriter.Tests.Inference.Inferred;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Inference;

/// <summary>Holds the arithmetic of windows and scales against ONNX Runtime, over seeded attributes.</summary>
public sealed class RuntimeShapeTests
{
    [Theory]
    [InlineData("MaxPool", 60)]
    [InlineData("AveragePool", 60)]
    [InlineData("LpPool", 40)]
    [InlineData("Conv", 60)]
    [InlineData("ConvTranspose", 60)]
    public void Windows_slide_as_in_the_runtime(string op, int cases)
    {
        var random = new Random(op.Length);
        var agreed = 0;
        for (var i = 0; i < cases; i++)
        {
            var size = random.Next(5, 14);
            var kernel = random.Next(1, 5);
            List<Attribute> attributes = [Attribute.Of("strides", [(long)random.Next(1, 4)])];
            var padding = (long)random.Next(kernel);
            switch (random.Next(5))
            {
                case 0: attributes.Add(Attribute.Of("auto_pad", "SAME_UPPER")); break;
                case 1: attributes.Add(Attribute.Of("auto_pad", "SAME_LOWER")); break;
                case 2: attributes.Add(Attribute.Of("auto_pad", "VALID")); break;
                default: attributes.Add(Attribute.Of("pads", [padding, random.Next((int)padding + 1)])); break;
            }
            // Same padding with dilation is refused by the runtime's pools.
            if (attributes[^1].Name is "pads" && random.Next(2) == 0) attributes.Add(Attribute.Of("dilations", [2L]));
            if (op.EndsWith("Pool", StringComparison.Ordinal))
            {
                attributes.Add(Attribute.Of("kernel_shape", [(long)kernel]));
                attributes.Add(Attribute.Of("ceil_mode", (long)random.Next(2)));
            }
            else if (op is "ConvTranspose" && random.Next(2) == 0) attributes.Add(Attribute.Of("output_padding", [1L]));
            Value[] inputs = op.EndsWith("Pool", StringComparison.Ordinal) ? [Named("x", [2, 3, size])] : [Named("x", [2, 3, size]), Named("w", op is "Conv" ? [4, 3, kernel] : [3, 4, kernel])];
            if (Agree(op, inputs, attributes)) agreed++;
        }
        Assert.True(agreed * 2 > cases, $"only {agreed} of {cases} cases ran");
    }

    [Theory]
    [InlineData("not_larger")]
    [InlineData("not_smaller")]
    [InlineData("stretch")]
    [InlineData("scales")]
    public void Resize_rounds_as_the_runtime_does(string policy)
    {
        var random = new Random(policy.Length);
        for (var i = 0; i < 25; i++)
        {
            var x = Named("x", [1, 1, random.Next(2, 9), random.Next(2, 9)]);
            List<Attribute> attributes = [Attribute.Of("axes", [3L, 2])];
            Value?[] inputs = policy is "scales"
                ? [x, null, Const(TensorData.FromFloats([2], [random.Next(1, 30) / 10f, random.Next(5, 30) / 10f]))]
                : [x, null, null, Ints(random.Next(2, 12), random.Next(2, 12))];
            if (policy is not "scales") attributes.Add(Attribute.Of("keep_aspect_ratio_policy", policy));
            Assert.True(Agree("Resize", inputs, attributes));
        }
    }

    static Value Named(string name, long[] dims) => new(name, ElementType.Float32, GraphRewriter.Ir.Shape.Of(dims));

    // Whether the runtime ran the node and its shape was inferred; fails where it came to another shape.
    static bool Agree(string op, Value?[] inputs, List<Attribute> attributes)
    {
        var node = new Node(op, inputs, [new Value("y")], attributes, name: "n");
        var graph = new Graph { Name = "g" };
        graph.Inputs.AddRange(inputs.OfType<Value>().Where(v => v.Data is null));
        graph.Initializers.AddRange(inputs.OfType<Value>().Where(v => v.Data is not null));
        graph.Nodes.Add(node);
        graph.Outputs.Add(node.Output);
        ModelException? refused = null;
        try
        {
            ShapeInference.Infer(graph);
        }
        catch (ModelException e)
        {
            refused = e;
        }
        var inferred = node.Output.Shape;
        (node.Output.Type, node.Output.Shape) = (ElementType.Float32, null);
        var model = new Model(graph);
        model.Opsets[""] = Model.CanonicalOpset;
        var what = $"{op} {string.Join(", ", inputs.Select(v => Text(v?.Shape)))}; {string.Join(", ", attributes.Select(a => $"{a.Name} = {(a.Content is long[] l ? string.Join(' ', l) : a.Content is byte[] s ? System.Text.Encoding.UTF8.GetString(s) : a.Content)}"))}";
        TensorData actual;
        try
        {
            var feeds = graph.Inputs.ToDictionary(v => v.Name, v => TensorData.FromFloats(v.Shape!.ToArray(), new float[v.Shape!.ElementCount]), StringComparer.Ordinal);
            actual = OrtReference.Run(OnnxWriter.ToBytes(model), feeds)["y"];
        }
        catch (OnnxRuntimeException)
        {
            // What the runtime cannot do says nothing about the shape.
            return false;
        }
        Assert.True(refused is null, $"{what}: the runtime gives {actual}, refused with: {refused?.Message}");
        Assert.True(inferred!.Rank == actual.Dims.Count && inferred.Zip(actual.Dims).All(d => !d.First.IsKnown || d.First.Size == d.Second), $"{what}: inferred {Text(inferred)}, the runtime gives {actual}");
        return inferred.IsStatic;
    }
}
