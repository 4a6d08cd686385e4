using MathNet.Numerics.LinearAlgebra;
using OnnxAuditor.Measurement;
using OnnxAuditor.Numerics;
using Xunit;

namespace OnnxAuditor.Tests.Proxies;

/// <summary>Proxies of a small network against values by plain linear algebra (<see cref="HandNetwork"/>), the formulas written anew from their sources.</summary>
public sealed class HandComputedTests
{
    static readonly HandNetwork Net = new([8, 5, 4, 3], 6, 11);

    static readonly Lazy<SortedDictionary<string, OnnxAuditor.Proxies.Score>> Found = new(() => Net.Scored.Scores(Expected!.Keys.Select(Id).Distinct(StringComparer.Ordinal)));

    /// <summary>The run is in float32: 1e-4 relative where nothing is said.</summary>
    static readonly Dictionary<string, Func<HandNetwork.Pass, double>> Expected = new(StringComparer.Ordinal)
    {
        ["near"] = p => p.Linear.Concat(p.Hidden[1..^1]).Sum(m => EffectiveRank(Middle(m))),
        ["naswot"] = p => Math.Log(Math.Abs(Agreement(p).Determinant())),
        ["linear_regions"] = p => p.Patterns.Distinct(StringComparer.Ordinal).Count(),
        ["swap"] = p => p.UnitPatterns.Distinct(StringComparer.Ordinal).Count(),
        ["reg_swap"] = p => p.UnitPatterns.Distinct(StringComparer.Ordinal).Count() * Math.Exp(-(0.072 - 0.2) * (0.072 - 0.2) / 1),
        ["grad_norm"] = p => p.LossGradients.Sum(g => g.FrobeniusNorm()),
        ["snip"] = p => Products(p).Sum(Math.Abs),
        ["plain"] = p => Products(p).Sum(),
        ["l2_norm"] = _ => Net.Weights.Sum(w => w.FrobeniusNorm()),
        ["grasp"] = p => -p.HessianProduct(p.LossGradients).Zip(Net.Weights, (h, w) => h.PointwiseMultiply(w).ToRowMajorArray().Sum()).Sum(),
        ["fisher"] = p => FisherOf(p).Zip(Net.Weights, (d, w) => d * w.RowCount).Sum(),
        ["fisher:unweighted"] = p => FisherOf(p).Sum(),
        ["zico"] = p => Pairs(p).Sum(t => Math.Log(t.Sum(g => g.A == g.B ? 0 : (Math.Abs(g.A) + Math.Abs(g.B)) / 2 / (Math.Abs(g.A - g.B) / 2)))),
        ["l_swag:lambda"] = p => Lambda(p),
        ["l_swag"] = p => Lambda(p) * p.UnitPatterns.Distinct(StringComparer.Ordinal).Count(),
        ["synflow"] = _ => Math.Log(3 * (Vector<double>.Build.Dense(8, 1) * Net.Weights[0].PointwiseAbs() * Net.Weights[1].PointwiseAbs() * Net.Weights[2].PointwiseAbs()).Sum()),
        ["jacob_cov"] = p => -Correlation(p.Backward(p.Ones).Data).Evd().EigenValues.Sum(v => Math.Log(v.Real + 1e-5) + 1 / (v.Real + 1e-5)),
        ["epe_nas"] = p => p.Labels.Distinct().Sum(c => Math.Abs(Correlation(Rows(p.Backward(p.Ones).Data, p.Labels, c)).Enumerate().Sum(r => Math.Log(Math.Abs(r) + 1e-5)))),
        ["ntk_condition"] = _ => Gram(s => s.Gradients(s.Ones)).Evd().EigenValues is var e ? e.Max(v => v.Real) / e.Min(v => v.Real) : 0,
        ["gradsign"] = _ => Enumerable.Range(0, 6).Select(i => HandNetwork.Pass.Flat(Net.Alone(i).LossGradients).Map(v => (double)Math.Sign(v))).Aggregate((a, b) => a + b).Sum(Math.Abs),
        ["gradalign"] = _ => Gram(s => s.LossGradients) is var g ? Math.Log((Matrix<double>.Build.Dense(6, 6, (i, j) => g[i, j] / Math.Sqrt(g[i, i] * g[j, j])) + 1e-6 * Matrix<double>.Build.DenseIdentity(6)).Determinant()) : 0,
        ["intrain"] = p => p.Linear.Sum(a => Math.Log(Math.Pow(Covariance(a).Trace(), 2) / Math.Pow(Covariance(a).FrobeniusNorm(), 2))) * (1 + p.LossGradients.Sum(g => Deviation(g) / g.Enumerate().Max(Math.Abs))) / Math.Log(4),
        ["az_nas:expressivity"] = p => p.Hidden[1..^1].Sum(Entropy),
        ["az_nas:progressivity"] = p => Entropy(p.Hidden[2]) - Entropy(p.Hidden[1]),
        ["az_nas:complexity"] = _ => 8 * 5 + 5 * 4 + 4 * 3,
        ["az_nas:trainability"] = Trainability,
    };

