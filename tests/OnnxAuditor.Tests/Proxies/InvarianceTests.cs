using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using OnnxAuditor.Proxies;
using Xunit;

namespace OnnxAuditor.Tests.Proxies;

/// <summary>What a proxy must not see, or must see in a known way: the order of channels and samples, the scale of weights behind batch statistics and of data, how a batch is split.</summary>
public sealed class InvarianceTests
{
    const int Samples = 8, Hidden = 6;

    /// <summary>A residual network with batch statistics; its norms hardly add to the variance, so that scales cancel.</summary>
    const string Residual = """
        opset 17
        input x f32[N,3,6,6]
        const k1 f32[6,3,3,3] = seeded
        const s1 f32[6] = 1.5 0.5 1 0.75 1.25 2
        const t1 f32[6] = 0.1 0.4 -0.2 0.3 -0.5 0.2
        const m f32[6] = 0
        const v f32[6] = 1
        const k2 f32[6,6,3,3] = seeded
        const s2 f32[6] = 0.5 1 1.5 2 0.75 1.25
        const t2 f32[6] = -0.3 0.2 0.1 0.5 0.4 -0.1
        const w f32[6,4] = seeded
        c1 = Conv(x, k1) pads=[1,1,1,1] ; conv1
        b1 = BatchNormalization(c1, s1, t1, m, v) epsilon=0.000000001 ; norm1
        r1 = Relu(b1) ; relu1
        c2 = Conv(r1, k2) pads=[1,1,1,1] ; conv2
        b2 = BatchNormalization(c2, s2, t2, m, v) epsilon=0.000000001 ; norm2
        a = Add(r1, b2) ; sum
        r2 = Relu(a) ; relu2
        p = GlobalAveragePool(r2)
        f = Flatten(p)
        y = MatMul(f, w) ; head
        output y
        """;

    /// <summary>Tensors of the residual network whose axes count its six channels.</summary>
    static readonly Dictionary<string, int[]> Channels = new(StringComparer.Ordinal)
    {
        ["k1"] = [0],
        ["s1"] = [0],
        ["t1"] = [0],
        ["k2"] = [0, 1],
        ["s2"] = [0],
        ["t2"] = [0],
        ["w"] = [0],
    };

    static readonly string[] ByRuns = [.. ScoredModel.Ids.Except(["zerolm", "parameters", "macs"])];

    static readonly Lazy<SortedDictionary<string, Score>> Unchanged = new(() => Network().Scores(ByRuns));

    static float Number(int i) => (float)Math.Sin(i * 1.7 + i * (long)i % 11);

    /// <summary>The network with data of two batches; the samples and classes of the first are those of the places given.</summary>
    static ScoredModel Network(params int[] order)
    {
        int[] places = [.. (order.Length > 0 ? order : [.. Enumerable.Range(0, Samples)]), .. Enumerable.Range(Samples, Samples)];
        return ScoredModel.Of(Residual) with
        {
            Batch = Samples,
            Data = new Dictionary<string, TensorData>(StringComparer.Ordinal) { ["x"] = TensorData.FromFloats([2 * Samples, 3, 6, 6], [.. places.SelectMany(s => Enumerable.Range(s * 108, 108).Select(Number))]) },
            Labels = TensorData.FromInt64s([2 * Samples], [.. places.Select(s => (long)(s * 3 % 4))]),
        };
    }

    static ScoredModel With(ScoredModel scored, string name, Func<float[], float[]> change)
    {
        var value = scored.Model.Graph.Initializers.Single(i => string.Equals(i.Name, name, StringComparison.Ordinal));
        value.Data = TensorData.FromFloats([.. value.Data!.Dims], change(value.Data.ToFloats()));
        return scored;
    }

    static void AssertSame(Score expected, Score found, string what, double tolerance, params string[] except)
    {
        Assert.True(expected.Value is not null && found.Value is not null, $"{what}: {expected.Reason}; {found.Reason}");
        ScoredModel.AssertClose(what, expected.Value.Value, found.Value.Value, tolerance);
        foreach (var (part, value) in expected.Components.Where(c => !except.Contains(c.Key, StringComparer.Ordinal))) ScoredModel.AssertClose($"{what} {part}", value, found.Components[part], tolerance);
    }

    /// <summary>Float32 sums in another order; what divides by the smallest eigenvalue of a correlation or kernel has fewer digits.</summary>
    static double Tolerance(string id) => id switch
    {
        "jacob_cov" or "ntk_condition" or "gradalign" => 2e-3,
        "grasp" => 1e-3,
        _ => 2e-4,
    };

    public static TheoryData<string> Measured => [.. ByRuns];

