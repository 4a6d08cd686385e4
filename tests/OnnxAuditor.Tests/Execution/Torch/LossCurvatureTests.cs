using GraphRewriter.Canonicalization;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using MathNet.Numerics.LinearAlgebra;
using OnnxAuditor.Execution.Torch;
using OnnxAuditor.Numerics;
using Xunit;

namespace OnnxAuditor.Tests.Execution.Torch;

/// <summary>Second-order services against a Hessian computed column by column, differences, and each other. All in float64.</summary>
public sealed class LossCurvatureTests : IDisposable
{
    readonly CanonicalModel canonical;
    readonly TorchExecutor executor;
    readonly AttachedLoss loss;
    readonly Dictionary<string, TensorData> feeds;
    readonly Value[] parameters;

    /// <summary>A network of 46 parameters with a smooth and a curved activation.</summary>
    public LossCurvatureTests()
    {
        canonical = Canonicalizer.Run(TextGraph.Parse("""
            opset 17
            input x f32[6,4]
            const w1 f32[4,5] = seeded
            const b1 f32[5] = seeded
            const w2 f32[5,3] = seeded
            const scale f32[3] = 1 -2 0.5
            const w3 f32[3,1] = seeded
            const b3 f32[1] = seeded
            a = MatMul(x, w1)
            b = Add(a, b1)
            c = Tanh(b)
            d = MatMul(c, w2)
            e = Mul(d, scale)
            f = Softplus(e)
            g = MatMul(f, w3)
            y = Add(g, b3)
            output y
            """), new CanonicalOptions { Batch = 6 });
        loss = AttachLoss.Run(canonical.Model.Graph, kind: LossKind.Mse);
        executor = new TorchExecutor(canonical.Model, new TorchSettings(Threads: 1, Float64: true));
        parameters = [.. canonical.Parameters.Where(p => p.Trainable).Select(p => p.Value)];
        var random = new SeededRandom(3, "curvature");
        feeds = new(StringComparer.Ordinal)
        {
            ["x"] = TensorData.FromFloats([6, 4], [.. Enumerable.Range(0, 24).Select(_ => (float)random.Normal())]),
            [loss.Terms[0].Target!.Name] = TensorData.FromFloats([6, 1], [.. Enumerable.Range(0, 6).Select(_ => (float)random.Normal())]),
        };
    }

    public void Dispose() => executor.Dispose();

    TorchPass Pass(params Value[] leaves) => executor.Forward(feeds, [loss.Loss, canonical.Model.Graph.Outputs[0]], leaves, TestContext.Current.CancellationToken);

    static Matrix<double> Dense(LossCurvature curvature)
    {
        var n = (int)curvature.Count;
        return Matrix<double>.Build.DenseOfColumnArrays(Enumerable.Range(0, n).Select(k => curvature.Product([.. Enumerable.Range(0, n).Select(i => i == k ? 1.0 : 0)])));
    }

    [Fact]
    public void Columns_of_the_Hessian_are_differences_of_gradients()
    {
        using var pass = Pass(parameters);
        using var curvature = new LossCurvature(pass, loss.Loss, parameters);
        var hessian = Dense(curvature);
        Assert.Equal(46, curvature.Count);
        Assert.True((hessian - hessian.Transpose()).L2Norm() <= 1e-12 * hessian.L2Norm());
        // The weights are widened float32 numbers; moved copies of the model are exact as well where the step is a power of two.
        const double Step = 1.0 / 4096;
        var at = 0;
        foreach (var parameter in parameters)
        {
            var kept = parameter.Data!;
            double[] Moved(double step) => GradientAt(parameter, TensorData.FromDoubles([.. kept.Dims], [.. kept.ToDoubles().Select((v, i) => i == 0 ? v + step : v)]));
            var difference = Vector<double>.Build.DenseOfArray(Moved(Step)).Subtract(Vector<double>.Build.DenseOfArray(Moved(-Step))).Divide(2 * Step);
            // The central difference is off by the third derivative times step² / 6, 1e-8 here.
            Assert.True((difference - hessian.Column(at)).L2Norm() <= 1e-6 * hessian.L2Norm(), $"{parameter.Name}: {(difference - hessian.Column(at)).L2Norm() / hessian.L2Norm()}");
            at += (int)kept.Count;
        }
    }

