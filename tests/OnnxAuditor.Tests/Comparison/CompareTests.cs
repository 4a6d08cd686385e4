using OnnxAuditor.Comparison;
using OnnxAuditor.Reports;
using OnnxAuditor.Tests.Reporting;
using Xunit;

namespace OnnxAuditor.Tests.Comparison;

public class CompareTests
{
    static ProxyResult Proxy(string id, bool higherIsBetter, params double[] seeds)
    {
        double[] sorted = [.. seeds.Order()];
        return new ProxyResult(id, sorted[sorted.Length / 2], higherIsBetter, null, new SortedDictionary<string, double>(StringComparer.Ordinal), seeds, "re-initialised weights");
    }

    static ModelReport Model(string path, params ProxyResult[] proxies) => SampleReports.Healthy with { Path = path, Findings = [], Proxies = proxies };

    static string Conclusion(params ModelReport[] models) => string.Join(' ', Compare.Of(models).Conclusion);

    [Fact]
    public void A_model_ranks_before_another_where_most_proxies_agree_beyond_the_spread()
    {
        var a = Model("a.onnx", Proxy("x", true, 3, 4, 5), Proxy("y", false, 1, 1.5, 2), Proxy("z", true, 7, 8, 9), Proxy("w", true, 1, 2, 3));
        var b = Model("b.onnx", Proxy("x", true, 0, 1, 2), Proxy("y", false, 3, 4, 5), Proxy("z", true, 1, 2, 3), Proxy("w", true, 2, 3, 4));
        var result = Compare.Of([b, a]);
        Assert.Empty(result.Objections);
        Assert.Equal([1, 0], result.Ranking!.Order);
        Assert.Equal(3, result.Ranking.Wins[(1, 0)]);
        Assert.Equal(0, result.Ranking.Wins[(0, 1)]);
        Assert.Equal([1.875, 1.125], result.Ranking.MeanRanks);
        Assert.Equal([1.5, 1.5], result.Proxies.Single(p => p.Id is "w").Ranks.Select(r => r!.Value));
        Assert.Contains("B ranks before A: B is ahead on 3 of 4 proxies, A on 0, and on 1 the difference is within the spread over seeds.", Conclusion(b, a), StringComparison.Ordinal);
    }

    [Fact]
    public void Models_within_each_others_spread_are_not_told_apart() =>
        Assert.Contains("B and A are not told apart", Conclusion(
            Model("a.onnx", Proxy("x", true, 1, 2, 3), Proxy("y", true, 1, 2, 3), Proxy("z", true, 1, 2, 3)),
            Model("b.onnx", Proxy("x", true, 2, 3, 4), Proxy("y", true, 0, 1, 2), Proxy("z", true, 5, 6, 7))), StringComparison.Ordinal);

    [Fact]
    public void Proxies_that_contradict_each_other_are_said_to()
    {
        var (a, b) = (Model("a.onnx", Proxy("x", true, 1, 2, 3), Proxy("y", true, 5, 6, 7)), Model("b.onnx", Proxy("x", true, 5, 6, 7), Proxy("y", true, 1, 2, 3)));
        Assert.Contains("The proxies contradict each other on A and B, which are not ranked", Conclusion(a, b), StringComparison.Ordinal);
        // Three to two is no majority of two thirds.
        ModelReport[] five = [.. ((double[])[1, 2]).Select((own, m) => Model($"{m}.onnx", [.. Enumerable.Range(0, 5).Select(k => Proxy($"p{k}", true, k < 3 ? own : 3 - own, k < 3 ? own : 3 - own))]))];
        Assert.Contains("By its mean rank B comes before A (1.4 to 1.6), but the proxies contradict each other", Conclusion(five), StringComparison.Ordinal);
    }

    [Fact]
    public void One_seed_has_no_spread_and_ranks_nothing()
    {
        ModelReport[] models = [Model("a.onnx", Proxy("x", true, 1) with { Seeds = [] }), Model("b.onnx", Proxy("x", true, 2) with { Seeds = [] })];
        Assert.Null(Compare.Of(models).Ranking);
        Assert.Equal("one seed: the spread is not known", Compare.Of(models).Proxies[0].Note);
        Assert.Contains("--seeds 3", Conclusion(models), StringComparison.Ordinal);
    }

