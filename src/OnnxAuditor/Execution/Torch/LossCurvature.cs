using GraphRewriter.Ir;
using OnnxAuditor.Numerics;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>An end of the Hessian's spectrum.</summary>
/// <param name="Value">The eigenvalue λ, or the best estimate of it.</param>
/// <param name="Residual">‖Hv - λv‖ for the estimated eigenvector v of norm 1: an eigenvalue lies within this distance of the estimate.</param>
readonly record struct SpectrumEnd(double Value, double Residual);

/// <summary>Both ends of the Hessian's spectrum.</summary>
/// <param name="Largest">The largest eigenvalue.</param>
/// <param name="Smallest">The smallest eigenvalue.</param>
/// <param name="Steps">Hessian-vector products made.</param>
/// <param name="Converged">Whether both residuals are within the tolerance asked for.</param>
sealed record SpectrumEnds(SpectrumEnd Largest, SpectrumEnd Smallest, int Steps, bool Converged);

/// <summary>A trace estimated from samples.</summary>
/// <param name="Value">The mean over samples.</param>
/// <param name="StandardError">Its standard error: the samples' standard deviation over the root of their number.</param>
/// <param name="Samples">The number of samples.</param>
sealed record TraceEstimate(double Value, double StandardError, int Samples);

/// <summary>
/// Second derivatives of a scalar by some leaves of a recorded pass, taken together as one vector of P entries in the order of the leaves. The first gradients are recorded
/// once; each product with the Hessian is a backward pass through them (Pearlmutter, Fast Exact Multiplication by the Hessian, 1994).
/// </summary>
sealed class LossCurvature : IDisposable
{
    readonly IReadOnlyList<Tensor> leaves;
    readonly Tensor?[] gradients;
    readonly TorchSharp.DisposeScope made = NewDisposeScope();
    // The vector of the largest eigenvalue, once Ends has found it.
    Tensor? top;

    /// <summary>Records the gradients.</summary>
    /// <param name="pass">A pass in which the parameters are leaves.</param>
    /// <param name="loss">A float scalar that the pass kept.</param>
    /// <param name="parameters">The leaves to differentiate by.</param>
    public LossCurvature(TorchPass pass, Value loss, IReadOnlyList<Value> parameters)
    {
        leaves = [.. parameters.Select(p => pass[p])];
        gradients = pass.Gradients(loss, parameters, differentiable: true);
        Count = leaves.Sum(l => l.numel());
    }

    /// <summary>The number P of entries.</summary>
    public long Count { get; }

    /// <summary>The first gradients, P entries.</summary>
    public double[] Gradient()
    {
        using var scope = NewDisposeScope();
        return Fetch(Flat(gradients));
    }

    /// <summary>The product of the Hessian with a vector of P entries.</summary>
    public double[] Product(double[] vector)
    {
        using var scope = NewDisposeScope();
        return Fetch(Product(Place(vector)));
    }

    /// <summary>
    /// The ends of the spectrum by the Lanczos iteration with full re-orthogonalisation. It stops when both residuals, as the iteration itself bounds them, are at most the
    /// tolerance times the larger of the two estimates' magnitudes, when the space is exhausted, or after the most steps; residuals are then computed with one product each.
    /// </summary>
    /// <param name="tolerance">Residual over the largest magnitude of an eigenvalue, dimensionless.</param>
    /// <param name="mostSteps">The most products; as many vectors of P entries are kept.</param>
    /// <param name="seed">The seed of the first vector.</param>
    /// <param name="cancellation">Ends the iteration between two products.</param>
    public SpectrumEnds Ends(double tolerance = 1e-3, int mostSteps = 64, long seed = 0, CancellationToken cancellation = default)
    {
        using var scope = NewDisposeScope();
        var random = new SeededRandom(seed, "lanczos");
        var lanczos = new Lanczos(Product, Place([.. Enumerable.Range(0, checked((int)Count)).Select(_ => random.Normal())]), (int)Math.Min(mostSteps, Count));
        while (lanczos.Step() && !lanczos.IsWithin(tolerance)) cancellation.ThrowIfCancellationRequested();
        var pair = lanczos.Pair(fromTop: true);
        top?.Dispose();
        top = pair.Vector.clone().DetachFromDisposeScope();
        var (largest, smallest) = (Checked(pair), Checked(lanczos.Pair(fromTop: false)));
        var allowed = tolerance * Math.Max(Math.Abs(largest.Value), Math.Abs(smallest.Value));
        return new SpectrumEnds(largest, smallest, lanczos.Steps, largest.Residual <= allowed && smallest.Residual <= allowed);
    }

