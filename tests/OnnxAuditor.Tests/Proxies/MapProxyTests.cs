using GraphRewriter.Ir;
using MathNet.Numerics.LinearAlgebra;
using OnnxAuditor.Measurement;
using Xunit;

namespace OnnxAuditor.Tests.Proxies;

/// <summary>Proxies of one sample's feature maps and of curves: dextr and meco, by singular values and derivatives written out.</summary>
public sealed class MapProxyTests
{
    static readonly Matrix<double> Mix = Matrix<double>.Build.DenseOfRowMajor(3, 2, [1, 2, -1, 1, 0.5, -2]);

    static readonly Matrix<double> Back = Matrix<double>.Build.DenseOfRowMajor(2, 3, [1, -1, 2, 0.5, 1, 1]);

    /// <summary>Two 1 × 1 convolutions, which are matrix products by position, and the shortcut around them.</summary>
    static ScoredModel Maps(string extra = "", string output = "y") => ScoredModel.Of($"""
        opset 17
        input x f32[N,2,3,4]
        const k1 f32[3,2,1,1] = 1 2 -1 1 0.5 -2
        const k2 f32[2,3,1,1] = 1 -1 2 0.5 1 1
        a = Conv(x, k1) ; first
        h = Relu(a) ; gate
        b = Conv(h, k2) ; second
        y = Add(x, b) ; sum
        {extra}
        output {output}
        """) with
    { Data = new Dictionary<string, TensorData>(StringComparer.Ordinal) { ["x"] = TensorData.FromFloats([2, 2, 3, 4], [.. Enumerable.Range(0, 48).Select(X)]) }, Batch = 2 };

    static float X(int i) => (float)(Math.Round(Math.Sin(3 * i + 1) * 64) / 64);

    /// <summary>The maps of the first sample.</summary>
    static List<Matrix<double>> Expected()
    {
        var x = Matrix<double>.Build.DenseOfRowMajor(2, 12, Enumerable.Range(0, 24).Select(i => (double)X(i)));
        var a = Mix * x;
        var h = a.Map(v => Math.Max(v, 0));
        return [a, h, Back * h, x + Back * h];
    }

    static double InverseCondition(Matrix<double> m) => m.Svd(computeVectors: false).S is var s ? s.Minimum() / s.Maximum() : 0;

    /// <summary>The smallest eigenvalue of the correlations; those of a channel without variance are 0.</summary>
    static double SmallestCorrelation(Matrix<double> m) => HandComputedTests.Correlation(m).Map(v => double.IsNaN(v) ? 0 : v).Evd(Symmetricity.Symmetric).EigenValues.Min(v => v.Real);

    [Fact]
    public void Dextr_sums_the_inverse_conditions_of_the_first_samples_maps()
    {
        var score = Maps().Score("dextr");
        Assert.Equal(4, score.Components["maps"]);
        ScoredModel.AssertClose("S", Expected().Sum(InverseCondition), score.Components["S"], 1e-5);
        var (a, b) = (Math.Log(1 + score.Components["S"]), Math.Log(1 + score.Components["kappa"]));
        ScoredModel.AssertClose("dextr", a * b / (a + b), score.Value!.Value, 1e-9);
    }

    [Fact]
    public void MeCo_sums_the_smallest_eigenvalues_of_the_channels_correlations() =>
        ScoredModel.AssertClose("meco", Expected().Sum(SmallestCorrelation), Maps().Value("meco"), 1e-5);

    [Theory]
    [InlineData("zero map", "const zero f32[1] = 0\nz = Mul(y, zero)\nt = Relu(z)", 0, 0)]
    [InlineData("one channel", "const k f32[1,2,1,1] = 1 1\nt = Conv(y, k)", 1, 1)]
    [InlineData("one position", "t = GlobalAveragePool(y)", 1, 0)]
    [InlineData("one channel without variance", "const k f32[1,2,1,1] = 0\nconst b f32[1] = 3\nt = Conv(y, k, b)", 1, 0)]
    [InlineData("a channel without variance", "const k f32[2,2,1,1] = 1 0 0 0\nconst b f32[2] = 0 3\nt = Conv(y, k, b)", double.NaN, 0)]
    public void Maps_of_one_row_or_column_and_zero_ones_have_the_values_of_the_definition(string what, string extra, double condition, double correlation)
    {
        var scored = Maps(extra, "t");
        if (!double.IsNaN(condition)) ScoredModel.AssertClose($"S with {what}", Expected().Sum(InverseCondition) + condition, scored.Score("dextr").Components["S"], 1e-5);
        ScoredModel.AssertClose($"meco with {what}", Expected().Sum(SmallestCorrelation) + correlation, scored.Value("meco"), 1e-5);
    }

    [Fact]
    public void Near_counts_a_zero_map_as_nothing()
    {
        var zero = Maps("const zero f32[1] = 0\nz = Mul(y, zero)\nt = Relu(z)", "t");
        ScoredModel.AssertClose("near", Maps().Value("near"), zero.Value("near"), 1e-9);
    }