    [Fact]
    public void Equal_scores_are_of_one_architecture() =>
        Assert.Contains("same scores", Conclusion(Model("a.onnx", Proxy("x", true, 1, 2)), Model("b.onnx", Proxy("x", true, 1, 2))), StringComparison.Ordinal);

    [Fact]
    public void A_missing_score_keeps_its_reason_and_takes_the_proxy_out_of_the_count()
    {
        var result = Compare.Of([Model("a.onnx", Proxy("x", true, 3, 4), Proxy("y", true, 3, 4)), Model("b.onnx", Proxy("x", true, 1, 2), new ProxyResult("y", null, true, "no layers", new Dictionary<string, double>(StringComparer.Ordinal), [], ""))]);
        Assert.Equal("no layers", result.Proxies[1].Scores[1].Reason);
        Assert.Equal(["x"], result.Ranking!.Ballots);
    }

    [Fact]
    public void Sizes_are_shown_and_not_counted()
    {
        var size = new ProxyResult("parameters", 5, true, null, new Dictionary<string, double>(StringComparer.Ordinal), [], "from the graph");
        var result = Compare.Of([Model("a.onnx", Proxy("x", true, 3, 4), size), Model("b.onnx", Proxy("x", true, 1, 2), size with { Value = 6 })]);
        Assert.Equal(["x"], result.Ranking!.Ballots);
        Assert.Equal([2, 1], result.Proxies.Single(p => p.Id is "parameters").Ranks.Select(r => r!.Value));
    }

    [Fact]
    public void Concordance_is_one_where_all_rank_alike_and_zero_where_they_cancel()
    {
        ModelReport[] Models(params int[][] orders) => [.. Enumerable.Range(0, 3).Select(m => Model($"{m}.onnx", [.. orders.Select((o, k) => Proxy($"p{k}", true, o[m], o[m]))]))];
        Assert.Equal(1, Compare.Of(Models([1, 2, 3], [1, 2, 3])).Ranking!.Concordance!.Value, 12);
        Assert.Equal(0, Compare.Of(Models([1, 2, 3], [3, 2, 1])).Ranking!.Concordance!.Value, 12);
        // m = 3, n = 3, rank sums 4, 6, 8 (of ranks 3 2 1, 3 2 1, 2 3 1 counted from the best): 12 * 14 / (9 * 24) by hand.
        Assert.Equal(12 * 14.0 / (9 * 24), Compare.Of(Models([1, 2, 3], [1, 2, 3], [2, 1, 3])).Ranking!.Concordance!.Value, 12);
    }

    [Fact]
    public void The_rank_aggregate_of_AzNas_adds_logarithms_of_ranks()
    {
        static ProxyResult AzNas(double e, double p, double t, double c) => new("az_nas", e, true, null, new SortedDictionary<string, double>(StringComparer.Ordinal) { ["expressivity"] = e, ["progressivity"] = p, ["trainability"] = t, ["complexity"] = c }, [e, e], "");
        var aggregate = Compare.Of([Model("a.onnx", AzNas(3, 1, 2, 5)), Model("b.onnx", AzNas(2, 2, 2, 4)), Model("c.onnx", AzNas(1, 3, 1, 3))]).Proxies.Single(p => p.Id is "az_nas_ranks");
        // Ranks from the worst, of three: A 3 1 2.5 3, B 2 2 2.5 2, C 1 3 1 1.
        Assert.Equal(Math.Log(1) + Math.Log(1 / 3.0) + Math.Log(2.5 / 3) + Math.Log(1), aggregate.Scores[0].Value!.Value, 12);
        Assert.Equal(3 * Math.Log(2 / 3.0) + Math.Log(2.5 / 3), aggregate.Scores[1].Value!.Value, 12);
        Assert.Equal([1, 2, 3], aggregate.Ranks.Select(r => r!.Value));
    }

    static readonly (string Objection, ModelReport Other)[] Others =
    [
        ("different inputs", SampleReports.Healthy with { Measurement = SampleReports.Healthy.Measurement! with { Inputs = [new("x", "16×3×64×64", "float32", "")] } }),
        ("different tasks", SampleReports.Healthy with { Outputs = [new("y", "float32", "N×100")] }),
        ("different tasks", SampleReports.Healthy with { Measurement = SampleReports.Healthy.Measurement! with { Loss = "mean squared error against seeded targets" } }),
        ("measured differently", SampleReports.Healthy with { Measurement = SampleReports.Healthy.Measurement! with { Seed = 7 } }),
        ("reach 50 % of the parameters of B only", SampleReports.Healthy with { Coverage = new(30, 30, 100, 50, []) }),
        ("B was not run", SampleReports.Healthy with { Measurement = null }),
        ("B could not be read", SampleReports.Unreadable),
        ("A budget ended the audit of B", SampleReports.OverBudget),
    ];