    /// <summary>
    /// The trace by Hutchinson's estimator: the mean of zᵀ H z over vectors of random signs (A stochastic estimator of the trace, 1990). Where <see cref="Ends"/> found the vector v of
    /// the largest eigenvalue before, vᵀ H v is added exactly and z is made orthogonal to v, without which a single large eigenvalue makes most of the error.
    /// </summary>
    /// <param name="samples">The number of vectors, at least 2.</param>
    /// <param name="seed">Their seed.</param>
    /// <param name="cancellation">Ends the sampling between two products.</param>
    public TraceEstimate Trace(int samples = 32, long seed = 0, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(samples, 2);
        var random = new SeededRandom(seed, "hutchinson");
        var exact = 0.0;
        if (top is not null)
        {
            using var product = Product(top);
            exact = Dot(top, product);
        }
        var values = new double[samples];
        for (var s = 0; s < samples; s++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var z = Place([.. Enumerable.Range(0, checked((int)Count)).Select(_ => random.Integer(2) == 0 ? -1.0 : 1)]);
            if (top is not null) z -= top * Dot(top, z);
            values[s] = exact + Dot(z, Product(z));
        }
        var mean = values.Average();
        return new TraceEstimate(mean, Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (samples - 1) / samples), samples);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        top?.Dispose();
        made.Dispose();
    }

    SpectrumEnd Checked((double Value, Tensor Vector) pair)
    {
        using var rest = Product(pair.Vector) - pair.Vector * pair.Value;
        return new SpectrumEnd(pair.Value, Math.Sqrt(Dot(rest, rest)));
    }

    Tensor Product(Tensor vector)
    {
        using var scope = NewDisposeScope();
        var parts = Split(vector);
        var terms = gradients.Zip(parts).Where(g => g.First is { requires_grad: true }).Select(g => (g.First! * g.Second).sum()).ToList();
        // Gradients that depend on no parameter have no curvature.
        if (terms.Count == 0) return scope.MoveToOuter(zeros_like(vector));
        var products = TorchPass.Gradients(terms.Aggregate((a, b) => a + b), leaves);
        return scope.MoveToOuter(Flat(products));
    }

    Tensor Flat(IReadOnlyList<Tensor?> parts)
    {
        using var noGrad = no_grad();
        return cat([.. parts.Select((p, i) => (p ?? zeros_like(leaves[i])).detach().reshape(-1))]);
    }

    IEnumerable<Tensor> Split(Tensor vector) => vector.split([.. leaves.Select(l => l.numel())]).Zip(leaves, (part, leaf) => part.reshape(leaf.shape));

    Tensor Place(double[] vector)
    {
        if (vector.LongLength != Count) throw new ArgumentException($"The vector has {vector.LongLength} entries, the leaves {Count}.", nameof(vector));
        return tensor(vector).to(leaves[0].dtype).to(leaves[0].device);
    }

    static double[] Fetch(Tensor vector) => [.. vector.to(ScalarType.Float64).cpu().data<double>()];

    internal static double Dot(Tensor a, Tensor b)
    {
        using var scope = NewDisposeScope();
        return (a.to(ScalarType.Float64) * b.to(ScalarType.Float64)).sum().item<double>();
    }
}
