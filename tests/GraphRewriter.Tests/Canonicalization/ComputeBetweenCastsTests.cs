using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using Xunit;

namespace GraphRewriter.Tests.Canonicalization;

public class ComputeBetweenCastsTests
{
    const string Text = """
        opset 22
        input x bf16[1,1,4,4]
        const w bf16[2,1,3,3] = seeded
        c = Conv(x, w)
        r = Relu(c)
        y = MaxPool(r) kernel_shape=[2,2]
        output y
        """;

    [Fact]
    public void An_operator_that_takes_bfloat16_from_opset_22_on_computes_in_float32_between_casts()
    {
        var canonical = Canonicalizer.Run(TextGraph.Parse(Text), new CanonicalOptions { ComputeInFloat32 = false });
        var graph = canonical.Model.Graph;

        Assert.Equal(["Cast", "Cast", "Conv", "Cast", "Relu", "Cast", "MaxPool", "Cast"], graph.Nodes.Select(n => n.OpType));
        Assert.All(graph.Nodes.Where(n => n.OpType is "Conv" or "MaxPool"), n => Assert.All(n.Inputs.Concat(n.Outputs), v => Assert.Equal(ElementType.Float32, v!.Type)));
        Assert.Equal((ElementType.BFloat16, "y"), (graph.Outputs[0].Type, graph.Outputs[0].Name));
        var weight = Assert.Single(canonical.Parameters);
        Assert.Equal(("w", ElementType.BFloat16, ParameterRole.ConvolutionWeight), (weight.Name, weight.Value.Type, weight.Role));
    }

    [Fact]
    public void Its_result_is_that_of_float32_rounded_once()
    {
        var narrow = Canonicalizer.Run(TextGraph.Parse(Text.Replace("Relu", "Identity", StringComparison.Ordinal)), new CanonicalOptions { ComputeInFloat32 = false });
        var wide = Canonicalizer.Run(TextGraph.Parse(Text.Replace("Relu", "Identity", StringComparison.Ordinal)), new CanonicalOptions { ComputeInFloat32 = true });
        var x = Enumerable.Range(0, 16).Select(i => (i * 5 % 7 - 3) / 4.0).ToArray();
        TensorData Result(CanonicalModel model, ElementType type) =>
            OrtReference.Run(OnnxWriter.ToBytes(model.Model), new Dictionary<string, TensorData>(StringComparer.Ordinal) { ["x"] = TensorData.FromNumbers(type, [1, 1, 4, 4], x) })["y"];

        var expected = Result(wide, ElementType.Float32).ToDoubles();
        Assert.Equal(TensorData.FromNumbers(ElementType.BFloat16, [expected.Length], expected).ToDoubles(), Result(narrow, ElementType.BFloat16).ToDoubles());
    }
}
