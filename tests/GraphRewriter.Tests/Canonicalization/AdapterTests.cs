using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
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
        foreach (var folder in (string[])["node", "pytorch-operator", "pytorch-converted", "simple"])
            foreach (var stored in StoredCase.Below(Checkout.OnnxTestData(folder))) calls.UnionWith(stored.Calls());
        // What cannot be lowered is tested by name below.
        var byOp = calls.ToLookup(c => (c.Domain, c.OpType), c => c.Opset);
        var untested = AdaptOperators.Table.Where(a => !byOp[(a.Domain, a.OpType)].Any(opset => opset >= a.From && opset < a.Below));
        Assert.Equal("BitCast", string.Join(", ", untested.Select(a => a.OpType)));
    }

    [Fact]
    public void What_cannot_be_lowered_is_named_and_not_thrown()
    {
        var call = new OperatorCall("BitCast", 26, [TensorData.FromFloats([2], [1, 2])], [Ir.Attribute.Of("to", (long)ElementType.Int32)]);

        var canonical = Canonicalizer.Run(call.ToModel(), new CanonicalOptions());

        var unsupported = Assert.Single(canonical.Unsupported);
        Assert.Equal(("call", "BitCast", 26L), (unsupported.Node, unsupported.OpType, unsupported.Opset));
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