    static readonly Lazy<SortedDictionary<string, Score>> Permuted = new(() =>
    {
        int[] order = [3, 0, 5, 1, 4, 2];
        var scored = Network();
        foreach (var (name, axes) in Channels)
        {
            long[] dims = [.. scored.Model.Graph.Initializers.Single(i => string.Equals(i.Name, name, StringComparison.Ordinal)).Data!.Dims];
            foreach (var axis in axes)
            {
                var inner = (int)dims.Skip(axis + 1).Aggregate(1L, (a, b) => a * b);
                scored = With(scored, name, values => [.. values.Select((_, i) => values[i / inner / Hidden * Hidden * inner + order[i / inner % Hidden] * inner + i % inner])]);
            }
        }
        return scored.Scores(ByRuns);
    });

    // The cotangents of az_nas belong to places, so its trainability is another draw.
    [Theory]
    [MemberData(nameof(Measured))]
    public void The_order_of_channels_does_not_count(string id) => AssertSame(Unchanged.Value[id], Permuted.Value[id], id, Tolerance(id), "trainability");

    static readonly Lazy<SortedDictionary<string, Score>> Reordered = new(() => Network(5, 2, 7, 0, 3, 6, 1, 4).Scores(ByRuns));

    public static TheoryData<string> OfAllSamples => [.. ByRuns.Except(["near", "dextr", "meco", "zico", "l_swag", "zen"])];

    // Near looks at the middle of the batch, dextr and meco at its first sample; zen's second draw belongs to places, as cotangents do; zico and l_swag are below.
    [Theory]
    [MemberData(nameof(OfAllSamples))]
    [InlineData("zico")]
    [InlineData("l_swag")]
    public void The_order_of_samples_does_not_count(string id) => AssertSame(Unchanged.Value[id], Reordered.Value[id], id, Tolerance(id), "trainability");

    static readonly Lazy<SortedDictionary<string, Score>> Scaled = new(() => With(Network(), "k1", values => [.. values.Select(v => 3 * v)]).Scores(ByRuns));

    public static TheoryData<string> BlindToScale => ["intrain", "near", "naswot", "zico", "snip", "plain", "meco", "az_nas", "gradsign", "swap", "reg_swap", "linear_regions", "jacob_cov", "epe_nas", "fisher", "dextr", "epsilon"];

    [Theory]
    [MemberData(nameof(BlindToScale))]
    public void The_scale_of_a_weight_behind_batch_statistics_does_not_count(string id) => AssertSame(Unchanged.Value[id], Scaled.Value[id], id, Tolerance(id));

    [Fact]
    public void Where_the_scale_counts_it_does_so_by_the_formula()
    {
        // The gradient of the scaled weight is a third of what it was; that of all others stays.
        var (was, now) = (Unchanged.Value, Scaled.Value);
        ScoredModel.AssertClose("l_swag", was["l_swag"].Components["lambda"] + Math.Log(3), now["l_swag"].Components["lambda"], 1e-4);
        ScoredModel.AssertClose("zen", was["zen"].Value!.Value + Math.Log(3), now["zen"].Value!.Value, 1e-4);
        ScoredModel.AssertClose("synflow", was["synflow"].Value!.Value + Math.Log(3), now["synflow"].Value!.Value, 1e-1);
        var norm = Math.Sqrt(Enumerable.Range(0, 162).Sum(i => Math.Pow(Math.Sin(i + 2), 2)));
        ScoredModel.AssertClose("l2_norm", was["l2_norm"].Value!.Value + 2 * norm, now["l2_norm"].Value!.Value, 1e-5);
        Assert.True(now["grad_norm"].Value < was["grad_norm"].Value);
        Assert.NotEqual(was["ntk_condition"].Value!.Value, now["ntk_condition"].Value!.Value, 1e-3);
    }

    [Fact]
    public void Behind_norms_alone_plain_is_zero_and_GraSP_the_sum_of_squared_gradients()
    {
        // The loss does not change with the scale of any weight W, so ⟨W, g⟩ = 0, and differentiated, H W = −g: −⟨W, H g⟩ = ‖g‖².
        var scored = ScoredModel.Of("""
            opset 17
            input x f32[N,5]
            const w1 f32[5,6] = seeded
            const w2 f32[6,4] = seeded
            const one f32[6] = 1
            const zero f32[6] = 0
            const ones f32[4] = 1.5 0.5 1 2
            const shift f32[4] = 0.5 -1 0.25 0
            const m f32[4] = 0
            const v f32[4] = 1
            a = MatMul(x, w1)
            b = BatchNormalization(a, one, zero, zero, one) epsilon=0.0000001
            c = Tanh(b)
            d = MatMul(c, w2)
            y = BatchNormalization(d, ones, shift, m, v) epsilon=0.0000001
            output y
            """) with
        { Batch = 12 };
        var gradients = scored.Run(ProxyRegistry.ById["snip"].Runs(new OnnxAuditor.Measurement.ProtocolOptions(12, 0, default, LossKind.Auto))[0] with { Weights = OnnxAuditor.Measurement.WeightSource.Shipped })
            .Read(OnnxAuditor.Measurement.Instruments.WeightGradients.Instrument).Value!.Of;
        var squares = gradients.Sum(g => g.Gradient.Sum(v => (double)v * v));
        Assert.True(squares > 1e-3);
        // Plain is the sum of the numbers whose absolute values snip sums up: what is left of them is rounding of that size.
        Assert.InRange(Math.Abs(scored.Value("plain")), 0, 1e-6 * scored.Value("snip"));
        Assert.Equal(squares, scored.Value("grasp"), 1e-4 * squares);
    }

