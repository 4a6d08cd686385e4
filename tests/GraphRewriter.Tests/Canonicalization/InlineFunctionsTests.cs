using GraphRewriter.Canonicalization;
using Xunit;

namespace GraphRewriter.Tests.Canonicalization;

public class InlineFunctionsTests
{
    [Fact]
    public void Nested_calls_attribute_references_and_defaults_are_filled_in()
    {
        var canonical = Canonical.Of("""
            opset 17
            opset local 1
            function local::Scaled(x) opset 17 alpha=0.3
            y = LeakyRelu(x) alpha=$alpha ; leak
            output y
            function local::Twice(x) opset 17
            opset local 1
            a = local::Scaled(x) alpha=0.7 ; first
            b = local::Scaled(a) ; second
            output b
            main
            input x f32[2,3]
            y = local::Twice(x) ; call
            z = local::Twice(y)
            output z
            """);

        Assert.Equal("LeakyRelu LeakyRelu LeakyRelu LeakyRelu", canonical.Operators());
        Assert.Equal([0.7f, 0.3f, 0.7f, 0.3f], canonical.Model.Graph.Nodes.Select(n => n.Float("alpha")));
        Assert.Equal("call/first/leak", canonical.Model.Graph.Nodes[0].Name);
        Assert.Contains("6 function calls inlined.", canonical.Notes);
    }

    [Fact]
    public void A_body_of_another_opset_is_lifted_by_its_own()
    {
        // ONNX Runtime refuses functions of another opset, so the rule is shown on the operators that come out.
        var canonical = Canonicalizer.Run(TextGraph.Parse("""
            opset 17
            opset local 1
            function local::Flat(x) opset 11
            y = Softmax(x)
            output y
            main
            input x f32[2,3,4]
            y = local::Flat(x)
            z = Softmax(y) axis=1
            output z
            """), new CanonicalOptions());

        Assert.Equal("Flatten Softmax Reshape Softmax", canonical.Operators());
    }

    [Fact]
    public void An_input_left_out_by_the_call_is_left_out_inside_and_a_passed_on_one_gets_an_Identity()
    {
        var canonical = Canonicalizer.Run(TextGraph.Parse("""
            opset 17
            opset local 1
            function local::Limit(x, low, high) opset 17
            y = Clip(x, low, high)
            output y
            output x
            main
            input x f32[2,3]
            const c f32[] = 0.5
            y, same = local::Limit(x, , c)
            output y
            output same
            """), new CanonicalOptions());

        Assert.Equal("Clip Identity", canonical.Operators());
        Assert.Null(canonical.Model.Graph.Nodes[0].Inputs[1]);
    }
}
