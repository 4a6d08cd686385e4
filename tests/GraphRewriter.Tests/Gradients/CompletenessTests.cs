using GraphRewriter.Canonicalization;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using Xunit;

namespace GraphRewriter.Tests.Gradients;

public class CompletenessTests
{
    [Fact]
    public void Every_rule_has_at_least_three_samples()
    {
        var counts = OpSamples.All.GroupBy(s => s.Op, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Count(), StringComparer.Ordinal);
        Assert.Equal("", string.Join(", ", GradientRules.All.Select(r => r.OpType).Where(op => counts.GetValueOrDefault(op) < 3)));
    }

    [Fact]
    public void Every_sample_is_of_an_operator_with_a_rule_or_a_canonical_form()
    {
        var rewritten = AdaptOperators.Table.Select(a => (a.Domain, a.OpType)).ToHashSet();
        Assert.Equal("", string.Join(", ", OpSamples.All.Where(s => s.IsLowered ? !rewritten.Contains((s.OpDomain, s.OpType)) : !GradientRules.ByOp.ContainsKey(s.Op)).Select(s => s.Id)));
    }

    [Fact]
    public void Every_newer_or_fused_operator_has_at_least_three_samples()
    {
        // Quantisation and Range carry no gradient, two are refused, the others stay what they are under another name or without an attribute; they have cases of their own.
        string[] others = ["QuantizeLinear", "DequantizeLinear", "Cast", "CastLike", "GridSample", "Range", "BitCast", "Inverse"];
        var counts = OpSamples.All.Where(s => s.IsLowered).CountBy(s => (s.OpDomain, s.OpType)).ToDictionary();
        var rows = LowerOpset.All.Concat(DecomposeContrib.All).Where(a => a.Below == long.MaxValue && !others.Contains(a.OpType, StringComparer.Ordinal));
        Assert.Equal("", string.Join(", ", rows.Where(a => counts.GetValueOrDefault((a.Domain, a.OpType)) < 3).Select(a => a.OpType)));
    }

    [Fact]
    public void Rules_emit_only_operators_with_a_rule_or_a_stop()
    {
        var without = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var sample in OpSamples.All)
        {
            foreach (var hideShapes in new[] { false, true })
            {
                if (hideShapes && sample.StaticOnly is not null) continue;
                var graph = new SampleGraph(sample, new GradientCheck(sample).Values, ElementType.Float32, hideShapes);
                graph.Differentiate();
                foreach (var op in graph.EmittedOperators)
                    if (!GradientRules.ByOp.ContainsKey(op) && !GradientRules.Stops.ContainsKey(op)) without.Add($"{op} (rule of {sample.Op})");
            }
        }
        Assert.Equal("", string.Join(", ", without));
    }

    [Fact]
    public void The_table_of_checks_counts_the_samples() => CheckedAgainst.Match("differences", OpSamples.All.Where(s => s.Expected is null).Select(s => s.Op));

    [Fact]
    public void Every_exemption_of_a_sample_states_its_reason()
    {
        var reasons = OpSamples.All.SelectMany(s => new[] { s.NotTwice, s.StaticOnly, s.InFloat32, s.Tolerance?.Reason }).OfType<string>();
        Assert.Equal("", string.Join(", ", reasons.Where(r => r.Length < 15)));
    }
}