    public static TheoryData<string> Names => [.. Expected.Keys];

    static string Id(string name) => name.Split(':')[0];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_small_network_has_the_value_that_linear_algebra_gives(string name)
    {
        var score = Found.Value[Id(name)];
        Assert.True(score.Value is not null, score.Reason);
        var expected = Expected[name](Net.Batch());
        Assert.True(double.IsFinite(expected));
        ScoredModel.AssertClose(name, expected, name.Contains(':', StringComparison.Ordinal) ? score.Components[name.Split(':')[1]] : score.Value!.Value, 1e-4);
    }

    /// <summary>As many rows as columns from the middle of the batch.</summary>
    static Matrix<double> Middle(Matrix<double> m)
    {
        var rows = Math.Min(m.RowCount, m.ColumnCount);
        return m.SubMatrix((m.RowCount - rows) / 2, rows, 0, m.ColumnCount);
    }

    internal static double EffectiveRank(Matrix<double> m)
    {
        var p = m.Svd(computeVectors: false).S / m.Svd(computeVectors: false).S.Sum();
        return Math.Exp(-p.Where(v => v > 1e-12).Sum(v => v * Math.Log(v)));
    }

    static Matrix<double> Agreement(HandNetwork.Pass p)
    {
        var b = p.Gates.Aggregate((a, c) => a.Append(c));
        return b * b.Transpose() + (1 - b) * (1 - b).Transpose();
    }

    static Vector<double> Products(HandNetwork.Pass p) => HandNetwork.Pass.Flat(p.LossGradients).PointwiseMultiply(HandNetwork.Pass.Flat(Net.Weights));

    /// <summary>Σ_c ½ mean_n (output · gradient)², by layer.</summary>
    static IEnumerable<double> FisherOf(HandNetwork.Pass p) => p.Backward(p.LossCotangent).Outputs.Zip(p.Linear, (g, a) => g.PointwiseMultiply(a).Enumerate().Sum(s => s * s) / 2 / g.RowCount);

    /// <summary>Gradients of both batches, by tensor.</summary>
    static IEnumerable<IEnumerable<(double A, double B)>> Pairs(HandNetwork.Pass p) => p.LossGradients.Zip(Net.Batch(1).LossGradients, (a, b) => a.Enumerate().Zip(b.Enumerate()));

    static double Lambda(HandNetwork.Pass p) => Pairs(p).Sum(t => Math.Log(t.Sum(g => Math.Abs(g.A) == Math.Abs(g.B) ? 0 : 2 / Math.Abs(Math.Abs(g.A) - Math.Abs(g.B)))));

    static Matrix<double> Rows(Matrix<double> m, int[] labels, int wanted) => Matrix<double>.Build.DenseOfRowVectors(m.EnumerateRows().Where((_, i) => labels[i] == wanted));

    internal static Matrix<double> Correlation(Matrix<double> rows) => MathNet.Numerics.Statistics.Correlation.PearsonMatrix(rows.ToRowArrays());

    static Matrix<double> Gram(Func<HandNetwork.Pass, List<Matrix<double>>> gradients)
    {
        var g = Matrix<double>.Build.DenseOfRowVectors(Enumerable.Range(0, Net.Samples).Select(i => HandNetwork.Pass.Flat(gradients(Net.Alone(i)))));
        return g * g.Transpose();
    }