    public static TheoryData<int> Incomparable => [.. Enumerable.Range(0, Others.Length)];

    [Theory]
    [MemberData(nameof(Incomparable))]
    public void What_does_not_compare_is_not_ranked_and_says_why(int index)
    {
        var (expected, other) = Others[index];
        var result = Compare.Of([SampleReports.Healthy with { Proxies = [Proxy("x", true, 3, 4)] }, other with { Proxies = [Proxy("x", true, 1, 2)] }]);
        Assert.Contains(result.Objections, o => o.Contains(expected, StringComparison.Ordinal));
        Assert.Null(result.Ranking);
        Assert.All(result.Proxies, p => Assert.Empty(p.Ranks));
        Assert.StartsWith("The models are not ranked", result.Conclusion[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Names_and_batch_sizes_of_inputs_do_not_matter() => Assert.Empty(Compare.Of(
        [SampleReports.Healthy, SampleReports.Healthy with { Inputs = [new("image", "float32", "1×3×32×32")], Measurement = SampleReports.Healthy.Measurement! with { Inputs = [new("image", "16×3×32×32", "float32", "")] } }]).Objections);

    [Fact]
    public void Findings_are_listed_by_rule_with_the_models_that_have_them()
    {
        var result = Compare.Of([SampleReports.Sick, SampleReports.Healthy]);
        Assert.Equal([("GRD001", 9, 0), ("TRN012", 1, 0), ("WGT003", 1, 0), ("TRN024", 1, 1)], result.Findings.Select(f => (f.RuleId, f.Places[0], f.Places[1])));
    }

    [Fact]
    public void Versions_are_told_apart_by_tensor_operator_and_finding()
    {
        static TensorRow T(string name, string shape, string? hash, string role = "Weight") => new(name, shape, role, true, 1, null) { Hash = hash };
        static Finding F(string id, string fingerprint) => new(id, Severity.Warning, Confidence.Certain, "x", "m", "", "", "", fingerprint);
        var before = SampleReports.Healthy with
        {
            Operators = new Dictionary<string, int>(StringComparer.Ordinal) { ["Conv"] = 3, ["BatchNormalization"] = 2 },
            Findings = [F("TRN001", "1"), F("TRN002", "2")],
            Tensors = [T("a", "8×8", "1"), T("b", "8×8", "2"), T("c", "4", "3"), T("d", "8", "4"), T("e", "2×2", "5"), T("gone", "7", "6")],
        };
        var after = before with
        {
            Operators = new Dictionary<string, int>(StringComparer.Ordinal) { ["Conv"] = 3, ["Relu"] = 1 },
            Findings = [F("TRN002", "2"), F("TRN001", "3")],
            Tensors = [T("a", "8×8", "1"), T("b", "8×8", "9"), T("c2", "4", "3"), T("d", "16", "8"), T("f", "2×2", "7"), T("new", "3", "0")],
        };
        var change = Assert.Single(Compare.Of([before, after]).Changes);
        Assert.Equal(1, change.Unchanged);
        Assert.Equal(
            [(TensorChangeKind.Retrained, "b", "b"), (TensorChangeKind.Renamed, "c", "c2"), (TensorChangeKind.Resized, "d", "d"), (TensorChangeKind.Moved, "e", "f"), (TensorChangeKind.Added, null, "new"), (TensorChangeKind.Removed, "gone", null)],
            change.Tensors.Select(t => (t.Kind, t.Before?.Name, t.After?.Name)));
        Assert.Equal([("BatchNormalization", 2, 0), ("Relu", 0, 1)], change.Operators);
        Assert.Equal(("3", "1", 1), (change.New.Single().Fingerprint, change.Fixed.Single().Fingerprint, change.Kept));
    }

    [Fact]
    public void Different_networks_are_no_versions() => Assert.Empty(Compare.Of([SampleReports.Sick, SampleReports.Healthy]).Changes);
}