    double[] GradientAt(Value parameter, TensorData data)
    {
        var model = canonical.Model.Copy();
        model.Graph.Initializers.Single(i => string.Equals(i.Name, parameter.Name, StringComparison.Ordinal)).Data = data;
        model.Graph.Initializers.Single(i => string.Equals(i.Name, parameter.Name, StringComparison.Ordinal)).Type = ElementType.Float64;
        using var moved = new TorchExecutor(model, new TorchSettings(Threads: 1, Float64: true));
        Value Image(Value v) => model.Graph.Initializers.Concat(model.Graph.Nodes.SelectMany(n => n.Outputs).OfType<Value>()).Single(i => string.Equals(i.Name, v.Name, StringComparison.Ordinal));
        Value[] leaves = [.. parameters.Select(Image)];
        using var pass = moved.Forward(feeds, [Image(loss.Loss)], leaves, TestContext.Current.CancellationToken);
        using var curvature = new LossCurvature(pass, Image(loss.Loss), leaves);
        return curvature.Gradient();
    }

    [Fact]
    public void The_ends_of_the_spectrum_are_those_of_the_dense_Hessian()
    {
        using var pass = Pass(parameters);
        using var curvature = new LossCurvature(pass, loss.Loss, parameters);
        var eigenvalues = Dense(curvature).Evd(Symmetricity.Symmetric).EigenValues.Select(e => e.Real).Order().ToList();
        var ends = curvature.Ends(tolerance: 1e-6, cancellation: TestContext.Current.CancellationToken);
        Assert.True(ends.Converged && ends.Steps < 46, $"{ends}");
        var scale = Math.Max(Math.Abs(eigenvalues[0]), Math.Abs(eigenvalues[^1]));
        // A residual r bounds the error of an eigenvalue by r, and near a simple one by r² over its distance to the next.
        Assert.Equal(eigenvalues[^1], ends.Largest.Value, 1e-6 * scale);
        Assert.Equal(eigenvalues[0], ends.Smallest.Value, 1e-6 * scale);
        Assert.True(ends.Largest.Residual <= 1e-6 * scale && ends.Smallest.Residual <= 1e-6 * scale);
        Assert.False(curvature.Ends(tolerance: 1e-6, mostSteps: 2, cancellation: TestContext.Current.CancellationToken).Converged);
    }

    [Fact]
    public void The_estimated_trace_is_within_its_standard_error_of_the_dense_one()
    {
        using var pass = Pass(parameters);
        using var curvature = new LossCurvature(pass, loss.Loss, parameters);
        var hessian = Dense(curvature);
        var trace = curvature.Trace(samples: 400, cancellation: TestContext.Current.CancellationToken);
        // Four standard errors: a sound estimator is outside once in 16,000 seeds.
        Assert.InRange(trace.Value, hessian.Trace() - 4 * trace.StandardError, hessian.Trace() + 4 * trace.StandardError);
        // The variance of zᵀHz over random signs is twice the sum of squares beside the diagonal.
        var variance = 2 * (Math.Pow(hessian.FrobeniusNorm(), 2) - hessian.Diagonal().DotProduct(hessian.Diagonal()));
        Assert.Equal(Math.Sqrt(variance / 400), trace.StandardError, 0.2 * Math.Sqrt(variance / 400));
    }

