using Bench.NasBench;
using OnnxAuditor.Proxies;
using Xunit;

namespace OnnxAuditor.Tests.NasBench;

/// <summary>Scores of the benchmark: how they are computed, kept, and made into columns.</summary>
public sealed class NasScoreTests
{
    static readonly Dictionary<string, double> NoComponents = new(StringComparer.Ordinal);

    static NasScore Score(int cell, double? value, string setting = "graph", string proxy = "macs", Dictionary<string, double>? components = null) =>
        new(0, cell, setting, proxy, value, components ?? NoComponents, 0.5, value is null ? "for a reason, of two clauses" : "");

    [Fact]
    public void A_score_comes_back_from_its_line()
    {
        var score = Score(12, 0.1 + 0.2, components: new(StringComparer.Ordinal) { ["kappa"] = 1e-300, ["S"] = -2 });
        var read = NasScore.Parse(score.ToLine());
        Assert.Equal(score.Key, read.Key);
        Assert.Equal(score.Value, read.Value);
        Assert.Equal(score.Components, read.Components);
        Assert.Equal("for a reason, of two clauses", NasScore.Parse(Score(1, null).ToLine()).Reason);
    }

    [Fact]
    public void What_was_begun_when_a_process_ended_is_cut_off()
    {
        var path = Path.GetTempFileName();
        File.Delete(path);
        try
        {
            NasScoreFile.Open(path).Add([Score(1, 2), Score(2, 3)]);
            File.AppendAllText(path, "0,3,graph,ma");
            var file = NasScoreFile.Open(path);
            Assert.Equal([1, 2], file.Scores.Select(s => s.Cell));
            file.Add([Score(3, 4)]);
            Assert.Equal([2.0, 3.0, 4.0], NasScoreFile.Open(path).Scores.Select(s => s.Value!.Value));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Cells_without_value_are_left_out_or_put_last()
    {
        var columns = NasColumn.Of([5, 6, 7, 8], [Score(7, 10), Score(5, null), Score(6, 30)], new HashSet<string>(StringComparer.Ordinal));
        var column = Assert.Single(columns);
        Assert.Equal([30.0, 10.0], column.Beside([1, 2, 3, 4]).Own);
        Assert.Equal([2.0, 3.0], column.Beside([1, 2, 3, 4]).Others);
        // Cell 8 was not scored at all.
        Assert.Equal([double.NegativeInfinity, 30.0, 10.0], column.LastBeside([1, 2, 3, 4]).Own);
    }

    [Fact]
    public void The_top_tenth_is_that_of_the_accuracies()
    {
        int[] cells = [.. Enumerable.Range(0, 40)];
        var column = NasColumn.Of(cells, [.. cells.Select(c => Score(c, 100 - c))], new HashSet<string>(StringComparer.Ordinal))[0];
        Assert.Equal([1.0, 2.0, 3.0, 4.0], column.TopBeside([.. cells.Select(c => 4.0 * c)]).Own.Select(v => v - 60));
    }

    [Fact]
    public void Scores_of_which_low_ones_are_good_turn_their_sign_but_components_do_not()
    {
        var columns = NasColumn.Of([1], [Score(1, 3, components: new(StringComparer.Ordinal) { ["part"] = 7 })], new HashSet<string>(StringComparer.Ordinal) { "macs" });
        Assert.Equal([-3.0, 7.0], columns.Select(c => c.Values[0]));
    }

    [Fact]
    public void Dextr_takes_features_and_curvature_of_their_own_sizes()
    {
        Dictionary<string, double> Parts(double s, double kappa) => new(StringComparer.Ordinal) { ["S"] = s, ["kappa"] = kappa };
        var columns = NasColumn.Of([1, 2], [Score(1, 9, "plain-image", "dextr", Parts(3, 100)), Score(1, 9, "plain-size64", "dextr", Parts(100, 1)), Score(2, 9, "plain-image", "dextr", Parts(3, 1))], new HashSet<string>(StringComparer.Ordinal));
        var combined = Assert.Single(columns, c => c.Setting == NasCombination.Setting);
        var (a, b) = (Math.Log(4), Math.Log(2));
        Assert.Equal(a * b / (a + b), combined.Values[0], 1e-15);
        Assert.True(double.IsNaN(combined.Values[1]));
        Assert.Equal([true, false], combined.Scored);
    }

    [Fact]
    public void Az_nas_adds_the_logarithms_of_four_ranks_and_te_nas_two_ranks()
    {
        int[] cells = [1, 2, 3];
        var scores = new List<NasScore>();
        foreach (var cell in cells)
        {
            Dictionary<string, double> parts = new(StringComparer.Ordinal) { ["expressivity"] = cell, ["progressivity"] = -cell, ["trainability"] = 7, ["complexity"] = 10 * cell };
            scores.AddRange([Score(cell, cell, "images32-he", "az_nas", parts), Score(cell, cell == 1 ? 5 : cell, "images24", "ntk_condition"), Score(cell, 4 - cell, "images32", "linear_regions")]);
        }
        var columns = NasColumn.Of(cells, scores, new HashSet<string>(StringComparer.Ordinal) { "ntk_condition" });
        var az = columns.Single(c => c.Setting == NasCombination.Setting && c.Proxy == "az_nas");
        // Ranks 1, 2, 3 and 3, 2, 1 and 2, 2, 2 and 1, 2, 3.
        Assert.Equal([Math.Log(1 * 3 * 2 * 1), Math.Log(2 * 2 * 2 * 2), Math.Log(3 * 1 * 2 * 3)], az.Values, (a, b) => Math.Abs(a - b) < 1e-12);
        // Condition numbers 5, 2, 3, low ones good: ranks 1, 3, 2; regions 3, 2, 1.
        Assert.Equal([4.0, 5.0, 3.0], columns.Single(c => c.Setting == NasCombination.Setting && c.Proxy != "az_nas").Values);
    }

    [Fact]
    public void A_cell_is_scored_as_the_program_scores_a_file_and_alike_each_time()
    {
        var entry = new Nas201Entry(3, Nas201Cell.Parse("200010"), [10, 1, 1]);
        var settings = NasSetting.All.Where(s => s.Id is "graph" or "normal16")
            .Select(s => (s, (IReadOnlyList<Proxy>)[.. ProxyRegistry.All.Where(p => p.Id is "parameters" or "macs" or "intrain" or "grad_norm" && s.Proxies.Contains(p.Id, StringComparer.Ordinal))])).ToList();
        var scores = new ScoreCell(null, seed: 0).Run(entry, settings, TestContext.Current.CancellationToken);
        Assert.Equal(["grad_norm", "intrain", "macs", "parameters"], scores.Select(s => s.Proxy).Order(StringComparer.Ordinal));
        Assert.All(scores, s => Assert.NotNull(s.Value));
        Assert.Equal(73306 + 5 * (5376 + 224), scores.Single(s => s.Proxy == "parameters").Value);
        // Stem, four convolutions and two shortcuts of the blocks between the stages, fifteen cells, classifier; node 1 is all that reaches node 3.
        Assert.Equal(1 + 6 + 15 + 1, scores.Single(s => s.Proxy == "intrain").Components["layers"]);
        Assert.Equal(scores.Select(s => s.Value), new ScoreCell(null, seed: 0).Run(entry, settings, TestContext.Current.CancellationToken).Select(s => s.Value));
    }

    [Fact]
    public void Every_reference_is_one_of_a_setting_that_has_the_proxy() =>
        Assert.All(NasReference.All.Where(r => r.Setting != NasCombination.Setting), r => Assert.Contains(r.Proxy, NasSetting.All.Single(s => s.Id == r.Setting).Proxies));

    [Fact]
    public void Images_are_normalised_by_channel()
    {
        var images = NasImages.Read(Path.GetDirectoryName(SharedFiles.Require("data", "cifar10-1k-images.npy"))!);
        Assert.Equal([256L, 3, 32, 32], images.Images.Dims);
        Assert.Equal([256L], images.Labels.Dims);
        var values = images.Images.ToFloats();
        for (var c = 0; c < 3; c++)
        {
            var channel = values.Where((_, i) => i / 1024 % 3 == c).ToList();
            Assert.Equal(0, channel.Average(), 0.15);
            Assert.Equal(1, Math.Sqrt(channel.Average(v => v * v)), 0.1);
        }
        Assert.All(images.Labels.ToInt64s(), l => Assert.InRange(l, 0, 9));
    }
}
