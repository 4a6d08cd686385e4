using GraphRewriter.Canonicalization;
using Xunit;

namespace GraphRewriter.Tests.Canonicalization;

public class SetNormStatisticsTests
{
    /// <summary>Up to operator set 13 training mode is told by five outputs: the updated statistics, and those saved for the backward pass.</summary>
    [Fact]
    public void Statistics_that_older_operator_sets_put_out_are_the_running_ones()
    {
        var model = TextGraph.Parse("""
            opset 7
            input x f32[2,2,3]
            const s f32[2] = 1 1
            const b f32[2] = 0 0
            const m f32[2] = 0 0
            const v f32[2] = 1 1
            y, mean, var, saved_mean, saved_var = BatchNormalization(x, s, b, m, v)
            z = Sum(mean, var, saved_mean, saved_var)
            output y
            output z
            """);
        SetNormStatistics.Frozen(model.Graph);
        Assert.Single(model.Graph.Nodes[0].Outputs);
        Assert.Equal(["m", "v", "m", "v"], model.Graph.Nodes[1].Inputs.Select(i => i!.Name));
    }
}