    internal static Matrix<double> Covariance(Matrix<double> rows)
    {
        var centred = rows - Matrix<double>.Build.Dense(rows.RowCount, rows.ColumnCount, (_, j) => rows.Column(j).Average());
        return centred.Transpose() * centred / rows.RowCount;
    }

    static double Deviation(Matrix<double> g) => MathNet.Numerics.Statistics.Statistics.PopulationStandardDeviation(g.Enumerate());

    internal static double Entropy(Matrix<double> rows)
    {
        var values = Covariance(rows).Evd(Symmetricity.Symmetric).EigenValues.Select(v => Math.Max(v.Real, 0)).ToList();
        return -values.Sum(v => v / values.Sum() * Math.Log(v / values.Sum() + 1e-8));
    }

    /// <summary>The one block, from the first ReLU to the second, with the cotangent that the run draws.</summary>
    static double Trainability(HandNetwork.Pass p)
    {
        var cotangent = Signs("cotangent/gate1", 6, 4);
        var back = cotangent.PointwiseMultiply(p.Gates.ElementAt(1)) * Net.Weights[1].Transpose();
        var sigma = (back.Transpose() * cotangent / 6).L2Norm();
        return 2 - sigma - 1 / (sigma + 1e-6);
    }

    static Matrix<double> Signs(string name, int rows, int columns)
    {
        double[] Row(int sample) => new SeededRandom(0, $"{name}/{sample}") is var random ? [.. Enumerable.Range(0, columns).Select(_ => random.Integer(2) == 0 ? -1.0 : 1)] : [];
        return Matrix<double>.Build.DenseOfRowArrays(Enumerable.Range(0, rows).Select(Row));
    }

    [Fact]
    public void Above_a_hundred_classes_Epe_nas_compares_their_means()
    {
        // 103 classes of which three have two samples.
        var net = new HandNetwork([40, 6, 103], 106, 3) { AllLabels = [.. Enumerable.Range(0, 212).Select(i => i % 106 % 103)] };
        var pass = net.Batch();
        var rows = pass.Backward(pass.Ones).Data;
        var means = Enumerable.Range(0, 3).Select(c => Correlation(Rows(rows, pass.Labels, c)).Enumerate().Sum(r => Math.Log(Math.Abs(r) + 1e-5)) / 2).ToList();
        var score = net.Scored.Score("epe_nas");
        ScoredModel.AssertClose("epe_nas", means.Sum(a => means.Sum(b => Math.Abs(a - b))) / 3, score.Value!.Value, 1e-4);
        Assert.Equal(3, score.Components["classes"]);
    }