    /// <summary>Curves of a network y(x): the velocity J v and the acceleration vᵀ H v − J u, written out at θ = 0.</summary>
    [Theory]
    [InlineData("squares", "z = Mul(a, a)")]
    [InlineData("a piecewise linear network", "z = Relu(a)")]
    [InlineData("a bounded one", "z = Tanh(a)")]
    public void The_curvature_is_that_of_the_path_of_the_outputs(string what, string nonlinear)
    {
        const int Outputs = 10;
        var scored = ScoredModel.Of($"""
            opset 17
            input x f32[N,5]
            const w f32[5,{Outputs}] = seeded
            a = MatMul(x, w)
            {nonlinear}
            output z
            """) with
        { Batch = 1 };
        var w = Matrix<double>.Build.DenseOfRowMajor(5, Outputs, Enumerable.Range(0, 5 * Outputs).Select(i => Math.Sin(i + 1)));
        var (first, second) = OrthonormalPair.Of(5, 0, "x");
        var (u, v) = (Vector<double>.Build.DenseOfArray(first), Vector<double>.Build.DenseOfArray(second));
        Assert.Equal([1, 1, 0], new[] { u * u, v * v, u * v }.Select(n => Math.Round(n, 12)));
        var (au, av) = (u * w, v * w);
        var (velocity, acceleration) = nonlinear switch
        {
            "z = Mul(a, a)" => (2 * au.PointwiseMultiply(av), 2 * av.PointwiseMultiply(av) - 2 * au.PointwiseMultiply(au)),
            "z = Relu(a)" => (av.PointwiseMultiply(au.Map(a => a > 0 ? 1.0 : 0)), -au.Map(a => Math.Max(a, 0))),
            _ => (av.PointwiseMultiply(Slope(au)), -2 * au.PointwiseTanh().PointwiseMultiply(Slope(au)).PointwiseMultiply(av).PointwiseMultiply(av) - au.PointwiseMultiply(Slope(au))),
        };
        ScoredModel.AssertClose($"kappa of {what}", Kappa(velocity, acceleration), scored.Score("dextr").Components["kappa"], 1e-4);
    }

    static double Kappa(Vector<double> velocity, Vector<double> acceleration) =>
        Math.Sqrt((velocity * velocity) * (acceleration * acceleration) - Math.Pow(velocity * acceleration, 2)) / Math.Pow(velocity.L2Norm(), 3);

    [Fact]
    public void Inputs_whose_samples_do_not_come_first_move_on_circles_of_their_own()
    {
        // z = (x w)² + (b₀ + b₁)², where b is [2, samples, 3].
        var scored = ScoredModel.Of("""
            opset 17
            input x f32[N,5]
            input b f32[2,N,3]
            const w f32[5,3] = seeded
            a = MatMul(x, w)
            p = Mul(a, a)
            c = ReduceSum(b, axis) keepdims=0
            q = Mul(c, c)
            z = Add(p, q)
            output z
            """.Replace("const w", "const axis i64[1] = 0\nconst w", StringComparison.Ordinal)) with
        { Batch = 1 };
        var w = Matrix<double>.Build.DenseOfRowMajor(5, 3, Enumerable.Range(0, 15).Select(i => Math.Sin(i + 1)));
        var ((xu, xv), (bu, bv)) = (OrthonormalPair.Of(5, 0, "x"), OrthonormalPair.Of(6, 0, "b"));
        Vector<double> Mixed(double[] x) => Vector<double>.Build.DenseOfArray(x) * w;
        Vector<double> Joined(double[] b) => Vector<double>.Build.Dense(3, i => b[i] + b[3 + i]);
        var velocity = 2 * Mixed(xu).PointwiseMultiply(Mixed(xv)) + 2 * Joined(bu).PointwiseMultiply(Joined(bv));
        Vector<double> Bend(Vector<double> u, Vector<double> v) => 2 * v.PointwiseMultiply(v) - 2 * u.PointwiseMultiply(u);
        ScoredModel.AssertClose("kappa", Kappa(velocity, Bend(Mixed(xu), Mixed(xv)) + Bend(Joined(bu), Joined(bv))), scored.Score("dextr").Components["kappa"], 1e-4);
    }

    static Vector<double> Slope(Vector<double> a) => 1 - a.PointwiseTanh().PointwisePower(2);

    [Fact]
    public void States_and_masks_stand_still_on_the_curve()
    {
        // y = x² + 100 h with h a state: were the state to move, the velocity would be another.
        ScoredModel With(string state) => ScoredModel.Of($"""
            opset 17
            input x f32[N,4]
            {state}
            const w f32[4,3] = seeded
            const k f32[1] = 100
            a = MatMul(x, w)
            s = Mul(a, a)
            t = Mul(h, k)
            y = Add(s, t)
            output y
            """) with
        { Batch = 1 };
        ScoredModel.AssertClose("kappa", With("const h f32[1,3] = 0").Score("dextr").Components["kappa"], With("input h f32[N,3]").Score("dextr").Components["kappa"], 1e-6);
    }
}