    const string Bare = """
        opset 17
        input x f32[N,3,8,8]
        const k1 f32[6,3,3,3] = seeded
        const k2 f32[6,6,3,3] = seeded
        const w f32[6,4] = seeded
        c1 = Conv(x, k1) pads=[1,1,1,1] ; conv1
        r1 = Relu(c1) ; relu1
        c2 = Conv(r1, k2) pads=[1,1,1,1] ; conv2
        a = Add(r1, c2) ; sum
        r2 = Relu(a) ; relu2
        p = GlobalAveragePool(r2)
        f = Flatten(p)
        y = MatMul(f, w) ; head
        output y
        """;

    static ScoredModel WithoutNorms(float factor = 1, LossKind loss = LossKind.Auto, long? maxMemory = null) => ScoredModel.Of(Bare) with
    {
        Batch = Samples,
        Loss = loss,
        MaxMemory = maxMemory,
        Data = new Dictionary<string, TensorData>(StringComparer.Ordinal) { ["x"] = TensorData.FromFloats([2 * Samples, 3, 8, 8], [.. Enumerable.Range(0, 2 * Samples * 192).Select(i => factor / 8 * Number(i))]) },
        Labels = loss == LossKind.Auto ? TensorData.FromInt64s([2 * Samples], [.. Enumerable.Range(0, 2 * Samples).Select(s => (long)(s * 3 % 4))]) : null,
    };

    static readonly Lazy<SortedDictionary<string, Score>> Whole = new(() => WithoutNorms().Scores(ByRuns));

    static readonly Lazy<SortedDictionary<string, Score>> Doubled = new(() => WithoutNorms(factor: 2).Scores(ByRuns));

    [Theory]
    [InlineData("near")]
    [InlineData("naswot")]
    [InlineData("linear_regions")]
    [InlineData("swap")]
    [InlineData("reg_swap")]
    [InlineData("meco")]
    [InlineData("dextr")]
    [InlineData("jacob_cov")]
    [InlineData("epe_nas")]
    [InlineData("ntk_condition")]
    [InlineData("az_nas")]
    [InlineData("synflow")]
    public void A_homogeneous_network_hides_the_scale_of_its_data(string id) => AssertSame(Whole.Value[id], Doubled.Value[id], id, Tolerance(id), id == "ntk_condition" ? ["minEigenvalue", "maxEigenvalue"] : []);

    static readonly Lazy<(SortedDictionary<string, Score> Scores, Dictionary<string, long> Parts)> Split = new(() =>
    {
        // A pass forward needs less than one with all that goes back.
        string[] forward = ["az_nas", "swap", "reg_swap", "zen"];
        var (narrow, wide) = (WithoutNorms(maxMemory: 40 << 10), WithoutNorms(maxMemory: 96 << 10));
        var scores = wide.Scores(ByRuns.Except(forward));
        foreach (var (id, score) in narrow.Scores(forward)) scores[id] = score;
        return (scores, wide.Parts.Concat(narrow.Parts).ToDictionary(StringComparer.Ordinal));
    });

    // Near takes its rows from the first part, so its middle is another; what cannot be merged says so.
    public static TheoryData<string> Mergeable => [.. ByRuns.Except(["near", "grasp"])];

    [Theory]
    [MemberData(nameof(Mergeable))]
    public void A_batch_in_parts_has_the_value_of_the_whole(string id)
    {
        if (id is not ("l2_norm" or "dextr" or "meco" or "synflow")) Assert.True(Split.Value.Parts[id] > 1, $"{id} was not split");
        AssertSame(Whole.Value[id], Split.Value.Scores[id], id, Tolerance(id));
    }

    [Fact]
    public void Drawn_targets_of_parts_are_those_of_the_whole()
    {
        var (whole, parts) = (WithoutNorms() with { Labels = null }, WithoutNorms(maxMemory: 64 << 10) with { Labels = null });
        AssertSame(whole.Score("snip"), parts.Score("snip"), "snip", 1e-4);
        Assert.True(parts.Parts["snip"] > 1);
    }

    [Fact]
    public void What_parts_do_not_make_up_has_a_reason()
    {
        Assert.True(Split.Value.Parts["grasp"] > 1);
        Assert.Contains("in parts", Split.Value.Scores["grasp"].Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("grad_norm")]
    [InlineData("snip")]
    [InlineData("fisher")]
    [InlineData("intrain")]
    public void A_loss_that_is_a_sum_adds_up_over_parts(string id)
    {
        var parts = WithoutNorms(loss: LossKind.Sum, maxMemory: 64 << 10);
        AssertSame(WithoutNorms(loss: LossKind.Sum).Score(id), parts.Score(id), id, Tolerance(id));
        Assert.True(parts.Parts[id] > 1);
    }
}
