using GraphRewriter.Gradients;
using Xunit;

namespace GraphRewriter.Tests.Gradients;

public class OperatorStatusTests
{
    [Fact]
    public void Every_operator_has_exactly_one_status()
    {
        Assert.Equal(200, OperatorStatus.All.Count(s => s.Operator.Domain.Length == 0));
        var places = GradientRules.All.Select(r => r.OpType).Concat(StopGradients.All.Select(s => s.OpType)).Concat(OperatorStatus.Others.SelectMany(o => o.Names));
        var repeated = places.GroupBy(n => n, StringComparer.Ordinal).Where(g => g.Count() > 1).Select(g => g.Key);
        Assert.Equal("", string.Join(", ", repeated));
    }

    [Fact]
    public void Every_rule_stop_and_other_standing_is_of_an_operator_in_the_catalogue()
    {
        var known = OperatorCatalogue.All.Select(e => e.Name).ToHashSet(StringComparer.Ordinal);
        var places = GradientRules.All.Select(r => r.OpType).Concat(StopGradients.All.Select(s => s.OpType)).Concat(OperatorStatus.Others.SelectMany(o => o.Names));
        Assert.Equal("", string.Join(", ", places.Where(n => !known.Contains(n))));
    }

    [Fact]
    public void Rules_and_stops_give_the_first_opset_of_their_operator()
    {
        var since = OperatorCatalogue.All.Where(e => e.Domain.Length == 0).ToDictionary(e => e.Name, e => e.Since, StringComparer.Ordinal);
        Assert.Equal("", string.Join("; ", GradientRules.All.Where(r => r.Since != since[r.OpType]).Select(r => $"{r.OpType} {r.Since}, catalogue {since[r.OpType]}")));
        Assert.Equal("", string.Join("; ", StopGradients.All.Where(r => r.Since != since[r.OpType]).Select(r => $"{r.OpType} {r.Since}, catalogue {since[r.OpType]}")));
    }
}
