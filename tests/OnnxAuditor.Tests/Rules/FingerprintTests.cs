using GraphRewriter.Ir;
using OnnxAuditor.Rules;
using Xunit;

namespace OnnxAuditor.Tests.Rules;

public class FingerprintTests
{
    /// <summary>The cases without measurements: a measured one speaks of layers of the canonical model it was made for, and those of the renamed one are other objects.</summary>
    public static TheoryData<int> ScannedCases => [.. Enumerable.Range(0, RuleCases.All.Length).Where(i => RuleRegistry.ById[RuleCases.All[i].Id].Cost is RuleCost.Scan or RuleCost.Spectral && RuleCases.All[i].Fires().Shipped is null)];

    [Theory]
    [MemberData(nameof(ScannedCases))]
    public void A_fingerprint_survives_new_names_and_another_order_of_nodes(int index)
    {
        var each = RuleCases.All[index];
        var context = each.Fires();
        var before = RuleEngine.Run(context, RuleRegistry.Select([each.Id], [])).Findings;
        var renamed = each.Fires().Model;
        Renumber(renamed);
        var again = Rebuild(renamed, context);
        var after = RuleEngine.Run(again, RuleRegistry.Select([each.Id], [])).Findings;
        Assert.Equal(before.Select(f => (f.Severity, f.Fingerprint)), after.Select(f => (f.Severity, f.Fingerprint)));
    }

    [Fact]
    public void Two_layers_have_different_fingerprints()
    {
        var context = RuleCases.DeepCnn(norm: true, spread: 0).Context();
        var nodes = context.View.Nodes.Where(n => n.OpType is "Conv" or "Relu" or "BatchNormalization").ToList();
        var prints = nodes.Select(n => Fingerprints.Of("TST001", context, new Observation(n.Name, "Seen.", "1", "0") { Node = n, Remedy = "None." })).ToList();
        Assert.Distinct(prints, StringComparer.Ordinal);
    }

    [Fact]
    public void Two_rules_have_different_fingerprints_at_one_place()
    {
        var context = RuleCases.Plain();
        var seen = new Observation("fc1.weight", "Seen.", "1", "0") { Value = context.Model.Graph.Initializers[0], Remedy = "None." };
        Assert.NotEqual(Fingerprints.Of("TST001", context, seen), Fingerprints.Of("TST002", context, seen));
    }

    [Fact]
    public void Another_neighbourhood_gives_another_fingerprint()
    {
        Assert.NotEqual(OfFirstGemm("Relu"), OfFirstGemm("Tanh"));

        static string OfFirstGemm(string activation)
        {
            var net = new Net();
            var context = net.Output(net.Op(activation, [net.Linear("fc1", net.Input("x", -1, 8), 8, 8)])).Context();
            var node = context.View.Nodes[0];
            return Fingerprints.Of("TST001", context, new Observation(node.Name, "Seen.", "1", "0") { Node = node, Remedy = "None." });
        }
    }

    [Theory]
    [InlineData("onnx::Conv_123", "onnx::Conv_456")]
    [InlineData("123", "789")]
    [InlineData("const_fold_opt__17", "const_fold_opt__21")]
    public void Names_that_an_exporter_numbered_do_not_count(string first, string second)
    {
        Assert.Equal(Of(first), Of(second));

        static string Of(string name)
        {
            var net = new Net();
            var weight = net.Weight(name, [8, 8]);
            var context = net.Output(net.Op("MatMul", [net.Input("x", -1, 8), weight])).Context();
            return Fingerprints.Of("TST001", context, new Observation(name, "Seen.", "1", "0") { Value = weight, Remedy = "None." });
        }
    }

    static RuleContext Rebuild(Model model, RuleContext like)
    {
        var file = new GraphRewriter.Serialization.ModelFile(model, "net.onnx", "", 0, like.File.Problems, new GraphRewriter.Serialization.ExternalData(null));
        return new RuleContext(file, like.Canonical is null ? null : GraphRewriter.Canonicalization.Canonicalizer.Run(model, new GraphRewriter.Canonicalization.CanonicalOptions()), null);
    }

    /// <summary>Gives nodes and inner values new numbers, as another run of an exporter would, and puts the nodes in another order that works as well.</summary>
    static void Renumber(Model model)
    {
        var graph = model.Graph;
        var fixedNames = graph.Inputs.Concat(graph.Outputs).Concat(graph.Initializers).ToHashSet();
        var number = 900;
        foreach (var node in graph.AllNodes().Reverse())
        {
            if (node.Name.Length > 0) node.Name = $"node_{number++}";
            foreach (var output in node.Outputs.OfType<Value>().Where(o => !fixedNames.Contains(o))) output.Name = $"v{number++}";
        }
        // Constants first and otherwise the last node that is ready: a topological order as well.
        var placed = new HashSet<Value>();
        var left = graph.Nodes.ToList();
        graph.Nodes.Clear();
        while (left.Count > 0)
        {
            var next = left.FindLast(n => ModelView.Reads(n).All(v => v.Producer is null || !left.Contains(v.Producer) || placed.Contains(v)))!;
            left.Remove(next);
            graph.Nodes.Add(next);
            placed.UnionWith(next.Outputs.OfType<Value>());
        }
    }
}
