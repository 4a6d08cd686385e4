using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using GraphRewriter.Tests.Gradients;
using Xunit;

namespace GraphRewriter.Tests.Canonicalization;

public class AdapterTests
{
    public static TheoryData<string> Cases() => [.. AdapterCases.All.Select(c => c.Name)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void An_adapted_operator_gives_the_numbers_of_the_original(string name)
    {
        var adapted = Assert.Single(AdapterCases.All, c => string.Equals(c.Name, name, StringComparison.Ordinal));

        var expected = (adapted.Reference ?? adapted.Call).RunAsItIs();
        var actual = adapted.Call.RunCanonical(out var canonical);

        Assert.Empty(canonical.Unsupported);
        Assert.All(canonical.Model.Graph.AllNodes(), n => Assert.Equal("", n.Domain));
        Assert.Equal(expected.Keys, actual.Keys);
        Assert.All(expected, e => Assert.InRange(OrtReference.RelativeDifference(e.Value, actual[e.Key]), 0, 1e-5));
    }

    [Fact]
    public void Every_adapter_is_executed_by_a_case()
    {
        var calls = AdapterCases.All.Select(c => (c.Call.Domain, c.Call.OpType, c.Call.Opset)).ToHashSet();
        calls.UnionWith(OpSamples.All.Where(s => s.IsLowered).Select(s => (s.OpDomain, s.OpType, s.OpDomain.Length > 0 ? 1 : s.Opset ?? Model.CanonicalOpset)));
        foreach (var folder in (string[])["node", "pytorch-operator", "pytorch-converted", "simple"])
            foreach (var stored in StoredCase.Below(Checkout.OnnxTestData(folder))) calls.UnionWith(stored.Calls());
        // What cannot be lowered is tested by name below.
        var byOp = calls.ToLookup(c => (c.Domain, c.OpType), c => c.Opset);
        var untested = AdaptOperators.Table.Where(a => !byOp[(a.Domain, a.OpType)].Any(opset => opset >= a.From && opset < a.Below));
        Assert.Equal("BitCast, Inverse", string.Join(", ", untested.Select(a => a.OpType)));
    }

    [Fact]
    public void What_cannot_be_lowered_is_named_and_not_thrown()
    {
        var call = new OperatorCall("BitCast", 26, [TensorData.FromFloats([2], [1, 2])], [Ir.Attribute.Of("to", (long)ElementType.Int32)]);

        var canonical = Canonicalizer.Run(call.ToModel(), new CanonicalOptions());

        var unsupported = Assert.Single(canonical.Unsupported);
        Assert.Equal(("call", "BitCast", 26L), (unsupported.Node, unsupported.OpType, unsupported.Opset));
    }

    public static TheoryData<string> Refusals() => [.. AdapterCases.Refused.Select(c => c.Name)];

    [Theory]
    [MemberData(nameof(Refusals))]
    public void A_fused_operator_without_canonical_form_is_named_with_the_reason(string name)
    {
        var refused = Assert.Single(AdapterCases.Refused, c => string.Equals(c.Name, name, StringComparison.Ordinal));

        var canonical = Canonicalizer.Run(refused.Call.ToModel(), new CanonicalOptions());

        Assert.Equal((refused.Name, "com.microsoft::" + refused.Call.OpType), (Assert.Single(canonical.Unsupported).Reason, canonical.Unsupported[0].OpType));
        Assert.Equal(refused.Call.OpType, Assert.Single(canonical.Model.Graph.Nodes, n => n.Domain.Length > 0).OpType);
    }

    [Fact]
    public void A_cumulative_product_needs_no_rank()
    {
        var call = new OperatorCall("CumProd", 26, [TensorData.FromNumbers(ElementType.Float32, [2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]), TensorData.Scalar(-2L)], []);
        var model = call.ToModel();
        model.Graph.Inputs[0].Shape = null;

        var canonical = Canonicalizer.Run(model, new CanonicalOptions { KeepDynamic = true });

        Assert.Equal([1f, 2, 3, 8, 5, 6, 35, 48], OrtReference.Run(OnnxWriter.ToBytes(canonical.Model), call.Feeds())["y0"].ToFloats());
    }

    [Fact]
    public void An_operator_nobody_knows_is_named_and_passed_through()
    {
        var call = new OperatorCall("NoSuchOperator", 17, [TensorData.FromFloats([2], [1, 2])], []);

        var canonical = Canonicalizer.Run(call.ToModel(), new CanonicalOptions());

        Assert.Equal("NoSuchOperator", Assert.Single(canonical.Unsupported).OpType);
        Assert.Equal("NoSuchOperator", Assert.Single(canonical.Model.Graph.Nodes).OpType);
    }

    [Fact]
    public void An_adapter_that_meets_an_unknown_type_gives_up_with_the_reason()
    {
        var canonical = Canonicalizer.Run(TextGraph.Parse("""
            opset 7
            opset custom 1
            input x f32[1,3,4,4]
            y = custom::Secret(x) ; secret
            z = ImageScaler(y) scale=0.5 bias=[1.0, 2.0, 3.0] ; scaler
            output z
            """), new CanonicalOptions());

        Assert.Equal(["custom::Secret: an operator of another domain; it is passed through as it is", "ImageScaler: The element type of 'y' is not known."], canonical.Unsupported.Select(u => $"{u.OpType}: {u.Reason}"));
        Assert.Equal("Secret ImageScaler", canonical.Operators());
    }

    [Fact]
    public void A_convolution_in_blocks_says_how_to_get_a_model_without()
    {
        var call = new OperatorCall("Conv", 1, [TensorData.FromFloats([1, 8, 1, 1], new float[8])], [], Domain: "com.microsoft.nchwc");

        Assert.Contains("ORT_ENABLE_EXTENDED", Assert.Single(Canonicalizer.Run(call.ToModel(), new CanonicalOptions()).Unsupported).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_older_than_opset_6_is_computed_where_no_operator_of_it_changed_before()
    {
        var canonical = Canonical.Of("""
            opset 1
            input x f32[2,3,4,4]
            y = GlobalAveragePool(x)
            z = Softsign(y)
            output z
            """);

        Assert.False(canonical.StructureOnly);
        Assert.Equal("GlobalAveragePool Softsign", canonical.Operators());
    }

    [Fact]
    public void A_model_older_than_opset_6_gives_structure_only()
    {
        var call = new OperatorCall("Relu", 5, [TensorData.FromFloats([2], [1, 2])], []);

        var canonical = Canonicalizer.Run(call.ToModel(), new CanonicalOptions());

        Assert.True(canonical.StructureOnly);
        Assert.Equal(5, canonical.SourceOpset);
    }

    [Fact]
    public void A_model_newer_than_any_known_opset_is_tried_and_noted()
    {
        var call = new OperatorCall("Relu", 40, [TensorData.FromFloats([2], [-1, 2])], []);

        var outputs = call.RunCanonical(out var canonical);

        Assert.Equal([0f, 2f], outputs["y0"].ToFloats());
        Assert.Contains(canonical.Notes, n => n.Contains("newer", StringComparison.Ordinal));
    }
}