    [Theory]
    [InlineData("zico", "no gradient differs")]
    [InlineData("l_swag", "no gradient differs")]
    public void Two_equal_batches_have_no_variation(string id, string reason)
    {
        var twice = new HandNetwork([8, 5, 4, 3], 6, 11) { AllData = Net.AllData.SubMatrix(0, 6, 0, 8).Stack(Net.AllData.SubMatrix(0, 6, 0, 8)), AllLabels = [.. Net.AllLabels[..6], .. Net.AllLabels[..6]] };
        Assert.Contains(reason, twice.Scored.Score(id).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Patterns_that_depend_on_each_other_make_the_kernel_singular()
    {
        // Two units tell four samples apart, but ½ (2 + s sᵀ) with two columns of signs has rank 3.
        var scored = ScoredModel.Of("""
            opset 17
            input x f32[N,2]
            y = Relu(x)
            output y
            """) with
        { Data = HandNetwork.Feeds(Matrix<double>.Build.DenseOfRowMajor(4, 2, [1, 1, 1, -1, -1, 1, -1, -1])) };
        Assert.Equal(4, scored.Value("linear_regions"));
        Assert.Contains("linearly dependent", scored.Score("naswot").Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Near_counts_the_first_512_of_more_channels_and_the_rows_there_are()
    {
        var net = new HandNetwork([9, 600], 5, 2);
        var score = net.Scored.Score("near");
        ScoredModel.AssertClose("near", EffectiveRank(net.Batch().Linear[0].SubMatrix(0, 5, 0, 512)) * 600 / 512, score.Value!.Value, 1e-5);
        Assert.Equal(1, score.Components["shortOfRows"]);
    }

    [Fact]
    public void Of_many_logits_ten_different_ones_make_the_curvature()
    {
        // Logit k moves by 2^k and bends by 1 where k is even: each choice has a speed of its own.
        double[] velocity = [.. Enumerable.Range(0, 14).Select(k => Math.Pow(2, k))], acceleration = [.. Enumerable.Range(0, 14).Select(k => k % 2 == 0 ? 1.0 : 0)];
        var seen = new HashSet<double>();
        for (var seed = 0; seed < 20; seed++)
        {
            var found = OnnxAuditor.Proxies.Dextr.Curvature(new(velocity, acceleration), seed)!.Value;
            // The choice is one of the 1001 of ten places.
            Assert.Contains(Enumerable.Range(0, 1 << 14).Where(m => System.Numerics.BitOperations.PopCount((uint)m) == 10), m => Math.Abs(Bend(m) / found - 1) < 1e-9);
            Assert.Equal(found, OnnxAuditor.Proxies.Dextr.Curvature(new(velocity, acceleration), seed)!.Value);
            seen.Add(found);
        }
        Assert.True(seen.Count > 10);

        double Bend(int chosen)
        {
            var (v, a) = (Vector<double>.Build.Dense(14, k => (chosen >> k & 1) * velocity[k]), Vector<double>.Build.Dense(14, k => (chosen >> k & 1) * acceleration[k]));
            return Math.Sqrt((v * v) * (a * a) - (v * a) * (v * a)) / Math.Pow(v.L2Norm(), 3);
        }
    }

    [Fact]
    public void SynFlow_takes_the_absolute_values_of_biases_too()
    {
        // One input of ones: hidden 1·2 + 1·|-1| + |-3| = 6, output 6·|-5| + 7 = 37; w₂ carries 6·5 = 30, w₁ (2 + 1)·5 = 15.
        var scored = ScoredModel.Of("""
            opset 17
            input x f32[N,2]
            const w1 f32[2,1] = 2 -1
            const b1 f32[1] = -3
            const w2 f32[1,1] = -5
            const b2 f32[1] = 7
            a = Gemm(x, w1, b1)
            h = Relu(a)
            y = Gemm(h, w2, b2)
            output y
            """);
        ScoredModel.AssertClose("synflow", Math.Log(45), scored.Value("synflow"), 1e-6);
    }

    [Fact]
    public void Zen_is_the_distance_of_features_and_the_deviations_that_norms_divide_by()
    {
        var scored = ScoredModel.Of("""
            opset 17
            input x f32[N,3]
            const w1 f32[3,4] = seeded
            const one f32[4] = 1
            const zero f32[4] = 0
            const w2 f32[4,2] = seeded
            a = MatMul(x, w1)
            b = BatchNormalization(a, one, zero, zero, one) epsilon=0.5
            h = Relu(b)
            y = MatMul(h, w2)
            output y
            """) with
        { Batch = 5 };
        var w1 = Matrix<double>.Build.DenseOfRowMajor(3, 4, Enumerable.Range(0, 12).Select(i => Math.Sin(i + 2)));
        Matrix<double> Pre(InputLaw law) => Matrix<double>.Build.DenseOfRowMajor(5, 3, scored.Inputs(new Protocol(WeightSource.Shipped, NormStatistics.Batch, law, 5, 0, Probes.None))["x"].Data.ToDoubles()) * w1;
        Matrix<double> Features(Matrix<double> a) => Matrix<double>.Build.Dense(5, 4, (i, j) => Math.Max(0, (a[i, j] - a.Column(j).Average()) / Math.Sqrt(Covariance(a)[j, j] + 0.5)));
        var (plain, moved) = (Pre(InputLaw.Normal), Pre(InputLaw.Perturbed));
        var difference = Math.Log((Features(plain) - Features(moved)).Enumerate().Sum(Math.Abs) / 5);
        var scale = Math.Log(Covariance(plain).Trace() / 4) / 2;
        // The features differ by a hundredth of themselves, so their difference has two digits less than float32.
        ScoredModel.AssertClose("difference", difference, scored.Value("zen", "difference"), 1e-4);
        ScoredModel.AssertClose("zen", difference + scale, scored.Value("zen"), 1e-4);
    }

    [Fact]
    public void The_perturbation_is_a_hundredth_of_another_draw()
    {
        var scored = ScoredModel.Of("""
            opset 17
            input x f32[N,500]
            y = Relu(x)
            output y
            """);
        double[] Drawn(InputLaw law) => scored.Inputs(new Protocol(WeightSource.Shipped, NormStatistics.Batch, law, 4, 0, Probes.None))["x"].Data.ToDoubles();
        var x = Drawn(InputLaw.Normal);
        var second = Drawn(InputLaw.Perturbed).Zip(x, (a, b) => (a - b) * 100).ToArray();
        // 2,000 draws: four standard errors of mean, deviation and correlation.
        Assert.Equal(0, second.Average(), 4 / Math.Sqrt(2000));
        Assert.Equal(1, MathNet.Numerics.Statistics.Statistics.PopulationStandardDeviation(second), 4 / Math.Sqrt(4000));
        Assert.Equal(0, MathNet.Numerics.Statistics.Correlation.Pearson(x, second), 4 / Math.Sqrt(2000));
    }

    [Fact]
    public void Epsilon_compares_a_curved_and_a_straight_answer_to_a_ramp()
    {
        // Every weight w: the output is w · 2 · tanh(w · 3 i / 64) for sample i. At w = 1e-7 that is straight in i, at w = 1 it is curved.
        var scored = ScoredModel.Of("""
            opset 17
            input x f32[N,3]
            const w1 f32[3,2] = seeded
            const w2 f32[2,1] = seeded
            a = MatMul(x, w1)
            h = Tanh(a)
            y = MatMul(h, w2)
            output y
            """);
        double[] Normalised(Func<double, double> f) => [.. Enumerable.Range(1, 63).Select(i => f(i / 64.0) / f(63 / 64.0))];
        var (straight, curved) = (Normalised(t => t), Normalised(t => Math.Tanh(3 * t)));
        var expected = straight.Zip(curved, (a, b) => Math.Abs(a - b)).Average() / straight.Concat(curved).Average();
        ScoredModel.AssertClose("epsilon", expected, scored.Value("epsilon"), 1e-5);
    }

    [Fact]
    public void ZeroLm_counts_a_matrix_by_its_shape_and_heads_by_their_width()
    {
        // Queries, keys and values 8 × 8 in two heads of 4: six times 2 · 8 / 12. Projection 8 × 8: 1. Feed-forward 8 × 16 and 16 × 8: twice 2 · 16 / 24.
        var score = ScoredModel.Of("""
            opset 17
            input x f32[N,5,8]
            const wq f32[8,8] = seeded
            const wk f32[8,8] = seeded
            const wv f32[8,8] = seeded
            const wo f32[8,8] = seeded
            const f1 f32[8,16] = seeded
            const f2 f32[16,8] = seeded
            const split i64[4] = 0 5 2 4
            const merged i64[3] = 0 5 8
            q = MatMul(x, wq)
            k = MatMul(x, wk)
            v = MatMul(x, wv)
            qs = Reshape(q, split)
            ks = Reshape(k, split)
            vs = Reshape(v, split)
            qt = Transpose(qs) perm=[0,2,1,3]
            kt = Transpose(ks) perm=[0,2,3,1]
            vt = Transpose(vs) perm=[0,2,1,3]
            s = MatMul(qt, kt)
            p = Softmax(s) axis=-1
            m = MatMul(p, vt)
            mt = Transpose(m) perm=[0,2,1,3]
            ms = Reshape(mt, merged)
            o = MatMul(ms, wo)
            r = Add(x, o)
            a = MatMul(r, f1)
            g = Relu(a)
            b = MatMul(g, f2)
            y = Add(r, b)
            output y
            """).Score("zerolm");
        ScoredModel.AssertClose("attention", 6 * 16 / 12.0 + 1, score.Components["attention"], 1e-9);
        ScoredModel.AssertClose("feed-forward", 2 * 32 / 24.0, score.Components["feedForward"], 1e-9);
        ScoredModel.AssertClose("zerolm", 9 + 8 / 3.0, score.Value!.Value, 1e-9);
        Assert.Equal(6, score.Components["matrices"]);
    }
}
