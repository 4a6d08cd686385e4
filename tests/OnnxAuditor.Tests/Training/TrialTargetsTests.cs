using GraphRewriter.Ir;
using OnnxAuditor.Numerics;
using OnnxAuditor.Training;
using Xunit;

namespace OnnxAuditor.Tests.Training;

public class TrialTargetsTests
{
    /// <summary>[2, places, 2]: two samples, boxes near anchors 100, 200, … and scores near zero.</summary>
    static TensorData Boxes(int seed, float box, float score)
    {
        var random = new Random(seed);
        return TensorData.FromFloats([2, 8, 2], [.. Enumerable.Range(0, 32).Select(i => i % 2 == 0 ? 100 * (i / 2 % 8 + 1) + box * (float)random.NextDouble() : score * ((float)random.NextDouble() - 0.5f))]);
    }

    [Fact]
    public void Targets_lie_around_the_networks_own_outputs_in_their_scale()
    {
        var own = Boxes(1, box: 16, score: 1e-3f);
        var (mine, targets) = (own.ToFloats(), TrialTargets.Taught(own, Boxes(2, 0.5f, 7), asBits: false, new SeededRandom(0, "targets"))!);
        double[] sizes = [Math.Sqrt(Enumerable.Range(0, 16).Average(i => Math.Pow(mine[2 * i], 2))), Math.Sqrt(Enumerable.Range(0, 16).Average(i => Math.Pow(mine[2 * i + 1], 2)))];
        for (var c = 0; c < 2; c++)
        {
            double own2 = 0, theirs2 = 0;
            for (var place = 0; place < 8; place++)
            {
                var (a, b) = (2 * place + c, 16 + 2 * place + c);
                Assert.Equal((mine[a] + mine[b]) / 2, (targets[a] + targets[b]) / 2, 1e-3f);
                own2 += Math.Pow(mine[a] - mine[b], 2);
                theirs2 += Math.Pow(targets[a] - targets[b], 2);
            }
            // The boxes differ less than a hundredth of their size, the scores more.
            var expected = Math.Max(Math.Sqrt(own2 / 8) / 2, 0.01 * sizes[c]);
            Assert.Equal(expected, Math.Sqrt(theirs2 / 8) / 2, expected * 1e-3);
        }
    }

    [Fact]
    public void A_channel_that_other_weights_leave_alone_is_trained_to_what_it_is()
    {
        var other = Boxes(2, box: 0, score: 7);
        var (own, targets) = (Boxes(1, 16, 1), TrialTargets.Taught(Boxes(1, 16, 1), other, asBits: false, new SeededRandom(0, "targets"))!);
        var mine = own.ToFloats();
        for (var place = 0; place < 8; place++) Assert.Equal((mine[2 * place] + mine[16 + 2 * place]) / 2, targets[2 * place], 1e-3f);
        Assert.NotEqual(targets[1], targets[17]);
    }

    [Fact]
    public void Where_other_weights_tell_nothing_apart_a_difference_is_drawn_for_each_sample()
    {
        var own = Boxes(1, 16, 1);
        var (mine, targets) = (own.ToFloats(), TrialTargets.Taught(own, Boxes(2, 0, 0), asBits: false, new SeededRandom(0, "targets"))!);
        double Moved(int place) => targets[2 * place + 1] - (mine[2 * place + 1] + mine[16 + 2 * place + 1]) / 2;
        Assert.NotEqual(0, Moved(0), 0.1);
        for (var place = 1; place < 8; place++) Assert.Equal(Moved(0), Moved(place), 1e-5);
        var single = TensorData.FromFloats([1, 4, 1], [3, 3, 3, 3]);
        Assert.Null(TrialTargets.Taught(single, single, asBits: false, new SeededRandom(0, "targets")));
    }

    [Fact]
    public void What_is_not_finite_gives_no_targets() => Assert.Null(TrialTargets.Taught(Boxes(1, float.NaN, 1), Boxes(2, 1, 1), asBits: false, new SeededRandom(0, "targets")));

    [Fact]
    public void A_single_sample_is_moved_at_its_places()
    {
        var own = TensorData.FromFloats([1, 4, 1], [10, 20, 30, 40]);
        var targets = TrialTargets.Taught(own, TensorData.FromFloats([1, 4, 1], [1, -1, -1, 1]), asBits: false, new SeededRandom(0, "targets"))!;
        // By the spread of the own outputs over the places, √125.
        Assert.Equal([10 + 11.18f, 20 - 11.18f, 30 - 11.18f, 40 + 11.18f], targets.Select(t => MathF.Round(t, 2)));
    }

    [Fact]
    public void Bits_are_which_sample_is_the_larger() =>
        Assert.Equal([1, 0, 0, 1], TrialTargets.Taught(TensorData.FromFloats([2, 2, 1], [0, 0, 0, 0]), TensorData.FromFloats([2, 2, 1], [5, 1, 3, 2]), asBits: true, new SeededRandom(0, "targets"))!);

    [Fact]
    public void Classes_are_those_whose_logits_the_targets_raise_most()
    {
        // [1, 3 classes, 2 places]
        var own = TensorData.FromFloats([1, 3, 2], [0, 9, 0, 0, 5, 0]);
        var classes = TrialTargets.Classes([1, 9, 0, 1, 5.5f, 3], own, axis: 1);
        Assert.Equal([1L, 2], classes.Dims);
        Assert.Equal([0L, 2], classes.ToInt64s());
    }
}