    [Fact]
    public void Equal_seeds_give_equal_bits()
    {
        using var pass = Pass(parameters);
        using var curvature = new LossCurvature(pass, loss.Loss, parameters);
        TraceEstimate Trace(long seed) => curvature.Trace(8, seed, TestContext.Current.CancellationToken);
        SpectrumEnds Ends() => curvature.Ends(seed: 5, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(Trace(5), Trace(5));
        Assert.Equal(Ends(), Ends());
        Assert.NotEqual(Trace(5), Trace(6));
    }

    [Fact]
    public void A_scalar_that_is_linear_in_its_parameters_has_no_curvature()
    {
        var model = Canonicalizer.Run(TextGraph.Parse("""
            opset 17
            input x f32[2,3]
            const w f32[3,2] = seeded
            y = MatMul(x, w)
            output y
            """), new CanonicalOptions { Batch = 2 });
        var sum = AttachLoss.Run(model.Model.Graph, kind: LossKind.Sum);
        using var linear = new TorchExecutor(model.Model);
        Value[] weights = [.. model.Parameters.Select(p => p.Value)];
        using var pass = linear.Forward(new Dictionary<string, TensorData>(StringComparer.Ordinal) { ["x"] = TensorData.FromFloats([2, 3], [1, 2, 3, 4, 5, 6]) }, [sum.Loss], weights, TestContext.Current.CancellationToken);
        using var curvature = new LossCurvature(pass, sum.Loss, weights);
        Assert.All(curvature.Product([1, 2, 3, 4, 5, 6]), p => Assert.Equal(0, p));
        var ends = curvature.Ends(cancellation: TestContext.Current.CancellationToken);
        Assert.Equal((0, 0, true), (ends.Largest.Value, ends.Smallest.Value, ends.Converged));
    }

    [Fact]
    public void Jacobian_products_are_adjoint_and_agree_with_differences_along_a_line()
    {
        var (x, y) = (canonical.Model.Graph.Inputs[0], canonical.Model.Graph.Outputs[0]);
        var random = new SeededRandom(7, "directions");
        double[] Draw(int n) => [.. Enumerable.Range(0, n).Select(_ => Math.Round(random.Normal() * 64) / 64)];
        var (v, u) = (Draw(24), Draw(6));
        using var pass = Pass(x);
        var forward = Jacobian.Times(pass, y, x, TensorData.FromDoubles([6, 4], v)).ToDoubles();
        var backward = Jacobian.Transposed(pass, y, x, TensorData.FromDoubles([6, 1], u)).ToDoubles();
        var (left, right) = (forward.Zip(u, (a, b) => a * b).Sum(), backward.Zip(v, (a, b) => a * b).Sum());
        Assert.Equal(left, right, 1e-12 * Math.Abs(left));

        var (first, second) = Jacobian.Along(pass, y, x, TensorData.FromDoubles([6, 4], v));
        double[] At(double t)
        {
            feeds["x"] = TensorData.FromDoubles([6, 4], [.. feeds["x"].ToDoubles().Zip(v, (a, b) => a + t * b)]);
            var result = executor.Run(feeds, [y.Name], TestContext.Current.CancellationToken)[0].ToDoubles();
            feeds["x"] = TensorData.FromDoubles([6, 4], [.. feeds["x"].ToDoubles().Zip(v, (a, b) => a - t * b)]);
            return result;
        }
        // Steps of 2⁻¹⁰: truncation step² / 6 and / 12 of the third and fourth derivatives, rounding 1e-16 / step².
        const double Step = 1.0 / 1024;
        var (ahead, here, behind) = (At(Step), At(0), At(-Step));
        for (var i = 0; i < 6; i++)
        {
            Assert.Equal((ahead[i] - behind[i]) / (2 * Step), first.ToDoubles()[i], 1e-5 * Math.Abs(first.ToDoubles()[i]) + 1e-6);
            Assert.Equal(forward[i], first.ToDoubles()[i], 1e-12 * Math.Abs(forward[i]) + 1e-15);
            Assert.Equal((ahead[i] - 2 * here[i] + behind[i]) / (Step * Step), second.ToDoubles()[i], 1e-4 * Math.Abs(second.ToDoubles()[i]) + 1e-5);
        }
        Assert.Contains(second.ToDoubles(), s => Math.Abs(s) > 1e-3);
    }
}
